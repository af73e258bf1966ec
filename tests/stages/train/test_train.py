"""The rows that training reads, and the backend that it chooses. No model is trained here."""

from pathlib import Path

import pytest
import torch

from stages.command import Failure
from stages.tokenize import write_rows
from stages.train import backend
from stages.train.__main__ import read_rows


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_rows_come_back_in_order_however_few(count: int, tmp_path: Path) -> None:
    ids = [[n, n + 1, 2] for n in range(count)]
    rows = [
        {"example_id": str(n), "input_ids": row, "labels": [-100, *row[1:]], "n_prompt": 1, "n_target": 2, "n_cut": 0}
        for n, row in enumerate(ids)
    ]
    write_rows(rows, tmp_path, "valid", 2)
    found = read_rows(tmp_path, "valid")
    assert len(found) == count
    assert [list(row["input_ids"]) for row in found] == ids
    assert [list(row["labels"]) for row in found] == [[-100, *row[1:]] for row in ids]


def test_missing_shards_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"holds no train-\*.parquet; run `dvc repro`"):
        read_rows(tmp_path, "train")


def test_without_a_gpu_the_backend_is_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [backend.choose(wanted) for wanted in ("auto", "peft")] == ["peft", "peft"]
    with pytest.raises(Failure, match="needs a CUDA GPU"):
        backend.choose("unsloth")
