"""reStructuredText as HTML: content whole, with the directives of Sphinx; nothing is read from outside."""

from pathlib import Path

import pytest

from stages.sanitize.html import whole_markdown
from stages.sanitize.rst import rst_html


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Title\n=====\n\nSee ``code`` and *this*.", "# Title\n\nSee `code` and *this*."),
        ("See :func:`~os.path.join`, :ref:`the guide <g>`.", "See `join`, the guide."),
        (".. code-block:: python\n   :linenos:\n\n   x = 1", "```\nx = 1\n```"),
        (".. versionadded:: 3.2\n   The *new* one.", "3.2 The *new* one."),
        (".. function:: f(a)\n   :module: os\n\n   Adds.", "f(a)\n\nAdds."),
        (".. toctree::\n   :maxdepth: 2\n\n   a\n   b\n\nText.", "Text."),
        (".. note:: Mind it.", "Note\n\nMind it."),
        (".. contents::\n\nA\n=\n\nSee [1]_.\n\n.. [1] A note.", "# A\n\nSee [1].\n\n[1]\n\nA note."),
        ("=== ===\na   b\n=== ===\n1   2\n=== ===", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
    ],
)
def test_restructured_text(text: str, markdown: str) -> None:
    assert whole_markdown(rst_html(text)).strip() == markdown


@pytest.mark.parametrize(
    "text",
    [
        ".. include:: {}", ".. literalinclude:: {}", ".. raw:: html\n   :file: {}", ".. csv-table:: t\n   :file: {}",
        ".. code-block:: text\n   :file: {}", ".. figure:: {}\n   :figwidth: image", ".. raw:: html\n\n   <b>hidden-words</b>",
    ],
)  # fmt: skip
def test_restructured_text_reads_no_other_file(text: str, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("hidden-words\n", encoding="utf-8")
    page = rst_html(f"Before.\n\n{text.format(other)}\n\nAfter.")
    assert "hidden-words" not in page
    assert "Before." in page
    assert "After." in page
