"""White space of a finished page: as written, minified, indented or with stray blank lines.

Example:
    >>> minify("<div>\\n<b>1</b>\\n<i>2</i>\\n</div>")
    '<div><b>1</b> <i>2</i></div>'
"""

import re

from samples.products.dice import Dice

_BLOCKS = "html|head|body|title|meta|link|script|style|div|p|ul|ol|li|dl|dt|dd|h[1-6]|section|article|aside|nav"
_BLOCKS += "|main|header|footer|table|thead|tbody|tr|td|th|form|figure|figcaption|details|summary|center|hr|br"
_BLOCKS += "|blockquote|select|option|fieldset"
_AFTER = re.compile(rf"</?(?:{_BLOCKS})\b[^<>]*>$", re.I)
_BEFORE = re.compile(rf"</?(?:{_BLOCKS})\b", re.I)


def minify(page: str) -> str:
    """Joins the lines; a line break that a browser would show as a space stays a space."""
    done = ""
    for line in (line.strip() for line in page.splitlines()):
        glue = "" if not done or not line or _AFTER.search(done) or _BEFORE.match(line) else " "
        done += glue + line
    return done


def indent(page: str, unit: str) -> str:
    """Indents each line by the depth of its elements."""
    lines, depth = [], 0
    for line in (line.strip() for line in page.splitlines()):
        closing = len(re.findall(r"</\w", line))
        opening = len(re.findall(r"<(?!meta|link|img|br|hr|input|area)\w", line, re.I))
        depth = max(0, depth + min(0, opening - closing))
        lines.append(unit * min(depth, 9) + line)
        depth += max(0, opening - closing)
    return "\n".join(lines)


def _attribute(dice: Dice, kind: str) -> str:
    """Composes an attribute that says nothing about the product."""
    code = f"{dice.pick('abcdef')}{dice.digits(3)}{dice.pick('abcdef')}"
    plain = {"scope": f" data-v-{code}", "id": f' id="n{dice.digits(4)}"', "test": f' data-testid="{code}"'}
    plain |= {"style": dice.pick([' style="margin:0"', ' style="padding:4px 8px"', ' style="float:left"'])}
    return (plain | {"aria": ' role="presentation"', "event": f" onclick=\"t('{code}')\""})[kind]


def decorate(dice: Dice, page: str) -> str:
    """Adds attributes without meaning to some elements, and scripts and styles to some pages."""
    kinds = dice.some(["scope", "id", "test", "style", "aria", "event"], 1, 3)
    share = dice.pick([0.1, 0.3, 0.6])
    opening = re.compile(r"<(div|p|span|li|ul|section|h[1-4]|tr|dd|a|b|strong)(?=[ >])(?![^>]* (?:id|style|hidden|role)\b)")
    page = opening.sub(lambda tag: tag[0] + (_attribute(dice, dice.pick(kinds)) if dice.chance(share) else ""), page)
    code = dice.digits(6)
    tails = [f"<script>window.q=window.q||[];q.push(['page','{code}']);</script>"]
    tails += [f"<style>#n{code}{{margin:0 auto;max-width:{dice.between(40, 90)}em}}</style>"]
    tails += [
        f'<noscript><img src="/pixel?{code}" alt=""></noscript>',
        f'<input type="hidden" name="t" value="{code}">',
    ]
    tail = "\n".join(dice.some(tails, 0, 2))
    place = "</body>" if "</body>" in page else ""
    return page.replace(place, f"{tail}\n{place}") if place else f"{page}\n{tail}"


def finish(dice: Dice, page: str) -> str:
    """Removes empty lines, adds noise to some pages, then lays the page out in one of the ways."""
    page = decorate(dice, page) if dice.chance(0.45) else page
    page = re.sub(r"\n\s*\n", "\n", page).strip()
    way = dice.pick(["plain", "plain", "minified", "indented", "indented", "airy"])
    if way == "minified" and "<pre" not in page:
        return minify(page)
    if way == "indented":
        return indent(page, dice.pick(["  ", "    ", "\t"])) if "<pre" not in page else page
    return page.replace(">\n<", ">\n\n<") if way == "airy" else page
