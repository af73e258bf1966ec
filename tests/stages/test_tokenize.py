"""Token rows: where the loss is computed, what is cut, what is refused."""

import json
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stages import checkpoint, examples, tokenize
from stages.command import Failure
from stages.examples import Example
from stages.params import Params, Tokenize
from stages.prompt import Prompter
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

PAIR = Example("d-extract-0", "extract", ["d"], "g", "en", "# X200\n[price] 12 €", {"name": "X200", "price": "12 €"})
QUESTION = Example("d-faq-1", "faq", ["d"], "g", "en", "Open?", "No.")
LONG = Example("d-faq-2", "faq", ["d"], "g", "en", "word " * 200, "No.")
TEXT = Example("d-continue-0", "continue", ["d"], "g", "en", "", "The key is small.\n\nThe door is tall.")


@pytest.fixture(scope="module")
def prompter(base: Path, loaded: Params) -> Prompter:
    return Prompter(checkpoint.load_tokenizer(base), loaded.prompt)


@pytest.fixture(scope="module")
def section(loaded: Params) -> Tokenize:
    return loaded.tokenize.model_copy(update={"max_seq_len": 128, "max_truncated_share": 0.5})


@pytest.mark.parametrize("example", [PAIR, QUESTION], ids=["object", "text"])
def test_labels_stand_on_the_target_only(example: Example, prompter: Prompter, section: Tokenize) -> None:
    row = tokenize.token_row(example, prompter, section)
    prompt, target = prompter.encode(example.task, example.input, 128).ids, prompter.encode_target(example.target)
    assert row == {
        "example_id": example.example_id,
        "input_ids": [*prompt, *target],
        "labels": [-100] * len(prompt) + target,
        "n_prompt": len(prompt),
        "n_target": len(target),
        "n_cut": 0,
    }


def test_continued_text_is_labelled_throughout(prompter: Prompter, section: Tokenize) -> None:
    row = tokenize.token_row(TEXT, prompter, section)
    assert row is not None
    assert row["labels"] == row["input_ids"] == prompter.encode_target(TEXT.target)
    assert (row["n_prompt"], row["n_target"]) == (0, len(row["input_ids"]))


def test_a_long_input_is_shortened_and_its_target_kept(prompter: Prompter, section: Tokenize) -> None:
    row = tokenize.token_row(LONG, prompter, section)
    assert row is not None
    assert len(row["input_ids"]) == len(row["labels"]) <= 128
    assert row["labels"][-row["n_target"] :] == prompter.encode_target("No.")
    assert row["n_cut"] > 70


def test_a_long_input_is_rejected_where_params_say_so(prompter: Prompter, section: Tokenize) -> None:
    reject = section.model_copy(update={"too_long": "reject"})
    assert tokenize.token_row(LONG, prompter, reject) is None
    assert tokenize.token_row(QUESTION, prompter, reject) is not None


@pytest.mark.parametrize("too_long", ["shorten", "reject"])
@pytest.mark.parametrize("words", [110, 300])
def test_a_target_that_leaves_no_room_is_rejected(too_long: str, words: int, prompter: Prompter, section: Tokenize) -> None:
    example = Example("d-faq-3", "faq", ["d"], "g", "en", "Open?", " word" * words)
    assert tokenize.token_row(example, prompter, section.model_copy(update={"too_long": too_long})) is None


def test_the_shards_and_counts_of_both_splits(tmp_path: Path, prompter: Prompter, section: Tokenize) -> None:
    found = {"train": [PAIR, QUESTION, LONG, TEXT], "valid": []}
    reject = section.model_copy(update={"too_long": "reject"})
    counts = tokenize.tokenize(found, prompter, reject, tmp_path / "tokens")
    assert (counts["train"]["rows"], counts["train"]["rejected"], counts["train"]["shortened"]) == (3, 1, 0)
    assert counts["valid"] == {"rows": 0, "shortened": 0, "rejected": 0, "n_prompt": 0, "n_target": 0, "n_cut": 0}
    assert json.loads((tmp_path / "tokens" / "tokens.json").read_text()) == counts
    files = sorted((tmp_path / "tokens").glob("train-*.parquet"))
    rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert rows == [tokenize.token_row(example, prompter, section) for example in (PAIR, QUESTION, TEXT)]
    assert len(files) == len(list((tmp_path / "tokens").glob("valid-*.parquet"))) == section.shards


def test_two_runs_write_the_same_bytes(tmp_path: Path, prompter: Prompter, section: Tokenize) -> None:
    for name in ("one", "two"):
        tokenize.tokenize({"train": [PAIR, QUESTION, LONG], "valid": [TEXT]}, prompter, section, tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert len(one) == 5
    assert one == two


def test_too_many_shortened_rows_fail_in_one_line(tmp_path: Path, prompter: Prompter, section: Tokenize) -> None:
    strict = section.model_copy(update={"max_truncated_share": 0.2})
    with pytest.raises(Failure) as caught:
        tokenize.tokenize({"train": [PAIR, QUESTION, LONG]}, prompter, strict, tmp_path / "tokens")
    assert str(caught.value) == (
        "tokenize: 1 of 3 train rows are longer than max_seq_len = 128, more than max_truncated_share = 0.2 allows; "
        "raise max_seq_len or that share"
    )


def _run(folder: Path, base: Path, adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "params.yaml", folder)
    for split in ("train", "valid"):
        examples.write(folder / f"{split}.jsonl", [PAIR])
    monkeypatch.chdir(folder)
    words = ["--adapter", adapter, "--base", str(base), "--examples", ".", "--tokens", "tokens"]
    monkeypatch.setattr(sys, "argv", ["tokenize", *words])
    tokenize.main()


def test_an_adapter_without_examples_says_so(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match=r"adapter 'assistant' has no training examples: none is of its tasks \(faq, continue\)"):
        _run(tmp_path, base, "assistant", monkeypatch)


def test_the_command(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, base, "products", monkeypatch)
    assert capsys.readouterr().out.startswith("tokenize: 1 training rows, ")
    assert (tmp_path / "tokens" / "train-00000.parquet").is_file()
