r"""The YAML or TOML head of a Markdown text: keys as they are written, and the rest; a broken head is text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import front_matter

DEEP = "[" * 3000


@pytest.mark.parametrize(
    ("text", "keys", "rest"),
    [
        ("---\ntitle: Drill\nlanguage: en\n---\n# X\n", {"title": "Drill", "language": "en"}, "# X\n"),
        ("\ufeff\n---\r\ntitle: Drill\r\n---\r\n# X\n", {"title": "Drill"}, "# X\n"),
        ("---\ndate: 2024-05-01\ndraft: yes\ntitle:\nold: ~\n---\n", {"date": "2024-05-01", "draft": "yes"}, ""),
        ("---\nauthor: [Ann, Bo]\nmap: {a: b}\n---\n    code\n", {"author": "Ann, Bo"}, "    code\n"),
        ("---\ntitle: T\n...\nrest", {"title": "T"}, "rest"),
        ("---\na: &x [b]\nc: *x\nd: [*x, *x]\n---\nrest", {"a": "b", "c": "b"}, "rest"),
        (
            '+++\ntitle = "Drill"\ndate = 2024-05-01\ntags = ["a", "b"]\n+++\n# X\n',
            {"title": "Drill", "date": "2024-05-01", "tags": "a, b"},
            "# X\n",
        ),
        (
            "+++\r\ndraft = true\r\nweight = 10\r\nat = 2024-05-01T10:00:00Z\r\n[map]\r\na = 1\r\n+++\r\n# X\n",
            {"draft": "true", "weight": "10", "at": "2024-05-01T10:00:00+00:00"},
            "# X\n",
        ),
        ("+++\ntitle: T\n+++\n", {}, "+++\ntitle: T\n+++\n"),
        ('+++\ntitle = "T"\n---\n', {}, '+++\ntitle = "T"\n---\n'),
        (f"+++\na = {DEEP}\n+++\nx", {}, f"+++\na = {DEEP}\n+++\nx"),
        (f"+++\na = 0x{'f' * 9000}\n+++\nx", {}, f"+++\na = 0x{'f' * 9000}\n+++\nx"),
        ("# X\n", {}, "# X\n"),
        ("---\n\nA scene.\n\n---\n\nAnother.\n", {}, "---\n\nA scene.\n\n---\n\nAnother.\n"),
        ("---\ntitle: [broken\n---\n# X\n", {}, "---\ntitle: [broken\n---\n# X\n"),
        ("---\ntitle: T\n", {}, "---\ntitle: T\n"),
        ("before\n---\ntitle: T\n---\n", {}, "before\n---\ntitle: T\n---\n"),
        (f"---\n{DEEP}\n---\nx", {}, f"---\n{DEEP}\n---\nx"),
        ('---\na: "\\Uffffffff"\n---\nx', {}, '---\na: "\\Uffffffff"\n---\nx'),
        ("---\n" + "a: b\n" * 20_000 + "---\nx", {}, "---\n" + "a: b\n" * 20_000 + "---\nx"),
    ],
)
def test_split(text: str, keys: dict[str, str], rest: str) -> None:
    assert front_matter.split(text) == (keys, rest)


TOKENS = (
    "a: |b|\n|- |[|]|{|}|&x |*x|<<: |!!int |!!python/object |%YAML 1.9\n|%TAG ! !\n|? |: |> |'|\"|\\|#|2024-13-45|0x|\t|\0|"
    '---\n|...\n|~|!<x> |@|`|é|a = |+++\n|[[a]]\n|"""|2024-05-01|0b1|inf'
)
PIECES = st.sampled_from([*TOKENS.split("|"), "|", '"\\Uffffffff"', '"\\x', "\ud800", "\u2028", "|9\n"])


@given(st.lists(PIECES, max_size=14).map("".join), st.sampled_from(["---", "+++"]))
def test_any_head_is_keys_or_text(head: str, rule: str) -> None:
    text = f"{rule}\n{head}\n{rule}\nrest"
    keys, rest = front_matter.split(text)
    assert all(isinstance(part, str) for pair in keys.items() for part in pair)
    assert text.endswith(rest)
