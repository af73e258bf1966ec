"""Whether one line of a text opens a question, in the ways in which English, French, German, Spanish and Italian mark it.

Q1: Open?   **2. Open?** No.   ### ❓ Open?   <summary>Open?</summary>   ->   the question "Open?", and what is left: "No."
"""

import re
from dataclasses import dataclass, field

UNMARKED_LEVEL = 7  # of a question that is no heading: every heading behind it opens something new
ITEM = r"(?:[-*+•]|\(?\d{1,3}(?:\.\d{1,3})?[.):])\s+"
LEAD = rf"\s{{0,8}}(?:#{{1,6}}\s+)?(?:>\s+)?(?:{ITEM})?[*_]{{0,3}}"
WORDS = r"question|frage|pregunta|domanda"
ASKED = re.compile(rf"{LEAD}(?:(?:{WORDS}|Q)\s*(?:n[o°]\s*)?\d*)[*_]{{0,3}}\s*[:.)][*_]{{0,3}}\s*(\S.*)", re.I)
ONE_LINE = re.compile(
    r"(.*?[?？؟])[*_]{0,3}\s+[*_]{0,3}(?:[AR]\s*\d*[*_]{0,3}\s*:|A\s*\d*[.)]\s|(?:answer|réponse|antwort|respuesta|risposta)"
    r"[*_]{0,3}\s*:).*",
    re.I,
)
UNASKED = re.compile(r"(.*?\S)\s+(?:[AR]\s*\d*|answer|réponse|antwort|respuesta|risposta)\s*:\s.*", re.I)  # Q: Price A: 5 €
LETTER = re.compile(rf"{LEAD}([FPD])\s*\d*\s*[:.)][*_]{{0,3}}\s*(\S.*)")  # German Frage, Spanish pregunta, Italian domanda
ANSWERS = r"answer|réponse|reponse|antwort|respuesta|risposta"
ANSWERED = re.compile(
    rf"{LEAD}(?:[AR]\s*\d*[*_]{{0,3}}\s*:|A\s*\d+[.)]|(?:{ANSWERS})\s*\d*[*_]{{0,3}}\s*[:.)])[*_]{{0,3}}\s*(.*)", re.I
)
DOTTED = re.compile(rf"{LEAD}A[.)][*_]{{0,3}}\s+(.*)")  # after "Q. Open?" an answer, elsewhere an initial or a choice
HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*")
BOLD = re.compile(rf"\s{{0,8}}(?:{ITEM})?(\*\*|__)(?!\s)([^*_\n]{{3,300}}?)\s*\1\s*(.*)")
LISTED = re.compile(rf"\s{{0,3}}{ITEM}(.{{3,300}})")
SUMMARY = re.compile(r"\s*<(?:summary|dt)[^<>]{0,200}>(.{3,300}?)</(?:summary|dt)>(.*)", re.I)
WRAPPING = re.compile(r"</?(?:details|dl|dd|summary|dt|b|strong|em|i|span|h[1-6])(?: [^<>]{0,200})?>", re.I)
ASKS = re.compile(r".*[?？؟]['\")»”’\s]*", re.DOTALL)
SIGNS = r"\s*_#>•·▶►▸▾▼▲▷➡➜➤→⇒❓❔❗✅✔☑🔹🔸👉💡📌🙋🤔ℹ\ufe0f+|–—:-"
NUMBERING = re.compile(
    rf"(?:[{SIGNS}]+|(?:(?:{WORDS}|Q)\s*)?\(?\d{{1,3}}(?:\.\d{{1,3}})?\s*[.):–—-]\s+"
    rf"|(?:(?:{WORDS}|Q)\s*(?:n[o°]\s*)?\d*\s*[:.)]\s*))*",
    re.I,
)
ENDING = re.compile(r"(?:(?<=[?？؟])|(?<=\s)|(?<=\*))[\s*_#¶+▼▾▲▸🔗❓❔−-]+$")
BACK = re.compile(
    r"[\s*_\-\[(⬆↑^▲]*(?:(?:back|return|go|jump) to (?:the )?(?:top|questions|contents|faq|list)|top of (?:the )?page"
    r"|(?:retour en )?haut(?: de (?:la )?page)?|nach oben|zum seitenanfang|volver arriba|torna (?:su|in alto|all'inizio)"
    r"|was this (?:answer |article |page )?(?:helpful|useful)\?.{0,40}|war (?:das|diese antwort) hilfreich\?.{0,20}"
    r"|cette réponse vous a-t-elle (?:été utile|aidé)\s?\?.{0,20}|(?:expand|collapse) all|lire la suite|voir plus"
    r"|(?:show|read|see|view) (?:more|less|answer))[\s*_\-\])⬆↑^▲.]*", re.I)  # fmt: skip


@dataclass
class Section:
    """A heading or question with the lines below it; the first one of a text has neither."""

    title: str = ""
    level: int = 0
    asks: bool = False
    is_item: bool = False  # of a list, whose answer is indented
    labelled: bool = False  # by "Q." or a word for it
    lines: list[str] = field(default_factory=list)

    @property
    def body(self) -> str:
        lines = (re.sub("^ {1,4}", "", line) for line in self.lines) if self.is_item else self.lines
        return "\n".join(lines).strip("\n")


def opened(line: str, following: str, has_answers: bool) -> tuple[Section, str] | None:
    """The section that a line opens, and what is left of the line, or None."""
    if summary := SUMMARY.fullmatch(line):
        return Section(bare_title(summary[1]), UNMARKED_LEVEL, asks=True), WRAPPING.sub("", summary[2])
    heading = HEADING.fullmatch(line)
    level = len(heading[1]) if heading else UNMARKED_LEVEL
    if asked := ASKED.fullmatch(line) or (has_answers and LETTER.fullmatch(line)):
        text = asked[asked.lastindex or 0]
        both = ONE_LINE.fullmatch(text) or UNASKED.fullmatch(text)
        rest = text[both.end(1) :].lstrip("*_ ") if both else ""
        return Section(bare_title(both[1] if both else text), level, asks=True, labelled=True), rest
    if heading:
        title = bare_title(heading[2])
        asks = bool(ASKS.fullmatch(title))
        return Section(title if asks else heading[2].strip(), level, asks), ""
    bold = BOLD.fullmatch(line)
    if bold and ASKS.fullmatch(bold[2]):
        return Section(bare_title(bold[2]), level, asks=True, is_item=bool(LISTED.fullmatch(line))), bold[3]
    item = LISTED.fullmatch(line)
    if item and ASKS.fullmatch(item[1]) and not (LISTED.fullmatch(following) and ASKS.fullmatch(following)):
        return Section(bare_title(item[1]), level, asks=True, is_item=True), ""
    return None


def without_label(line: str, dotted: bool) -> str:
    """The first line of an answer without the word or letter that says it is one, `A:` or where `dotted` also `A.`."""
    while found := ANSWERED.fullmatch(line) or (dotted and DOTTED.fullmatch(line)):
        line = found[1]
    return line


def bare_title(text: str) -> str:
    """A question without numbering, pictures and marks of emphasis around it."""
    text, before = WRAPPING.sub("", text), None
    while text != before:
        before, text = text, ENDING.sub("", NUMBERING.sub("", text, count=1)).strip()
        if text.endswith("**") or re.fullmatch(r"[^*]*\*\*[^*]*", text):
            text = text.replace("**", "")
    return " ".join(text.split())
