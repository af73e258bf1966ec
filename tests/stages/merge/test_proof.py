"""The measures of a merge on known logits, and the thresholds."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import checkpoint, examples
from stages.command import Failure
from stages.examples import Example
from stages.merge import proof
from stages.merge.proof import Reading
from stages.params import Params
from tests.stages.merge.conftest import Make


def _logits(*rows: list[float]) -> torch.Tensor:
    return torch.log(torch.tensor(rows))


def test_equal_logits_have_no_distance() -> None:
    readings = [Reading(1, [1, 2], torch.tensor([[1.0, 2.0], [3.0, 1.0]])), Reading(1, [1, 2], torch.zeros(2, 3))]
    assert proof.compare(readings, [each.logits.clone() for each in readings]) == {
        "max_logit_difference": 0.0, "mean_logit_difference": 0.0, "kl_divergence": 0.0,
        "continuations": 2, "same_continuations": 2, "overturned_margin": 0.0,
    }  # fmt: skip


def test_the_distances_of_known_logits() -> None:
    readings = [Reading(1, [1], _logits([0.5, 0.5])), Reading(1, [1], _logits([0.25, 0.75]))]
    record = proof.compare(readings, [_logits([0.25, 0.75]), _logits([0.25, 0.75])])
    one, other = math.log(2), math.log(1.5)
    assert record["max_logit_difference"] == pytest.approx(one)
    assert record["mean_logit_difference"] == pytest.approx((one + other) / 4)
    assert record["kl_divergence"] == pytest.approx((0.5 * one - 0.5 * other) / 2)  # two tokens, one of them equal


def test_a_shift_of_all_logits_changes_no_probability() -> None:
    record = proof.compare([Reading(1, [1], torch.zeros(1, 4))], [torch.full((1, 4), -0.5)])
    assert record["max_logit_difference"] == 0.5
    assert record["kl_divergence"] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(
    ("other", "same", "margin"),
    [
        ([[0.9, 0.0], [0.0, 1.0], [5.0, 0.0]], 1, 0.0),  # after the last token nothing is compared
        ([[0.0, 0.9], [0.0, 1.0], [0.0, 5.0]], 0, 0.3),  # the first token of the continuation would be another
        ([[0.9, 0.0], [1.0, 0.0], [0.0, 5.0]], 0, 2.0),
    ],
)
def test_a_continuation_is_the_same_if_every_token_is(other: list[list[float]], same: int, margin: float) -> None:
    reading = Reading(1, [7, 0, 1], torch.tensor([[1.0, 0.7], [0.0, 2.0], [0.0, 5.0]]))
    record = proof.compare([reading], [torch.tensor(other)])
    assert record["same_continuations"] == same
    assert record["overturned_margin"] == pytest.approx(margin)


def test_what_comes_before_the_continuation_need_not_be_likeliest() -> None:
    reading = Reading(2, [7, 8, 0], torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]))
    assert proof.compare([reading], [torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])])["same_continuations"] == 1


@pytest.mark.parametrize(
    ("measure", "key"),
    [
        ("max_logit_difference", "max_logit_difference"),
        ("mean_logit_difference", "max_mean_logit_difference"),
        ("kl_divergence", "max_kl_divergence"),
        ("overturned_margin", "max_overturned_margin"),
    ],
)
@pytest.mark.parametrize("beyond", [True, False, None])
def test_every_measure_has_its_threshold(measure: str, key: str, beyond: bool | None, loaded: Params) -> None:
    limits = loaded.merge.model_dump()
    record: dict[str, Any] = dict.fromkeys(
        ("max_logit_difference", "mean_logit_difference", "kl_divergence", "overturned_margin"), 0.0
    )
    record[measure] = {True: limits[key] * 1.01, False: limits[key], None: float("nan")}[beyond]
    if beyond is False:
        proof.require(record, loaded.merge)
        return
    with pytest.raises(Failure, match=rf"merge: {measure} is .* > merge\.{key} = {limits[key]}; nothing is kept"):
        proof.require(record, loaded.merge)


@pytest.mark.slow
def test_the_continuation_is_what_plain_greedy_decoding_writes(small: Path, adapter: Make) -> None:
    weights, probes = adapter(small), [[5, 6, 7, 8], [9, 10]]
    model, _ = checkpoint.load(small, "float32", weights)
    for probe, reading in zip(probes, proof.read_by_both(small, weights, probes, 6, "cpu"), strict=True):
        ids = list(probe)
        for _ in range(6):
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        assert reading.ids == ids
        assert reading.n_prompt == len(probe)
        assert reading.logits.shape == (len(ids), 49152)


@pytest.mark.slow
def test_probes_are_the_prompts_of_the_first_examples(tmp_path: Path, base: Path, loaded: Params) -> None:
    path = tmp_path / "test.jsonl"
    examples.write(
        path,
        [Example(f"d-{task}-{n}", task, ["d"], "g", "en", "Open?", "No.") for n in range(3) for task in ("faq", "continue")],
    )
    tokenizer = checkpoint.load_tokenizer(base)
    asked = proof.probes_of(path, ["faq"], base, loaded.prompt, 2)
    assert len(asked) == 2
    assert tokenizer.decode(asked[0]).endswith("Open?<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.decode(proof.probes_of(path, ["continue"], base, loaded.prompt, 1)[0]) == "No."[:-1] + "."
    with pytest.raises(Failure, match=r"has no example of extract; add documents, or raise prepare\.test_share"):
        proof.probes_of(path, ["extract"], base, loaded.prompt, 2)
