"""Several adapters over one base: each request its own, switched without a trace, summed as the algebra says."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig

from stages import checkpoint
from stages import fusion as stage
from stages.command import Failure
from stages.fusion import BASE, Fusion, read_requests, replies
from stages.params import Combination, Evaluate, Params
from stages.predict.model import Cleaner
from stages.prompt import Prompter
from tests.conftest import ROOT
from tests.stages.gguf.conftest import make_adapter
from tests.stages.small import random_model

PROMPTS = [[5, 6, 7, 8], [9, 10], [11, 12, 13, 14, 15], [16, 17, 18]]


@pytest.fixture(scope="module")
def small(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with the real tokenizer."""
    folder = tmp_path_factory.mktemp("base")
    config = LlamaConfig(
        vocab_size=49152, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, initializer_range=0.06, pad_token_id=0, eos_token_id=2,
    )  # fmt: skip
    random_model(config, base, folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(small: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two adapters of one rank; the second also answers otherwise than the first."""
    root = tmp_path_factory.mktemp("adapters")
    make_adapter(small, root / "one", r=4)
    make_adapter(small, root / "two", r=4, lora_alpha=16)
    return {"one": root / "one", "two": root / "two"}


@pytest.fixture
def section(loaded: Params) -> Evaluate:
    return loaded.evaluate.model_copy(update={"dtype": "float32", "threads": 1, "batch_size": 8})


Load = Callable[[], Fusion]


@pytest.fixture
def load(small: Path, adapters: dict[str, Path], section: Evaluate) -> Load:
    return lambda: Fusion(small, adapters, section)


pytestmark = pytest.mark.slow


def _texts(fusion: Fusion, names: list[str] | None) -> list[str]:
    return [answer.text for answer in fusion.answer(PROMPTS, names, 6)]


def test_two_adapters_switched_a_hundred_times_answer_the_same_each_time(load: Load) -> None:
    fusion = load()
    first: dict[str, list[str]] = {}
    for turn in range(100):
        name = ("one", "two", BASE)[turn % 3] if turn % 10 == 0 else ("one", "two")[turn % 2]
        fusion.switch(name)
        assert _texts(fusion, None) == first.setdefault(name, _texts(fusion, None)), turn
    assert len({tuple(texts) for texts in first.values()}) == 3


def test_the_base_is_bit_identical_after_all_of_it(load: Load, small: Path) -> None:
    model, _ = checkpoint.load(small, "float32", None)
    wanted = checkpoint.digest(model.named_parameters())
    fusion = load()
    assert fusion.digest() == wanted
    for method in ("linear", "svd", "cat"):
        fusion.combine(method, Combination(weights={"one": 0.5, "two": 0.5}, method=method, rank=8))
    for name in fusion.names:
        fusion.switch(name)
        _texts(fusion, None)
    _texts(fusion, ["one", "two", BASE, "cat"])
    assert fusion.digest() == wanted
    assert checkpoint.digest(fusion.model.unload().named_parameters()) == wanted
    with torch.no_grad():
        next(fusion.model.parameters()).add_(1e-3)
    assert fusion.digest() != wanted


def test_a_mixed_batch_answers_as_each_adapter_alone(
    load: Load, small: Path, adapters: dict[str, Path], section: Evaluate
) -> None:
    fusion, names = load(), ["one", BASE, "two", "one"]
    alone = {name: Fusion(small, {name: path}, section) for name, path in adapters.items()}
    wanted = []
    for index, name in enumerate(names):
        engine = alone["one" if name == BASE else name]
        engine.switch(name)
        wanted.append(engine.answer([PROMPTS[index]], None, 6)[0].text)
    assert _texts(fusion, names) == wanted
    assert len(set(wanted)) == 4


def test_an_adapter_answers_as_when_it_is_loaded_alone(load: Load, small: Path, adapters: dict[str, Path]) -> None:
    fusion = load()
    for name, path in adapters.items():
        fusion.switch(name)
        model, tokenizer = checkpoint.load(small, "float32", path)
        ids = list(PROMPTS[0])
        for _ in range(6):
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        assert fusion.answer(PROMPTS[:1], None, 6)[0].text == tokenizer.decode(ids[4:])


def _deltas(fusion: Fusion, name: str) -> list[torch.Tensor]:
    layers = (module for module in fusion.model.modules() if hasattr(module, "get_delta_weight"))
    return [layer.get_delta_weight(name).detach() for layer in layers]


@pytest.mark.parametrize(
    ("method", "rank", "exact"), [("cat", 4, True), ("svd", 8, True), ("svd", 2, False), ("linear", 4, False)]
)
def test_a_combination_is_the_weighted_sum(method: Any, rank: int, exact: bool, load: Load) -> None:
    fusion = load()
    second = -0.25 if method == "cat" else 0.25
    fusion.combine("both", Combination(weights={"one": 0.75, "two": second}, method=method, rank=rank))
    for one, two, both in zip(*(_deltas(fusion, name) for name in ("one", "two", "both")), strict=True):
        wanted = 0.75 * one + second * two
        error = float((both - wanted).norm() / wanted.norm())
        assert error < 1e-4 if exact else 1e-4 < error < 1.5
    assert fusion.names == [BASE, "one", "two", "both"]
    assert _texts(fusion, ["both"] * 4) != _texts(fusion, ["one"] * 4)


@pytest.mark.parametrize(("option", "kind"), [("use_dora", "DoRA"), ("use_rslora", "rsLoRA")])
def test_what_does_not_add_up_is_refused(option: str, kind: str, small: Path, adapters: dict[str, Path], section: Evaluate,
                                         tmp_path: Path) -> None:  # fmt: skip
    other = make_adapter(small, tmp_path / "other", **{option: True})
    fusion = Fusion(small, {"one": adapters["one"], "other": other}, section)
    with pytest.raises(Failure, match=rf"fusion: both: other is {kind}; only plain LoRA adds up"):
        fusion.combine("both", Combination(weights={"one": 1.0, "other": 1.0}, method="cat", rank=4))


def test_ranks_that_linear_cannot_add_are_one_line(small: Path, adapters: dict[str, Path], section: Evaluate,
                                                   tmp_path: Path) -> None:  # fmt: skip
    fusion = Fusion(small, {"one": adapters["one"], "wide": make_adapter(small, tmp_path / "wide", r=8)}, section)
    with pytest.raises(Failure, match=r"fusion: both: linear of one and wide: All adapters must have the same r value"):
        fusion.combine("both", Combination(weights={"one": 1.0, "wide": 1.0}, method="linear", rank=4))


def test_an_unknown_name_lists_the_ones_there_are(load: Load) -> None:
    with pytest.raises(Failure, match="no adapter 'three' is loaded; there are base, one, two"):
        load().switch("three")


def test_requests_of_a_file_are_answered_in_order(load: Load, small: Path, loaded: Params, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    lines = [
        {"adapter": name, "input": f"<p>Card {n}</p>\0 a@b.example.org"} for n, name in enumerate(("two", "base", "one", "two"))
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    asked, fusion = read_requests(path, ["base", "one", "two"]), load()
    prompter = Prompter(checkpoint.load_tokenizer(small), loaded.prompt)
    pages, questions = (Cleaner(task, frozenset({"email"})) for task in ("extract", "faq"))
    found = replies(fusion, prompter, asked, {"one": pages, "two": questions, "base": pages}, 256, 4)
    for index, task, text in ((2, "extract", "Card 2\n[email]"), (3, "faq", "<p>Card 3</p> [email]")):
        ids = prompter.encode(task, text, 252).ids
        assert found[index].raw == fusion.answer([ids], [asked[index][0]], 4)[0].text
    assert len(found) == 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"adapter": "three", "input": "x"}', "line 2: no adapter 'three'; there are base, one"),
        ('{"input": "x"}', r'line 2: expected \{"adapter": text, "input": text\}, found'),
        ("[]", "line 2: expected"),
        ("no JSON", "line 2: expected"),
    ],
)
def test_a_line_that_is_no_request_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text('{"adapter": "one", "input": "x"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(Failure, match=message):
        read_requests(path, ["base", "one"])
    with pytest.raises(Failure, match=r"none\.jsonl does not exist"):
        read_requests(tmp_path / "none.jsonl", ["base"])


def test_line_separators_inside_a_text_do_not_end_a_line(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text('\ufeff{"adapter": "one", "input": "a\u2028b\u0085c"}\n', encoding="utf-8")
    assert read_requests(path, ["one"]) == [("one", "a\u2028b\u0085c")]


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _other_weights(base: Path, adapter: Path) -> None:
    (adapter / "training.json").write_text(json.dumps({"base_sha256": "c0ffee"}), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_other_weights, "one was trained on another base than .*; run `dvc repro` to train it on this one"),
        (
            lambda base, adapter: _halve(adapter / "adapter_model.safetensors"),
            "one does not fit the base .*; is it of another one",
        ),
        (lambda base, adapter: _halve(adapter / "adapter_config.json"), "one does not fit the base .*; is it of another one"),
        (lambda base, adapter: _halve(base / "model.safetensors"), "base cannot be read .*; is it whole?"),
        (lambda base, adapter: (adapter / "adapter_config.json").unlink(), "one holds no adapter; run `dvc repro` to make it"),
    ],
)
def test_what_is_broken_or_of_another_base_is_one_line(
    spoil: Callable[[Path, Path], None], message: str, small: Path, adapters: dict[str, Path], section: Evaluate, tmp_path: Path
) -> None:
    base, adapter = tmp_path / "base", tmp_path / "one"
    shutil.copytree(small, base)
    shutil.copytree(adapters["one"], adapter)
    Fusion(base, {"one": adapter}, section)  # before, it can be loaded
    spoil(base, adapter)
    with pytest.raises(Failure, match=message) as caught:
        Fusion(base, {"one": adapter}, section)
    assert "\n" not in str(caught.value)


def test_an_adapter_with_biases_is_refused(small: Path, section: Evaluate, tmp_path: Path) -> None:
    biased = make_adapter(small, tmp_path / "biased", bias="lora_only")
    with pytest.raises(Failure, match=r"fusion: biased trained biases, which would take the place of the base's; ask it by"):
        Fusion(small, {"biased": biased}, section)


def test_dora_answers_alone_and_is_refused_in_a_batch(
    small: Path, adapters: dict[str, Path], section: Evaluate, tmp_path: Path
) -> None:
    dora = make_adapter(small, tmp_path / "dora", use_dora=True)
    fusion = Fusion(small, {"one": adapters["one"], "dora": dora}, section)
    fusion.switch("dora")
    assert len(_texts(fusion, None)) == len(PROMPTS)
    with pytest.raises(Failure, match=r"fusion: dora is DoRA, which peft cannot mix in a batch; ask it by stages.predict"):
        _texts(fusion, ["one", "one", "dora", BASE])


def test_lora_and_dora_on_a_base_of_16_bits(small: Path, adapters: dict[str, Path], section: Evaluate, tmp_path: Path) -> None:
    dora = make_adapter(small, tmp_path / "dora", use_dora=True)
    fusion = Fusion(small, {**adapters, "dora": dora}, section.model_copy(update={"dtype": "bfloat16"}))
    assert len(_texts(fusion, ["one", BASE, "two", "one"])) == len(PROMPTS)
    fusion.switch("dora")
    assert len(_texts(fusion, None)) == len(PROMPTS)


def test_no_habit_of_the_base_punishes_repetition(small: Path, adapters: dict[str, Path], section: Evaluate,
                                                  tmp_path: Path) -> None:  # fmt: skip
    shutil.copytree(small, tmp_path / "base")
    path = tmp_path / "base" / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "repetition_penalty": 50.0}), encoding="utf-8")
    plain, strict = (Fusion(base, adapters, section) for base in (small, tmp_path / "base"))
    assert strict.model.generation_config.repetition_penalty == 50.0
    assert [a.text for a in strict.answer(PROMPTS, ["one"] * 4, 12)] == [a.text for a in plain.answer(PROMPTS, ["one"] * 4, 12)]


def test_the_command_writes_answers_into_a_new_folder(
    small: Path, adapters: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, path in {"base": small, "adapters/products": adapters["one"], "adapters/assistant": adapters["two"]}.items():
        shutil.copytree(path, tmp_path / "models" / name)
    (tmp_path / "in.jsonl").write_text('{"adapter": "both", "input": "<p>x"}\n', encoding="utf-8")
    words = f"fusion --models {tmp_path}/models --input {tmp_path}/in.jsonl --output {tmp_path}/new/out.jsonl"
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", words.split())
    stage.main()
    (line,) = (tmp_path / "new" / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert list(json.loads(line)) == ["output", "raw"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.jsonl"]
