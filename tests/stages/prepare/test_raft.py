"""Rows with passages: hard distractors, one oracle, verified quotes, nothing of another split."""

import re
from pathlib import Path

import pytest

from stages import checkpoint
from stages.documents import fold_space, read_shards
from stages.examples import Example
from stages.ingest.__main__ import ingest
from stages.params import Params, Prepare
from stages.prepare.__main__ import prepare
from stages.prepare.leaks import jaccard, shingles
from stages.prepare.raft import QUOTE, Shelf, examples
from stages.prepare.rows import Rejected
from stages.prompt import Prompter
from stages.sanitize.__main__ import sanitize
from stages.tokenize.rows import token_rows
from tests.conftest import ROOT
from tests.stages.prepare.documents import document, table

ANSWERS = {
    "What is the deposit for a drill?": "The deposit for a hammer drill is eighty euros and comes back with the machine.",
    "What does the drill cost?": "The hammer drill costs nine euros for half a day and fourteen for a full day.",
    "What does a large rotary hammer cost?": "The large rotary hammer costs twenty euros a day with a deposit in cash.",
    "How do I return a drill?": "Bring the drill back clean and complete, with its case, before the shop closes.",
    "Do drills come with bits?": "Drill bits are lent separately, at three euros each, and paid for when they break.",
    "Where is the shop?": "Behind the church, in the yard with the green door, two steps from the market place.",
}
MANUAL = "Rental manual.\n\nThe deposit for a hammer drill is eighty euros, and it comes back together with the machine."


@pytest.fixture
def section(loaded: Params) -> Prepare:
    raft = loaded.prepare.raft.model_copy(update={"distractors": 3, "oracle_share": 1.0, "passage_characters": 120})
    return loaded.prepare.model_copy(update={"raft": raft, "tasks": ["faq", "continue", "raft"]})


def _with(section: Prepare, **changes: object) -> Prepare:
    return section.model_copy(update={"raft": section.raft.model_copy(update=changes)})


FAQ = [Example(f"d-faq-{n}", "faq", ["d"], "d", "fr", *pair) for n, pair in enumerate(ANSWERS.items())]
TEXT = Example("m-continue-0", "continue", ["m"], "m", "en", "", MANUAL)


def _rows(found: list[Example], section: Prepare) -> list[Example]:
    shelf = Shelf(found, section)
    rows = [row for one in found if one.task == "faq" for row in examples(one, shelf, section)]
    return [row for row in rows if isinstance(row, Example)]


def _shown(row: Example) -> list[str]:
    return re.findall(r"^\[\d+\] (.*)$", row.input, re.MULTILINE)


def test_a_row_shows_its_oracle_among_hard_distractors_and_quotes_it(section: Prepare) -> None:
    row = _rows(FAQ, section)[1]
    assert (row.example_id, row.task, row.group) == ("d-raft-1", "raft", "d")
    assert row.input.endswith("\n\nQuestion: What does the drill cost?")
    assert len(_shown(row)) == 4
    answer = ANSWERS["What does the drill cost?"]
    number = _shown(row).index(answer) + 1
    assert row.target == f"##Reason: [{number}] ##begin_quote##{answer}##end_quote##\n##Answer: {answer}"
    assert ANSWERS["Where is the shop?"] not in _shown(row)  # the others are about drills: harder


def test_a_row_names_the_documents_of_its_passages(section: Prepare) -> None:
    for row in _rows([*FAQ, TEXT], section):
        assert row.doc_ids == (["d", "m"] if any("eighty euros, and" in text for text in _shown(row)) else ["d"])


def test_every_quote_is_verbatim_in_a_passage_of_its_row(section: Prepare) -> None:
    rows = _rows([*FAQ, TEXT], section)
    assert len(rows) == len(FAQ)
    for row in rows:
        (quote,) = QUOTE.findall(row.target)
        assert any(quote in passage for passage in _shown(row))


def test_text_that_answers_is_preferred_to_the_answer_itself_and_neither_is_a_distractor(section: Prepare) -> None:
    row = _rows([*FAQ, TEXT], section)[0]
    (quote,) = QUOTE.findall(row.target)
    assert quote in MANUAL
    assert ANSWERS["What is the deposit for a drill?"] not in _shown(row)


def test_no_distractor_is_near_the_oracle(section: Prepare) -> None:
    twin = Example("e-faq-0", "faq", ["e"], "e", "en", "Bits?", ANSWERS["Do drills come with bits?"] + " Always.")
    for row in _rows([*FAQ, twin], _with(section, min_support=1.0, distractors=2)):
        (quote,) = QUOTE.findall(row.target)
        near = [text for text in _shown(row) if jaccard(shingles(text, 3), shingles(quote, 3)) >= 0.85]
        assert len(near) == 1


@pytest.mark.parametrize(
    ("policy", "target"),
    [("memorise", f"##Answer: {ANSWERS['What does the drill cost?']}"), ("refuse", "##Answer: Les passages ne le disent pas.")],
)
def test_a_row_without_its_oracle(policy: str, target: str, section: Prepare) -> None:
    row = _rows(FAQ, _with(section, oracle_share=0.0, without_oracle=policy))[1]
    assert row.target == target
    assert len(_shown(row)) == 3
    assert ANSWERS["What does the drill cost?"] not in _shown(row)


def test_the_share_of_rows_with_their_oracle_is_about_the_asked_one(section: Prepare) -> None:
    many = [Example(f"d-faq-{n}", "faq", ["d"], "d", "en", *list(ANSWERS.items())[n % 6]) for n in range(400)]
    rows = _rows(many, _with(section, oracle_share=0.8))
    assert sum("##Reason" in row.target for row in rows) / len(rows) == pytest.approx(0.8, abs=0.05)


def test_too_few_passages_are_a_reason(section: Prepare) -> None:
    (row,) = examples(FAQ[1], Shelf(FAQ[:3], section), section)
    assert row == Rejected("d", 1, "few_distractors", "2 < 3")


def test_a_passage_that_holds_the_markers_is_refused(section: Prepare) -> None:
    text = "##begin_quote##x##end_quote## is what ##end_quote##y##begin_quote##z##end_quote## a quote of the drill looks like."
    odd = Example("d-faq-9", "faq", ["d"], "d", "en", "What is a quote of the drill?", text)
    (row,) = examples(odd, Shelf([*FAQ, odd], section), section)
    assert isinstance(row, Rejected)
    assert row.reason == "bad_quote"


def test_passages_come_from_the_same_split_and_never_from_what_leaked(section: Prepare) -> None:
    faq = "".join(f"## {question}\n\n{answer}\n\n" for question, answer in ANSWERS.items())
    secret = "The secret of the test document is that the drill costs nine euros on every second Tuesday."
    documents = [
        document("train.md", faq, "faq", "text/markdown", "train"),
        document("leak.md", f"{secret}\n\nMore.", "technical", "text/markdown", "train"),
        document("test.md", secret, "technical", "text/markdown", "test"),
        table([{"input": "What does the drill cost today?", "output": "Nine euros.", "of": "x"}], "t.json", "faq", "test"),
    ]
    found = prepare([*documents], section.model_copy(update={"chunk_characters": 95}))
    assert "leak" in [item.reason for item in found.rejected]
    rows = [item for item in found.splits["train"] if item.task == "raft"]
    assert len(rows) == len(ANSWERS)
    assert not any("secret" in row.input for row in rows)
    assert found.counts["leaks"]["left"] == 0


@pytest.mark.slow
def test_the_sample_documents_give_rows_that_fit(tmp_path: Path, base: Path, loaded: Params) -> None:
    ingest(ROOT / "data" / "raw" / "assistant", tmp_path / "store", loaded.ingest)
    sanitize(tmp_path / "store", tmp_path / "clean", loaded.sanitize, tmp_path / "cache")
    section = loaded.prepare.model_copy(update={"tasks": ["faq", "continue", "raft"]})
    found = prepare(list(read_shards(tmp_path / "clean", "kept")), section)
    rows = {split: [item for item in items if item.task == "raft"] for split, items in found.splits.items()}
    assert {split: len(items) for split, items in rows.items()} == {
        split: sum(item.task == "faq" for item in items) for split, items in found.splits.items()
    }
    assert len(rows["train"]) > 100 < 3 * len(rows["test"])
    prompter = Prompter(checkpoint.load_tokenizer(base), loaded.prompt)
    tokens = [row for made in token_rows(rows["train"] + rows["test"], prompter, loaded.tokenize) for row in made]
    assert {row["reason"] for row in tokens} == {""}
    for items in rows.values():
        for row in items:
            assert all(any(quote in passage for passage in _shown(row)) for quote in QUOTE.findall(row.target))
    shown = {split: {text for row in items for text in _shown(row)} for split, items in rows.items()}
    texts = {
        split: {fold_space(item.target) for item in items if item.task == "continue"} for split, items in found.splits.items()
    }
    for split, other in (("train", "test"), ("test", "train")):
        pieces = [text for text in shown[split] if any(text in whole for whole in texts[split])]
        assert pieces
        assert not [text for text in pieces if any(text in whole for whole in texts[other])]
