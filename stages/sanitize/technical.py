r"""Technical text: quantities in SI writing, no boilerplate, no licence headers, no dead code; code stays code.

"A 5kg bag at 72°F.\n\n[Edit this page]\n"  ->  "A 5 kg bag at 22.2 °C (72 °F).\n\n"

Every change is noted, "5kg -> 5 kg", for the ledger.
"""

import re
from itertools import groupby

from stages.sanitize.blocks import outside_code, runs, without_comments
from stages.sanitize.comments import without_dead_code
from stages.sanitize.notes import Notes
from stages.sanitize.quantities import in_si, style_of

# Whole lines, their Markdown marks taken off, that tell of the page and not of its subject.
PAGE = r"(?:page|article|document|section|guide|information)"
BOILERPLATE = re.compile("|".join((
    r"(?:©|\(c\)|copyright)\s*(?:©|\(c\))?\s*(?:19|20)\d\d\b.{0,160}",
    r".{0,100}\b(?:all rights reserved|tous droits réservés|alle rechte vorbehalten)\b.{0,40}",
    r".{0,100}\b(?:todos los derechos reservados|tutti i diritti riservati)\b.{0,40}",
    rf"(?:this {PAGE} was )?last (?:updated|modified|edited|reviewed|revised)(?:$| on\b| in\b| at\b| by\b| ?:| \d).{{0,60}}",
    r"(?:dernière (?:mise à jour|modification)|mis à jour le|zuletzt (?:aktualisiert|geändert)|ultimo aggiornamento).{0,60}",
    r"(?:última (?:actualización|modificación)|ultima modifica).{0,60}",
    rf"(?:edit|improve|view source of|print|share|bookmark|download) this {PAGE}(?: (?:on|in|as|at) .{{0,30}})?",
    r"edit (?:on|in) git(?:hub|lab)|view (?:on github|page source)|suggest (?:an edit|edits)",
    rf"report (?:an issue|a bug)(?: (?:with|on) this {PAGE})?|(?:modifier|éditer|imprimer|partager) cette page.{{0,30}}",
    r"(?:diese )?seite (?:bearbeiten|drucken|teilen)|editar esta página|modifica (?:questa )?pagina",
    rf"was this {PAGE} (?:helpful|useful)\??(?: ?(?:yes|no|👍|👎)[ /|]*){{0,2}}",
    r"cette page vous a-t-elle été utile\s?\??|war diese seite hilfreich\??",
    r"(?:back|return|go|jump) to (?:the )?(?:top|contents|table of contents|index)(?: of (?:the )?page)?",
    r"skip to (?:main )?content|(?:retour en|revenir en) haut(?: de (?:la )?page)?|nach oben|volver arriba|torna su",
    r"on this page|in this article|sur cette page|dans cet article|auf dieser seite|en esta página|in questa pagina",
    r"(?:[←<«‹] ?)?(?:previous|prev|précédent|zurück)(?: page)? ?[|/·]? ?(?:next|suivant|weiter)(?: page)?(?: ?[→>»›])?",
    r"(?:powered|generated) by .{1,80}|(?:built|made) with (?:sphinx|mkdocs|docusaurus|hugo|jekyll|gitbook|vitepress).{0,60}",
    r"\d+ min(?:ute)?s? read",
)), re.I)  # fmt: skip
LICENCE = re.compile("|".join((
    r"(?:copyright|©|\(c\)) ?(?:©|\(c\) ?)?(?:19|20)\d\d|SPDX-License-Identifier:|this file is part of ",
    r"licensed under the .{0,60}\(the [\"“]?licen[sc]e|permission is hereby granted, free of charge",
    r"redistribution and use in source and binary forms|this program is (?:free software|distributed in the hope)",
    r"unless required by applicable law or agreed to in writing|the software is provided [\"“']?as is",
    r"the above copyright notice and this permission notice|you should have received a copy of the gnu",
    r"you may (?:not use this file except|obtain a copy of the license)",
)), re.I)  # fmt: skip
CRUMB = re.compile(r"[^>›»→/|]{1,40}?(?: ?[>›»→] | / )[^>›»→/|]{1,40}?(?:(?: ?[>›»→] | / )[^>›»→/|]{1,60}?){0,6}")
HOME = re.compile(
    r"(?:home|docs?|documentation|accueil|startseite|start|inicio|help(?: center)?|support|you are here|vous êtes ici)\b",
    re.I,
)
MARKS = " \t#*_>-–|[]()"


def technical(text: str) -> tuple[str, list[str]]:
    """A technical text in its one form, and notes on what was changed; a text of boilerplate alone stays."""
    notes, style = Notes(), style_of(text)
    kept = "".join(without_dead_code(run, notes) if code else _without_boilerplate(run, notes) for code, run in runs(text))
    if not kept.strip():
        return text, []
    return outside_code(kept, lambda prose: in_si(prose, style, notes)), notes.listed()


def _without_boilerplate(prose: str, notes: Notes) -> str:
    """Drop boilerplate lines, HTML comments and paragraphs of a licence; a trail of links only above the first paragraph."""
    prose = without_comments(prose, lambda comment: notes.removed("HTML comment", comment))
    out: list[str] = []
    for empty, lines in groupby(prose.splitlines(True), key=lambda line: not line.strip()):
        paragraph = list(lines)
        if not empty and LICENCE.match(paragraph[0].strip(MARKS)) and len("".join(paragraph)) < 3000:
            notes.removed("licence", paragraph[0])
            continue
        for line in paragraph:
            bare = line.strip().strip(MARKS + "\u00b6")
            if bare and len(line) < 300 and (BOILERPLATE.fullmatch(bare) or _is_trail(line.strip())):
                notes.removed("boilerplate", line)
            else:
                out.append(line)
    return "".join(out)


def _is_trail(line: str) -> bool:
    """Whether a line is a trail of links, Home > Docs > Install."""
    return bool(HOME.match(line)) and bool(CRUMB.fullmatch(line)) and not line.endswith((".", ":", "?", "!", ";"))
