"""Questions and answers, from pages and from pairs."""

import pytest

from stages.examples import Example
from stages.params import Params
from stages.prepare.faq import examples
from stages.prepare.rows import Rejected
from tests.stages.prepare.documents import document, table


def test_a_pair_of_two_texts_is_a_question_and_its_answer(loaded: Params) -> None:
    doc = table([{"input": "Open?", "output": "No."}, {"input": "# X", "output": {"name": "X"}}], doc_type="faq")
    assert list(examples(doc, loaded.prepare)) == [
        Example(f"{doc['doc_id']}-faq-0", "faq", [doc["doc_id"]], doc["doc_id"], "fr", "Open?", "No.")
    ]


TEXT = (
    "# Questions\n\nIntroduction.\n\n## Opening hours\n\n## Is the shop open on Sunday?\n\nNo.\n\n### Ever?\n\nNever.\n\n"
    "## Empty?\n\n## Where?\n\nHere.\n"
)


def test_sections_of_a_page(loaded: Params) -> None:
    found = list(examples(document("a.html", TEXT, "faq", "text/html", title="The shop"), loaded.prepare))
    assert [(one.input, one.output) for one in found if isinstance(one, Example)] == [
        ("Is the shop open on Sunday?", "No.\n\n### Ever?\n\nNever."),
        ("The shop: Where?", "Here."),
    ]
    assert [one for one in found if isinstance(one, Rejected)] == [Rejected("a.html", 2, "no_output", "'Empty?' has no answer")]


FENCED = (
    "## How do I start it?\n\n```sh\n## as root\nrun\n```\n\n- or:\n  ~~~~\n## x\n~~~\n## y\n  ~~~~\n\n"
    "## Why is `x` ```so```?\n\nBecause."
)


def test_a_comment_inside_a_fence_is_no_question(loaded: Params) -> None:
    section = loaded.prepare.model_copy(update={"title_words": 0})
    found = [one for one in examples(document("a.md", FENCED, "faq", "text/markdown"), section) if isinstance(one, Example)]
    first, last = FENCED.removeprefix("## ").split("\n\n## ")
    assert [f"{one.input}\n\n{one.output}" for one in found] == [first, last]
    open_ended = document("a.md", "## Open?\n\nNo.\n\n```\n## x\n\ny", "faq", "text/markdown")
    assert [one.output for one in examples(open_ended, section) if isinstance(one, Example)] == ["No.\n\n```\n## x\n\ny"]


@pytest.mark.parametrize(("words", "asked"), [(0, "Where?"), (1, "Where?"), (2, "The shop: Where?")])
def test_the_title_helps_a_short_question(words: int, asked: str, loaded: Params) -> None:
    section = loaded.prepare.model_copy(update={"title_words": words})
    doc = document("a.md", "## Where?\n\nHere.", "faq", "text/markdown", title="The shop")
    assert [one.input for one in examples(doc, section) if isinstance(one, Example)] == [asked]
    doc["title"] = None
    assert [one.input for one in examples(doc, section) if isinstance(one, Example)] == ["Where?"]


def test_other_pages_have_no_questions(loaded: Params) -> None:
    assert list(examples(document("a.md", TEXT, "technical", "text/markdown"), loaded.prepare)) == []
