"""A document is followed from its bytes to its tokens, or to the reason why it went no further."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from stages.command import Failure
from stages.documents import DROPPED, KEPT, LEDGER, STORE, Row, document_id, write_shards
from stages.trace import life, matching, require_example, show, show_row
from tests.stages import tokenizers

KEPT_ID, GONE_ID, BAD_ID = document_id("faq/kept.md"), document_id("faq/gone.md"), document_id("bad/_metadata.yaml")
STEPS = [{"step": "decode", "chars_in": 900, "chars_out": 890, "notes": []},
         {"step": "faq", "chars_in": 890, "chars_out": 800, "notes": ["Q: -> ##"]}]  # fmt: skip


def _row(names: list[str], uri: str, **values: object) -> Row:
    return {**dict.fromkeys(names), "doc_id": document_id(uri), "source_uri": uri, **values}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stages leave behind of one kept document, one dropped and one that never was one."""
    root = tmp_path_factory.mktemp("data")
    stored = [
        _row(STORE.names, uri, mime="text/markdown", charset="utf-8", content=b"x", doc_type="faq")
        for uri in ("faq/kept.md", "faq/gone.md")
    ]
    write_shards(stored, root / "documents", "documents", STORE, 2, key="doc_id")
    ledger = [_row(LEDGER.names, "bad/_metadata.yaml", drop_reason="metadata_file", detail="describes other files")]
    write_shards(ledger, root / "documents", "ledger", LEDGER, 1, key="doc_id")
    kept = [
        _row(
            KEPT.names,
            "faq/kept.md",
            title="[T]",
            language="en",
            language_score=0.98,
            doc_type="faq",
            text="y" * 800,
            steps=STEPS,
            pii={"email": 2},
        )
    ]
    write_shards(kept, root / "clean", "kept", KEPT, 2, key="doc_id")
    steps = [{"step": "mended", "chars_in": 77, "chars_out": 66, "notes": ["5kg -> 5 kg"]}]
    gone = _row(DROPPED.names, "faq/gone.md", drop_reason="exact_duplicate", detail="of faq/kept.md", steps=steps)
    write_shards([*ledger, gone], root / "clean", "dropped", DROPPED, 1, key="doc_id")
    (root / "examples").mkdir()
    for split in ("train", "valid", "test"):
        lines = (
            [{"example_id": f"{KEPT_ID}-faq-{n}", "doc_ids": [KEPT_ID], "task": "faq"} for n in range(2)]
            if split == "train"
            else []
        )
        (root / "examples" / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    rejected = {"source_uri": "faq/kept.md", "index": 4, "reason": "no_output", "detail": "output is null"}
    (root / "examples" / "rejected.jsonl").write_text(json.dumps(rejected) + "\n", encoding="utf-8")
    tokens = {
        "example_id": [f"{KEPT_ID}-faq-1"],
        "input_ids": [[1, 2]],
        "labels": [[-100, 2]],
        "n_prompt": [30],
        "n_target": [41],
        "n_cut": [7],
    }
    (root / "tokens" / "assistant").mkdir(parents=True)
    pq.write_table(pa.table(tokens), root / "tokens" / "assistant" / "train-00000.parquet")
    refused = {"split": "train", "example_id": f"{KEPT_ID}-faq-0", "reason": "target_too_long", "detail": "1300 tokens >= 1024"}
    (root / "tokens" / "assistant" / "rejected.jsonl").write_text(json.dumps(refused) + "\n", encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("query", "uris"),
    [
        (KEPT_ID, ["faq/kept.md"]),
        ("faq/gone.md", ["faq/gone.md"]),
        ("faq/*", ["faq/gone.md", "faq/kept.md"]),
        ("*", ["bad/_metadata.yaml", "faq/gone.md", "faq/kept.md"]),
        (f"{KEPT_ID}-faq-1", ["faq/kept.md"]),
    ],
)
def test_a_query_is_an_id_a_path_a_pattern_or_an_example(data: Path, query: str, uris: list[str]) -> None:
    assert list(matching(data, query).values()) == uris


def test_a_kept_document_has_a_whole_life(data: Path) -> None:
    found = life(data, KEPT_ID)
    assert found["stored"]["mime"] == "text/markdown"
    assert "content" not in found["stored"]
    assert [step["step"] for step in found["kept"]["steps"]] == ["decode", "faq"]
    assert found["dropped"] is None
    assert [(line["example_id"], line["split"]) for line in found["examples"]] == [
        (f"{KEPT_ID}-faq-{n}", "train") for n in range(2)
    ]
    assert found["tokens"][f"{KEPT_ID}-faq-1"] == [
        {"example_id": f"{KEPT_ID}-faq-1", "n_prompt": 30, "n_target": 41, "n_cut": 7, "adapter": "assistant"}
    ]
    assert [(line["index"], line["reason"]) for line in found["rejected"]] == [(4, "no_output"), ("0", "target_too_long")]


def test_a_dropped_document_has_a_reason(data: Path) -> None:
    assert life(data, GONE_ID)["dropped"]["detail"] == "of faq/kept.md"
    assert life(data, BAD_ID)["dropped"]["drop_reason"] == "metadata_file"
    assert life(data, BAD_ID)["stored"] is None


def test_one_example_leads_back_to_its_document(data: Path) -> None:
    assert [line["example_id"] for line in life(data, KEPT_ID, f"{KEPT_ID}-faq-1")["examples"]] == [f"{KEPT_ID}-faq-1"]
    assert life(data, KEPT_ID, f"{KEPT_ID}-faq-1")["rejected"] == []
    assert [line["index"] for line in life(data, KEPT_ID, f"{KEPT_ID}-faq-4")["rejected"]] == [4]


def test_an_example_that_its_document_does_not_have_is_one_line(data: Path) -> None:
    require_example(data, KEPT_ID, "faq/kept.md", f"{KEPT_ID}-faq-4.1")
    with pytest.raises(Failure) as caught:
        require_example(data, KEPT_ID, "faq/kept.md", f"{KEPT_ID}-faq-7")
    assert str(caught.value) == (f"no example '{KEPT_ID}-faq-7'; faq/kept.md has 2, from {KEPT_ID}-faq-0 to {KEPT_ID}-faq-1")
    with pytest.raises(Failure, match=r"; faq/gone.md has none"):
        require_example(data, GONE_ID, "faq/gone.md", f"{GONE_ID}-faq-0")


def test_the_command_says_what_is_missing(data: Path, tmp_path: Path) -> None:
    for words, shown in (
        ([f"{KEPT_ID}-faq-1", "--base", str(tmp_path / "none")], f"{tmp_path}/none is not there to read the token rows: run"),
        ([f"{KEPT_ID}-faq-7"], f"error: no example '{KEPT_ID}-faq-7'"),
    ):
        command = [sys.executable, "-m", "stages.trace", "--data", str(data), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert shown in done.stdout + done.stderr


def test_many_rejected_items_are_counted(data: Path) -> None:
    found = life(data, KEPT_ID)
    out = io.StringIO()
    show(Console(file=out, width=200), "faq/kept.md", {**found, "rejected": found["rejected"] * 10})
    assert "… 20 rejected in all" in out.getvalue()
    assert out.getvalue().count("rejected item") == 12


def test_what_is_not_there_is_one_line(data: Path, tmp_path: Path) -> None:
    with pytest.raises(
        Failure, match=r"no document is 'nothing'; give a doc_id, a path such as bad/_metadata.yaml, or a pattern"
    ):
        matching(data, "nothing")
    with pytest.raises(Failure, match=r"holds no documents-\*.parquet; run `dvc repro`"):
        matching(tmp_path, "a")


def test_the_command_shows_it_all(data: Path) -> None:
    command = [sys.executable, "-m", "stages.trace", "--data", str(data), "faq/*"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for words in ("stored", "decode", "890", "Q: -> ##", "'[T]'", "2 email", "assistant: 30 + 41 tokens, 7 cut", "no token row",
                  "rejected item 4: no_output",
                  "rejected item 0: target_too_long: assistant: 1300", "mended", "77", "5kg -> 5 kg",
                  "dropped: exact_duplicate: of faq/kept.md"):  # fmt: skip
        assert words in shown, words


def test_an_example_shows_what_is_prompt_and_what_is_label(data: Path) -> None:
    other = tokenizers.byte_level()
    prompt, label = (list(other(text, add_special_tokens=False)["input_ids"]) for text in ("Open [b]?\n", "No."))
    row = {"adapter": "a", "n_prompt": len(prompt), "n_target": len(label), "input_ids": prompt + label,
           "labels": [-100] * len(prompt) + label}  # fmt: skip
    out = io.StringIO()
    show_row(Console(file=out, force_terminal=True, width=200, color_system="standard"), row, other)
    assert "\x1b[2mOpen [b]?" in out.getvalue()
    assert "\x1b[1;32mNo.\x1b[0m" in out.getvalue()


def test_later_stages_may_be_missing(data: Path, tmp_path: Path) -> None:
    (tmp_path / "documents").symlink_to(data / "documents")
    found = life(tmp_path, KEPT_ID)
    assert (found["kept"], found["dropped"], found["examples"], found["tokens"]) == (None, None, [], {})
