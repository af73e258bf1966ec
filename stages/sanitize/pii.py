r"""Personal data and secrets in a text: found by pattern and validator, replaced by a placeholder, counted by type.

    "Write to ann@example.org, +33 6 12 34 56 78"  ->  "Write to [email], [phone]", {"email": 1, "phone": 1}

A pattern alone also finds prices, versions and dates, so every type has a second opinion: check digits, an address registry,
a numbering plan, entropy, or a word that announces it. What is found is never returned, only how often.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from stages.sanitize.identifiers import Found, Span, assigned, iban, ip, is_card, is_email, password, phone, whole


@dataclass(frozen=True)
class Kind:
    """One way in which a type of personal data is written."""

    name: str
    hints: tuple[str, ...]  # a text without any of them, in lower case, need not be searched; empty: always search
    pattern: re.Pattern[str]
    part: Callable[[Found, str], Span | None] = lambda found, language: found.span()


# Lookbehinds and bounded repeats keep every pattern linear: 50 MB on one line are seconds, not hours. A lookbehind stands
# behind the first character: a pattern that begins with a set of characters is searched for 3 to 10 times faster.
KINDS = (
    Kind("secret", ("private key",), re.compile(
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^-]{0,20000}-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=\s]{0,20000})")),
    Kind("secret", ("akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "eyj", "aiza", "k_live_",
                    "k_test_", "sk-", "glpat-", "hf_", "npm_", "pypi-", "sg.", "hooks.slack"), re.compile(
        r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"  # AWS
        r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}|glpat-[\w-]{20,64}"  # GitHub, GitLab
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|hooks\.slack\.com/services/[A-Za-z0-9/]{20,100}"  # Slack
        r"|eyJ[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{8,2000}"  # JSON Web Token
        r"|AIza[\w-]{35}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|sk-[A-Za-z0-9_-]{20,250}"  # Google, Stripe, OpenAI
        r"|hf_[A-Za-z0-9]{30,64}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,250}|SG\.[\w-]{16,32}\.[\w-]{16,64})")),
    Kind("secret", ("key", "token", "secret", "passw", "pwd", "bearer"), re.compile(
        r"[KTSPBktspb](?i:(?<=k)ey|(?<=t)oken|(?<=s)ecret|(?<=p)assword|(?<=p)asswd|(?<=p)wd|(?<=b)earer)"
        r"[\"'`]?(?:\s{0,3}(?:=>|:=|[:=])\s{0,3}[\"'`]?|\s)([A-Za-z0-9_+/=.~-]{16,200})(?![A-Za-z0-9_+/=.~(-])"), assigned),
    Kind("secret", ("://",), re.compile(r"(?<=://)[^\s:/@\[\]]{0,64}:([^\s:/@\[\]]{3,128})(?=@[\w.-])"), password),
    Kind("email", ("@",), re.compile(
        r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_](?:[\w-]{0,22}[^\W\d_])(?![\w-]|\.[^\W\d_]|:[\w/])"),
        whole(is_email)),
    Kind("iban", (), re.compile(
        r"[A-Z](?<![A-Za-z0-9].)[A-Z]\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"), iban),
    Kind("card", (), re.compile(
        r"\d(?<![\w.,+/#-].)(?:\d{3}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{3}([ -])\d{6}\2\d{4,5}|\d{12,18})(?![\w]|[.,/-]\d)"),
        whole(is_card)),
    Kind("phone", (), re.compile(
        r"[+(\d](?<![\w.,/=+-].)(?<!\d .)(?:(?<=\d)|\d)(?:[ .\-/()\u00a0\u202f]{0,2}\d){6,15}(?![\w%]|[.,:/-]\d| ?[€$£])"),
        phone),
    Kind("ip", (".",), re.compile(r"\d(?<![\w.-].)\d{0,2}\.(?:\d{1,3}\.){2}\d{1,3}(?![\w-]|\.\w)"), ip),
    Kind("ip", (":",), re.compile(r"[23](?<![\w:.].)[0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:])"), ip),
)  # fmt: skip
DIALLED = "0123456789 .-/()+\u00a0\u202f"  # a phone number is told by its country, which is not known before the language
NAMES = tuple(dict.fromkeys(kind.name for kind in KINDS))


def masked(text: str, names: set[str], language: str) -> tuple[str, Counter[str]]:
    """A text with what is of these types replaced by `[type]`, and how often that was.

    Args:
        text: any text; a line end ends nothing but a private key.
        names: which of NAMES to look for.
        language: ISO 639-1 code; national phone numbers are read as in its countries.
    """
    counts: Counter[str] = Counter()
    folded = text.lower()
    for kind in KINDS:
        if kind.name in names and (not kind.hints or any(hint in folded for hint in kind.hints)):
            text, count = _replaced(text, kind, language)
            counts[kind.name] += count
    return text, +counts


def shortened(text: str, most: int) -> str:
    """The first `most` characters of a text, cut so that no half of an address or number stays: `masked` finds whole ones."""
    if len(text) <= most:
        return text
    clear, _ = masked(text, set(NAMES), "")
    return clear if len(clear) <= most else f"{clear[: most - 1].rstrip(DIALLED)}…"


def _replaced(text: str, kind: Kind, language: str) -> tuple[str, int]:
    pieces, end = [], 0
    for found in kind.pattern.finditer(text):
        span = kind.part(found, language)
        if span is not None:
            pieces += [text[end : span[0]], f"[{kind.name}]"]
            end = span[1]
    return ("".join([*pieces, text[end:]]), len(pieces) // 2) if pieces else (text, 0)
