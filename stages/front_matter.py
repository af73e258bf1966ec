r"""The YAML head of a Markdown text, apart from the rest of it.

"---\ntitle: The drill\ntags: [a, b]\n---\n# Drill\n"   ->   {"title": "The drill", "tags": "a, b"}, "# Drill\n"

A text between two rules that is no mapping is no head: it stays in the text.
"""

from typing import Any

import yaml

LONGEST = 50_000  # characters of a head; YAML reads them in 0.2 s


def split(text: str) -> tuple[dict[str, str], str]:
    """The keys of a front matter, and the text without it.

    Values are text as it is written (`yes`, `2024-05-01`), lists of such values are joined by commas, everything nested
    deeper is left out: anchors cannot be made to grow.

    Returns:
        No keys and the whole text where it has no head, or where that is broken.
    """
    head, rest = _head(text)
    try:
        # Every value a string, and in Python: the C loader dies of a head with 50,000 opening brackets.
        values = yaml.load(head, Loader=yaml.BaseLoader) if head else None  # noqa: S506  BaseLoader makes no objects
    except (yaml.YAMLError, RecursionError, OverflowError):  # OverflowError: an escape beyond Unicode
        values = None
    if not isinstance(values, dict):
        return {}, text
    return {key: found for key, value in values.items() if isinstance(key, str) and (found := _text(value))}, rest


def _head(text: str) -> tuple[str, str]:
    """The lines between a first line `---` and the next, and those after it; no head where there are none such."""
    begin = text.lstrip("\ufeff \t\r\n")
    first, _, below = begin.partition("\n")
    if first.rstrip() != "---":
        return "", text
    at = 0
    while at < min(len(below), LONGEST):
        end = below.find("\n", at)
        end = len(below) if end < 0 else end
        if below[at:end].rstrip() in ("---", "..."):
            return below[:at], below[end + 1 :]
        at = end + 1
    return "", text


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(item for item in value if item)
    return value if isinstance(value, str) and value not in ("~", "null") else ""
