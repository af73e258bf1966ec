r"""Repairs of text that do not depend on its markup: broken Unicode, then what its document type asks for.

technical   "5kg at 72°F" -> "5 kg at 72 °F", outside code
narrative   "He wai-\nted... then left" -> "He waited… then left"
faq         "Q: Open on Sunday?\nA: No." -> "## Open on Sunday?\n\nNo."
"""

import re
import unicodedata

import ftfy

FTFY = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, fix_latin_ligatures=False,
                            fix_character_width=False, normalization="NFC")  # fmt: skip
INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
FENCED = re.compile(r"(^```.*?^```[^\n]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)

# Number and unit are separated by one space: NIST SP 811, section 7.2. Only units that are no common suffix.
UNITS = ("km", "m", "cm", "mm", "µm", "kg", "g", "mg", "l", "ml", "cl", "W", "kW", "V", "mA", "Hz", "kHz", "MHz", "GHz",
         "kB", "MB", "GB", "TB", "°C", "°F", "lbs", "lb", "oz", "in", "ft", "min", "ms", "bar", "rpm")  # fmt: skip
GLUED_UNIT = re.compile(rf"(?<![\w.,-])(\d+(?:[.,]\d+)?)({'|'.join(sorted(UNITS, key=len, reverse=True))})(?![\w-])")

QUESTION = re.compile(r"^\s*(?:#{1,6}\s+|[-*]\s+|\d+[.)]\s+)*(?:\*\*)?(?:Q(?:uestion)?\s*\d*\s*[:.)]\s*)(.+?)(?:\*\*)?$", re.I)
ANSWER = re.compile(r"^\s*(?:\*\*)?(?:[AR]\s*\d*\s*:|(?:Answer|Réponse|Antwort)\s*\d*\s*[:.)])\s*(?:\*\*)?(.*)$", re.I)
HEADING_QUESTION = re.compile(r"^#{2,6}\s+(?:\d+[.)]\s*)?(.+\?)\s*$")


def repair_unicode(text: str) -> str:
    """Mend mojibake, compose to NFC, drop invisible and control characters, end lines with a line feed."""
    fixed = INVISIBLE.sub("", ftfy.fix_text(text, FTFY)).replace("\u00a0", " ").replace("\u202f", " ")
    return "".join(c for c in fixed if c in "\n\t" or unicodedata.category(c) != "Cc")


def tidy_lines(text: str) -> str:
    """Cut trailing white space and fold runs of blank lines to one."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def technical(text: str) -> str:
    """Put one space between number and unit, outside of code."""
    parts = FENCED.split(text)
    return "".join(part if FENCED.fullmatch(part) else GLUED_UNIT.sub(r"\1 \2", part) for part in parts)


def narrative(text: str) -> str:
    """Repair hyphenated line ends, hard-wrapped paragraphs, ellipses, dashes and double spaces; keep verse."""
    paragraphs = re.split(r"\n\s*\n", text)
    joined = (_unwrap(paragraph) if _is_wrapped(paragraph) else paragraph for paragraph in paragraphs)
    mended = "\n\n".join(joined).replace("...", "…")
    mended = re.sub(r"(?<=\S)[ ]*(?<!-)--(?!-)[ ]*(?=\S)", " — ", mended)
    return re.sub(r"(?<=\S) {2,}(?=\S)", " ", mended)


def _is_wrapped(paragraph: str) -> bool:
    """Prose wrapped by a machine fills its lines; verse, lists, tables and dialogue do not."""
    lines = paragraph.splitlines()
    prose = not any(re.match(r"\s*([-*|>#—–«]|\d+[.)])", line) for line in lines)
    return len(lines) > 1 and prose and all(len(line) >= 50 for line in lines[:-1])


def _unwrap(paragraph: str) -> str:
    text = re.sub(r"(?<=[^\W\d_])-\n(?=[^\W\d_])", "", paragraph)
    return re.sub(r"\s*\n\s*", " ", text)


def faq(text: str) -> str:
    """Give every question and answer one form: a level-2 heading, then the answer."""
    out: list[str] = []
    for line in text.splitlines():
        question = QUESTION.match(line) or HEADING_QUESTION.match(line)
        answer = None if question else ANSWER.match(line)
        if question:
            out += ["", f"## {question.group(1).strip().rstrip('*').strip()}", ""]
        else:
            out.append(answer.group(1) if answer else line)
    return "\n".join(out)


BY_DOC_TYPE = {"technical": technical, "narrative": narrative, "faq": faq}
