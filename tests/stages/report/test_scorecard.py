"""The scorecard in a terminal."""

from typing import Any

import pytest

from stages.report import scorecard


def test_a_score_with_its_interval_and_a_loss_with_its_digits(capsys: pytest.CaptureFixture[str]) -> None:
    row: dict[str, Any] = {"exact_match": 0.96, "stop_rate": 1.0, "loss": 0.0108, "n": 100}
    row["intervals"] = {"exact_match": [0.912, 1.0], "stop_rate": [0.964, 1.0], "loss": [0.00584, 0.0188]}
    scorecard.show({"products": {"rules": {"exact_match": 0.5, "n": 100}, "adapter": row}})
    rules, adapter = (line.split() for line in capsys.readouterr().out.splitlines() if "100" in line)
    assert rules == ["rules", "0.500", "–", "–", "100"]
    assert adapter == ["adapter", "0.960", "0.91–1.00", "1.000", "0.0108", "0.00584–0.0188", "100"]
