r"""The head of a Markdown text, YAML or (between `+++`) TOML, apart from the rest of it.

"---\ntitle: The drill\ntags: [a, b]\n---\n# Drill\n"   ->   {"title": "The drill", "tags": "a, b"}, "# Drill\n"

A text between two rules that is no mapping is no head: it stays in the text.
"""

import tomllib
from datetime import date, time
from typing import Any

import yaml

LONGEST = 50_000  # characters of a head; YAML reads them in 0.2 s
ENDS = {"---": ("---", "..."), "+++": ("+++",)}  # of a head, by its first line: YAML, TOML


def split(text: str) -> tuple[dict[str, str], str]:
    """The keys of a front matter, and the text without it.

    Values are text as it is written (`yes`, `2024-05-01`), lists of such values are joined by commas, everything nested
    deeper is left out: anchors cannot be made to grow.

    Returns:
        No keys and the whole text where it has no head, or where that is broken.
    """
    rule, head, rest = _head(text)
    try:
        values = tomllib.loads(head) if rule == "+++" else _yaml(head)
        if isinstance(values, dict):
            return {key: found for key, value in values.items() if isinstance(key, str) and (found := _text(value))}, rest
    except (ValueError, yaml.YAMLError, RecursionError, OverflowError):  # OverflowError: an escape beyond Unicode
        pass
    return {}, text


def _yaml(head: str) -> Any:
    # Every value a string, and in Python: the C loader dies of a head with 50,000 opening brackets.
    return yaml.load(head, Loader=yaml.BaseLoader) if head else None  # noqa: S506  BaseLoader makes no objects


def _head(text: str) -> tuple[str, str, str]:
    """The rule in the first line, the lines to the next, and those after it; no head where there are none such."""
    begin = text.lstrip("\ufeff \t\r\n")
    first, _, below = begin.partition("\n")
    rule, at = first.rstrip(), 0
    while rule in ENDS and at < min(len(below), LONGEST):
        end = below.find("\n", at)
        end = len(below) if end < 0 else end
        if below[at:end].rstrip() in ENDS[rule]:
            return rule, below[:at], below[end + 1 :]
        at = end + 1
    return "", "", text


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(item for item in value if item)
    if isinstance(value, date | time):  # TOML has types, and a datetime is a date
        return value.isoformat()
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return value if isinstance(value, str) and value not in ("~", "null") else ""
