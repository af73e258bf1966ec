"""Words that were hyphenated at the end of a line: whole again, unless the hyphen belongs to them.

wai- | ted -> waited        well- | known -> well-known

The text itself is the witness: how it writes the word elsewhere, or else whether its two parts are words of it.
"""

import re
from collections import Counter

WORD = re.compile(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*")
BROKEN = re.compile(r"(?<![^\W\d_])([^\W\d_]++)(?:-\n[ \t]*|[\x02\ufffe](?:\r?\n)?)([^\W\d_]+)")
# The sign is what a PDF reader writes for a hyphen at the end of a line.
MARKED = re.compile(r"(?<![^\W\d_])([^\W\d_]++)[\x02\ufffe](?:\r?\n)?([^\W\d_]+)")
CLOSED = frozenset(
    "any some every no in out over under up with can to be on him her my them our your it there where what who how when after "
    "before down off fore mid".split()
)
PREFIXES = frozenset(
    "self well ex half quasi vice all semi anti non demi mi peut grand celui celle ceux celles avant après vis outre".split()
)
SUFFIXES = frozenset(
    "il elle on ils elles je tu nous vous ce moi toi lui leur là ci être même mêmes dessus dessous known like law".split()
)


def words_of(text: str) -> Counter[str]:
    """How often each word stands in a text, compounds as one; without the halves of broken words."""
    return Counter(WORD.findall(BROKEN.sub(" ", text).lower()))


def is_compound(one: str, two: str, words: Counter[str]) -> bool:
    """Whether the hyphen between `one` and `two` belongs to the word."""
    first, second = one.lower(), two.lower()
    whole, hyphenated = words[first + second], words[f"{first}-{second}"]
    if whole or hyphenated:
        return hyphenated > whole
    if two[0].isupper():
        return not one.isupper()
    if second in SUFFIXES or (first in PREFIXES and second in words):
        return True
    return first in words and second in words and min(len(first), len(second)) > 2 and first not in CLOSED


def mend_marked(text: str) -> str:
    """A text of a PDF with the words whole that its reader gives as `wai\\x02ted`."""
    if "\x02" not in text and "\ufffe" not in text:
        return text
    words = words_of(text)
    return MARKED.sub(lambda found: f"{found[1]}{'-' if is_compound(found[1], found[2], words) else ''}{found[2]}", text)
