"""Shards: the same bytes for any number of workers and any cache, weights, counts, and one line for what is wrong."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from stages import checkpoint, examples
from stages.command import Failure
from stages.examples import Example
from stages.params import Mix, Params, Prompt, Tokenize
from stages.prompt import Prompter
from stages.tokenize import shards
from stages.tokenize.__main__ import main, state_of, tokenize
from stages.tokenize.rows import token_rows
from stages.tokenize.shards import Encoder
from tests.conftest import ROOT
from tests.stages.tokenize.test_rows import LONG, PAIR, QUESTION, TEXT

pytestmark = pytest.mark.slow

TASKS = ["extract", "faq", "continue"]
ONCE = Mix(seed=0, weights={"extract": 1.0, "faq": 1.0, "continue": 1.0})
MANY = [replace(QUESTION, example_id=f"d-faq-{n}", input=f"Open on day {n}?\u2028", output=f"No {n}.") for n in range(300)]


@pytest.fixture(scope="module")
def prompter(base: Path, loaded: Params) -> Prompter:
    return Prompter(checkpoint.load_tokenizer(base), loaded.prompt)


@pytest.fixture(scope="module")
def section(loaded: Params) -> Tokenize:
    return loaded.tokenize.model_copy(update={"max_seq_len": 128, "max_truncated_share": 0.5, "workers": 1})


def _made(
    folder: Path, train: list[Example], encoder: Encoder, name: str = "tokens", mix: Mix = ONCE, valid: tuple[Example, ...] = ()
) -> dict[str, Any]:
    examples.write(folder / "train.jsonl", train)
    examples.write(folder / "valid.jsonl", valid)
    return tokenize(folder, TASKS, mix, encoder, folder / name, folder / "cache")


def _rows(folder: Path, split: str = "train") -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob(f"{split}-*.parquet")) for row in pq.read_table(path).to_pylist()]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_shards_and_counts_of_both_splits(tmp_path: Path, prompter: Prompter, section: Tokenize) -> None:
    reject = section.model_copy(update={"too_long": "reject"})
    counts = _made(tmp_path, [PAIR, QUESTION, LONG, TEXT], Encoder(prompter, reject))
    assert {key: counts["train"][key] for key in ("rows", "rejected", "shortened", "n_cut", "divided")} == {
        "rows": 3, "rejected": 1, "shortened": 0, "n_cut": 0, "divided": 0,
    }  # fmt: skip
    assert counts["valid"] == {
        "rows": 0, "shortened": 0, "rejected": 0, "n_prompt": 0, "n_target": 0, "n_cut": 0, "divided": 0,
        "lengths": {}, "real_share": {},
    }  # fmt: skip
    out = tmp_path / "tokens"
    assert json.loads((out / "tokens.json").read_text()) == counts
    rows = [row for made in token_rows([PAIR, QUESTION, TEXT], prompter, section) for row in made]
    assert [(row["example_id"], row["input_ids"]) for row in _rows(out)] == [
        (row["example_id"], row["input_ids"]) for row in rows
    ]
    assert counts["train"]["n_target"] == sum(label != -100 for row in _rows(out) for label in row["labels"])
    names = [f"{split}-0000{n}.parquet" for split in ("train", "valid") for n in range(2)]
    assert sorted(path.name for path in out.iterdir()) == ["rejected.jsonl", "tokens.json", *names]
    assert json.loads((out / "rejected.jsonl").read_text()) == {
        "split": "train", "example_id": LONG.example_id, "reason": "too_long", "detail": "219 + 3 tokens > 128",
    }  # fmt: skip


def test_the_bytes_depend_on_neither_workers_nor_cache(
    tmp_path: Path, prompter: Prompter, section: Tokenize, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "PART", 50)  # examples for which another process is started
    many = [*MANY[:150], replace(TEXT, output=f"{TEXT.output}\n\n" * 20), *MANY[150:]]
    found = {}
    for workers in (1, 2, 3):
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        encoder = Encoder(prompter, section.model_copy(update={"workers": workers}))
        counts = _made(tmp_path, many, encoder, str(workers))
        found[workers] = _bytes(tmp_path / str(workers))
    assert counts["train"]["divided"] == 2
    _made(tmp_path, many, encoder, "cached")
    assert found[1] == found[2] == found[3] == _bytes(tmp_path / "cached")


def test_after_an_edit_only_what_changed_is_encoded(
    tmp_path: Path, prompter: Prompter, section: Tokenize, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def counted(found: list[Example], *rest: Any) -> Any:
        seen.extend(example.example_id for example in found)
        return token_rows(found, *rest)

    monkeypatch.setattr(shards, "token_rows", counted)
    encoder = Encoder(prompter, section)
    _made(tmp_path, MANY, encoder, "one")
    assert len(seen) == len(MANY)
    seen.clear()
    edited = [*MANY[:7], replace(MANY[7], output="Yes."), *MANY[9:], PAIR]
    _made(tmp_path, edited, encoder, "two")
    assert seen == ["d-faq-7", "d-extract-0"]
    shutil.rmtree(tmp_path / "cache")
    _made(tmp_path, edited, encoder, "three")
    assert _bytes(tmp_path / "two") == _bytes(tmp_path / "three")


def test_another_prompt_or_limit_or_tokenizer_is_another_cache(base: Path, loaded: Params, tmp_path: Path) -> None:
    instruct = Prompt(style="instruct", system=loaded.prompt.system)
    longer = loaded.tokenize.model_copy(update={"max_seq_len": 77})
    sharded = loaded.tokenize.model_copy(update={"shards": 77, "workers": 5})
    shutil.copytree(base, tmp_path / "base", ignore=shutil.ignore_patterns("*.safetensors"))
    first = state_of(base, loaded.prompt, loaded.tokenize)
    assert state_of(tmp_path / "base", loaded.prompt, sharded) == first
    (tmp_path / "base" / "tokenizer.json").write_text("{}")
    assert len({
        first, state_of(base, instruct, loaded.tokenize), state_of(base, loaded.prompt, longer),
        state_of(tmp_path / "base", loaded.prompt, loaded.tokenize),
    }) == 4  # fmt: skip


def test_weights_draw_whole_copies_and_a_stable_part_for_training_only(
    tmp_path: Path, prompter: Prompter, section: Tokenize
) -> None:
    encoder = Encoder(prompter, section)
    mixed = [PAIR, *MANY]
    ids = {}
    for name, faq, seed in (("half", 0.5, 0), ("other", 0.5, 1), ("more", 2.5, 0), ("none", 0.0, 0)):
        mix = Mix(seed=seed, weights={"extract": 1.0, "faq": faq, "continue": 1.0})
        _made(tmp_path, mixed, encoder, name, mix, valid=tuple(MANY[:5]))
        ids[name] = [row["example_id"] for row in _rows(tmp_path / name)]
        assert len(_rows(tmp_path / name, "valid")) == 5
    assert 110 < len(ids["half"]) < 190
    assert set(ids["half"]) != set(ids["other"])
    assert ids["none"] == [PAIR.example_id]
    copies = {one: ids["more"].count(one) for one in set(ids["more"])}
    assert copies == {PAIR.example_id: 1} | {one.example_id: 2 + (one.example_id in ids["half"]) for one in MANY}


def test_too_many_shortened_rows_fail_in_one_line(tmp_path: Path, prompter: Prompter, section: Tokenize) -> None:
    strict = section.model_copy(update={"max_truncated_share": 0.2})
    with pytest.raises(Failure) as caught:
        _made(tmp_path, [PAIR, QUESTION, LONG], Encoder(prompter, strict))
    assert str(caught.value) == (
        "tokenize: 1 of 3 train rows are longer than max_seq_len = 128, more than max_truncated_share = 0.2 allows; "
        "raise max_seq_len or that share"
    )


def test_no_row_left_is_one_line(tmp_path: Path, prompter: Prompter, section: Tokenize) -> None:
    reject = section.model_copy(update={"too_long": "reject"})
    with pytest.raises(Failure, match=r"no training row is left: 1 were rejected for tokenize.max_seq_len = 128"):
        _made(tmp_path, [LONG], Encoder(prompter, reject))


def _run(folder: Path, base: Path, adapter: str, monkeypatch: pytest.MonkeyPatch, without: str = "") -> None:
    shutil.copy(ROOT / "params.yaml", folder)
    for split in examples.SPLITS:
        examples.write(folder / f"{split}.jsonl", [] if split == without else [PAIR])
    monkeypatch.chdir(folder)
    words = ["--adapter", adapter, "--base", str(base), "--examples", ".", "--tokens", "tokens", "--cache", "cache"]
    monkeypatch.setattr(sys, "argv", ["tokenize", *words])
    main()


def test_an_adapter_without_examples_says_so(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=r"adapter 'assistant' has no train examples: none is of its tasks \(faq, continue\)"):
        _run(tmp_path, base, "assistant", monkeypatch)
    with pytest.raises(Failure, match=r"has no test examples: none is of its tasks \(extract\); raise prepare.test_share"):
        _run(tmp_path, base, "products", monkeypatch, without="test")


@pytest.mark.parametrize(
    ("name", "key"), [("tokenizer_config.json", "model_max_length"), ("config.json", "max_position_embeddings")]
)
def test_rows_longer_than_the_model_takes_are_refused(
    name: str, key: str, tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base, tmp_path / "base", ignore=shutil.ignore_patterns("*.safetensors"))
    config = tmp_path / "base" / name
    config.write_text(json.dumps(json.loads(config.read_text()) | {key: 512}))
    with pytest.raises(Failure, match=r"tokenize.max_seq_len = 1024; the base takes at most 512"):
        _run(tmp_path, tmp_path / "base", "products", monkeypatch)


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({"model_type": "gpt2", "n_positions": 512}, 512),
        ({"model_type": "llava", "text_config": {"model_type": "llama", "max_position_embeddings": 256}}, 256),
    ],
)
def test_the_limit_stands_in_the_configuration_under_several_names(
    config: dict[str, Any], limit: int, tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base, tmp_path / "base", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "base" / "config.json").write_text(json.dumps(config))
    with pytest.raises(Failure, match=rf"tokenize.max_seq_len = 1024; the base takes at most {limit}; lower it"):
        _run(tmp_path, tmp_path / "base", "products", monkeypatch)


def test_a_model_without_a_limit_takes_what_its_tokenizer_takes(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(base, tmp_path / "base", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "base" / "config.json").write_text('{"model_type": "bloom"}')
    _run(tmp_path, tmp_path / "base", "products", monkeypatch)
    assert (tmp_path / "tokens" / "train-00000.parquet").is_file()


def test_the_command(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, base, "products", monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tokenize: 2 examples encoded anew"
    assert lines[-1].startswith("tokenize: 1 training rows, ")
    assert (tmp_path / "tokens" / "train-00000.parquet").is_file()
    (tmp_path / "cache" / "products" / "old").mkdir()
    _run(tmp_path, base, "products", monkeypatch)
    assert capsys.readouterr().out.startswith("tokenize: 0 examples encoded anew\n")
    assert [path.name for path in (tmp_path / "cache" / "products").iterdir()] != ["old"]
