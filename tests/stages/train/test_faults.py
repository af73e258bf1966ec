"""What a person can get wrong, or a machine can do, while an adapter is trained: one line each, and a training that goes on."""

import itertools
import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from transformers import AutoConfig
from transformers.models.auto import AutoModelForCausalLM

from stages import checkpoint
from stages.command import Failure
from stages.params import AdapterTraining, Lora, Train
from stages.train import backend
from stages.train.run import fit, save
from tests.stages.train.conftest import files, start, wait_until_held, write
from tests.warm import Command

YAML_ = YAML(typ="safe", pure=True)
BROKEN = 102  # a token


def last_line(process: Command) -> str:
    text = process.said()
    assert process.returncode == 1, text
    assert "Traceback" not in text
    return text.strip().splitlines()[-1]


@pytest.fixture
def altered(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the base, to be broken."""
    return shutil.copytree(tiny, tmp_path / "base")


def change_weights(folder: Path, change: Any) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")


# --- not a number


@pytest.mark.slow
@pytest.mark.parametrize(("split", "when"), [("train", r"at step \d+"), ("valid", r"in the validation after step 5")])
def test_a_loss_that_is_no_number_names_step_and_examples(split: str, when: str, place: Path, altered: Path) -> None:
    guilty = [BROKEN - 2, BROKEN - 1, BROKEN, *range(300, 306)]
    (place / "tokens").mkdir()
    for name, count in (("train", 40), ("valid", 6)):
        innocent = [[200 + n, *range(300, 308)] for n in range(count)]
        write(place / "tokens", name, [guilty, *innocent[1:]] if name == split else innocent)
    change_config(altered, tie_word_embeddings=False)  # else every row meets the broken token among its logits
    name = "model.embed_tokens.weight"
    change_weights(altered, lambda weights: weights.update({"lm_head.weight": weights[name].clone()}))
    change_weights(altered, lambda weights: weights[name][BROKEN].fill_(float("nan")))
    line = last_line(start(place, altered, place / "tokens", "out"))
    found = re.fullmatch(rf"error: train: the loss is nan {when}, in a batch of (.*); look at these examples.*", line)
    assert found
    assert f"{split}-0" in found[1].split(", ")
    assert len(found[1].split(", ")) == 2  # the rows of a batch


@pytest.mark.slow
def test_a_gradient_that_is_no_number_names_step_and_examples(
    tiny: Path,
    tokens: Path,
    lora: Lora,
    section: AdapterTraining,
    machine: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load, passes = backend.load, itertools.count(1)

    def broken(weight: torch.Tensor) -> None:
        if next(passes) == 5 and weight.grad is not None:
            weight.grad.fill_(float("nan"))

    def planted(*arguments: Any) -> Any:
        model = load(*arguments)
        weight = next(weight for name, weight in model.named_parameters() if "lora_B" in name)
        weight.register_post_accumulate_grad_hook(broken)
        return model

    monkeypatch.setattr(backend, "load", planted)
    wanted = r"the norm of the gradient is nan at step 3, in a batch of train-\d+, train-\d+, train-\d+, train-\d+; look"
    with pytest.raises(Failure, match=wanted):  # the fifth backward pass: two a step
        fit("products", tiny, tokens, lora, section, machine, tmp_path)


# --- a base that is not of one piece


@pytest.mark.slow
def test_a_base_that_is_not_there(place: Path, tokens: Path) -> None:
    assert "nowhere holds no model (no config.json); run `dvc repro`" in last_line(
        start(place, place / "nowhere", tokens, "out")
    )


@pytest.mark.slow
def test_a_tokenizer_with_more_tokens_than_weights(place: Path, altered: Path, tokens: Path) -> None:
    change_config(altered, vocab_size=49000)
    name = "model.embed_tokens.weight"
    change_weights(altered, lambda weights: weights.update({name: weights[name][:49000].clone()}))
    line = last_line(start(place, altered, tokens, "out"))
    assert "makes 49,152 tokens, its weights know 49,000: they are not of one model" in line


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vocab_size": 50000}, "other shapes than its config.json says"),
        ({"num_hidden_layers": 3}, "has no weights for model.layers.2"),
    ],
)
def test_weights_that_are_not_those_of_the_configuration(
    changes: dict[str, int], words: str, place: Path, altered: Path, tokens: Path
) -> None:
    change_config(altered, **changes)
    assert words in last_line(start(place, altered, tokens, "out"))


@pytest.mark.slow
def test_an_adapter_from_another_base(
    tiny: Path, altered: Path, tokens: Path, lora: Lora, section: AdapterTraining, machine: Train, tmp_path: Path
) -> None:
    model, record = fit("products", tiny, tokens, lora, section.model_copy(update={"max_steps": 1}), machine, tmp_path / "work")
    save(model, record, tmp_path / "out", tmp_path / "none")
    checkpoint.load(tiny, "float32", tmp_path / "out")
    change_weights(altered, lambda weights: weights["model.norm.weight"].fill_(0.5))  # same shapes
    with pytest.raises(Failure, match=r"out was trained on another base than .*base; run `dvc repro`"):
        checkpoint.load(altered, "float32", tmp_path / "out")
    (tmp_path / "out" / "training.json").unlink()  # an adapter from elsewhere has no record
    narrower = AutoConfig.from_pretrained(altered, intermediate_size=32)
    AutoModelForCausalLM.from_config(narrower).save_pretrained(altered)
    with pytest.raises(Failure, match="does not fit the base"):
        checkpoint.load(altered, "float32", tmp_path / "out")


# --- interrupted


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_training_says_where_it_goes_on(
    number: int, place: Path, tiny: Path, tokens: Path, whole: dict[str, bytes]
) -> None:
    process = start(place, tiny, tokens, "cut", hold=5)
    wait_until_held(process)
    process.send(number)
    process.send(signal.SIGCONT)
    assert last_line(process) == "error: train: interrupted; run it again: it goes on from checkpoint-5"
    assert not (place / "work" / "pid").exists()
    assert "going on from checkpoint-5" in start(place, tiny, tokens, "cut").finish()
    assert files(place / "cut") == whole


@pytest.mark.slow
def test_changed_parameters_leave_a_stale_checkpoint_alone(place: Path, tiny: Path, tokens: Path) -> None:
    process = start(place, tiny, tokens, "out", hold=5)
    wait_until_held(process)
    process.send(signal.SIGKILL)
    process.said()
    values = YAML_.load((place / "params.yaml").read_text(encoding="utf-8"))
    values["adapters"]["products"]["train"]["weight_decay"] = 0.02
    with (place / "params.yaml").open("w", encoding="utf-8") as file:
        YAML_.dump(values, file)
    assert "going on" not in start(place, tiny, tokens, "out").finish()
    assert [path for path in (place / "work").iterdir() if path.is_dir()] == []  # the stale one went with the rest


# --- a full disk


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of six megabytes at `work`: a checkpoint of the tiny adapter takes half a megabyte, the tokenizer in it 3.5."""
    disk = place / "work"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("may not mount a disk here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_with_one_line_and_the_training_goes_on(
    place: Path, small_disk: Path, tiny: Path, tokens: Path
) -> None:
    line = last_line(start(place, tiny, tokens, "out"))
    assert re.match(r"error: train: no space left for a checkpoint in work/\w+; make room and run it again: it goes on", line)
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    assert "going on from checkpoint-5" in start(place, tiny, tokens, "out").finish()
