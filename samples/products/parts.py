"""Fragments that many pages share: prices with qualifiers, labelled fields, trails, neighbours.

Example:
    >>> offer(scene, "b")  # doctest: +SKIP
    'ab <b>12,50&nbsp;€</b> <small>inkl. MwSt.</small>'
"""

from collections.abc import Callable

from samples.products.prices import tidy
from samples.products.scene import Scene

Row = tuple[str, str]


def tagged(tag: str, text: str, attributes: str = "") -> str:
    """Wraps a text in an element; an empty tag leaves it bare."""
    return f"<{tag}{attributes}>{text}</{tag}>" if tag else text


def _plain(s: Scene, price: str) -> str:
    return price


def _labelled(s: Scene, price: str) -> str:
    return f"{s.t('price')}{s.colon()} {price}"


def _reduced(s: Scene, price: str) -> str:
    old = s.higher()
    before = s.dice.pick([f"<del>{s.money(old)}</del>", f"<s>{s.money(old)}</s>", f"<span>{s.t('was', old)}</span>"])
    now = s.dice.maybe(0.5, s.t("now") + " ")
    pair = f"{now}{price} {before}" if s.dice.chance(0.3) else f"{before} {now}{price}"
    saved = tidy(old.amount - s.ref.amount, s.ref.style)
    share = round(100 * saved.amount / old.amount)
    plain = saved.text == s.ref.text or s.dice.chance(0.6)
    return pair if plain else f"{pair} <small>{s.t('save', saved, share)}</small>"


def _from(s: Scene, price: str) -> str:
    return f"{s.t('from')} {price}"


def _range(s: Scene, price: str) -> str:
    return f"{price} {s.dice.pick(['–', '-', '—'])} {s.money(s.higher())}"


def _taxed(s: Scene, price: str) -> str:
    return f"{price} <small>{s.t('vat_in')}</small>"


def _both_taxes(s: Scene, price: str) -> str:
    net = f"{s.money(s.other(0.8, 0.85))} {s.t('vat_ex')}"
    gross = f"{price} {s.t('vat_in')}"
    return f"{net} ({gross})" if s.dice.chance(0.5) else f"{gross} / {net}"


def _instalments(s: Scene, price: str) -> str:
    return f"{price} <span>{s.t('instal')}</span>"


def _unit(s: Scene, price: str) -> str:
    return f"{price} <em>({s.t('unit', s.other(1.3, 2.6))})</em>"


_WAYS: list[Callable[[Scene, str], str]] = [
    _plain,
    _plain,
    _plain,
    _labelled,
    _labelled,
    _reduced,
    _reduced,
    _reduced,
]
_WAYS += [_from, _range, _taxed, _both_taxes, _instalments, _unit]


def offer(s: Scene, tag: str = "", attributes: str = "") -> str:
    """Returns the price in an element together with qualifiers, or what stands in its place."""
    if not s.price:
        return tagged(tag, s.no_price())
    return s.dice.pick(_WAYS)(s, tagged(tag, s.money(s.price), attributes))


def price_row(s: Scene, tag: str = "") -> Row:
    """Returns the labelled price; its qualifiers do not repeat the label."""
    label = s.t("price")
    if not s.price:
        return (label, s.no_price())
    way = s.dice.pick([way for way in _WAYS if way is not _labelled])
    return (label, way(s, tagged(tag, s.money(s.price))))


def facts(s: Scene) -> list[Row]:
    """Returns the labelled category and manufacturer, as far as they exist, in random order."""
    rows: list[Row] = []
    if s.category:
        rows.append((s.t("category"), s.h(s.category)))
    if s.brand:
        rows.append((s.t("brand"), s.h(s.brand)))
    return s.dice.shuffled(rows)


def extras(s: Scene, least: int, most: int) -> list[Row]:
    """Returns labelled details that are never asked for."""
    rows = [(s.t("sku"), s.sku()), ("EAN", s.ean()), (s.t("colour"), s.t("colours"))]
    rows += [(s.t("weight"), f"{s.dice.between(1, 24)} kg"), (s.t("material"), s.t("materials"))]
    rows += [(s.t("warranty"), s.t("years")), (s.t("origin"), s.t("country"))]
    rows += [(s.t("seller"), s.h(s.shop))]
    if s.kind.consumed:
        rows = [*rows[:2], *rows[6:]]
    if s.author:
        rows = [(s.t("author"), s.h(s.author)), *rows[:2]]
    return s.dice.some(rows, least, min(most, len(rows)))


def field(s: Scene, row: Row, tag: str = "p") -> str:
    """Writes a labelled value in one of several ways."""
    label, value = row
    ways = [
        f"{label}{s.colon()} {value}",
        f"<b>{label}{s.colon()}</b> {value}",
        f"<span>{label}</span> <span>{value}</span>",
    ]
    return tagged(tag, s.dice.pick(ways), s.cls("meta"))


def fields(s: Scene, tag: str = "p", rows: list[Row] | None = None) -> str:
    """Writes the labelled category and manufacturer, one line each."""
    return "\n".join(field(s, row, tag) for row in (facts(s) if rows is None else rows))


def noise(s: Scene, most: int = 3) -> str:
    """Returns lines of shop small print, at most one more than ``most``."""
    keys = ["ship", "stock", "days", "rating", "minimum", "voucher", "badge", "returns", "instal"]
    keys = keys if s.price else [key for key in keys if key not in ("stock", "days", "instal")]
    tag = s.dice.pick(["p", "div", "li", "p"])
    lines = [f"<{tag}{s.cls(key)}>{s.t(key)}</{tag}>" for key in s.dice.some(keys, s.dice.between(0, 1), most + 1)]
    return "<ul>\n" + "\n".join(lines) + "\n</ul>" if tag == "li" and lines else "\n".join(lines)


def crumbs(s: Scene, last: bool | None = None) -> list[str]:
    """Returns the links of a trail; ``last`` says whether the product itself ends it."""
    links = [f'<a href="/">{s.t("home")}</a>'] if s.dice.chance(0.85) or not s.path else []
    links += [f'<a href="/c/{s.dice.digits(3)}">{s.h(name)}</a>' for name in s.path]
    ends = s.dice.chance(0.7) if last is None else last
    return [*links, s.dice.pick(["<span>{}</span>", "<b>{}</b>", "{}"]).format(s.title)] if ends or not s.path else links


def trail(s: Scene, last: bool | None = None) -> str:
    """Writes a breadcrumb trail."""
    sign = s.dice.pick([" › ", " / ", " &gt; ", " » ", " &rsaquo; ", " <i>/</i> ", " → "])
    tag = s.dice.pick(["nav", "div", "p"])
    role = s.dice.pick(["breadcrumb", "crumbs", "path", "bc"])
    return f'<{tag} class="{role}">{sign.join(crumbs(s, last))}</{tag}>'


def neighbours(s: Scene, count: int, brands: bool = False) -> list[str]:
    """Returns inner HTML of other products with their prices, some with their brands."""
    way = s.dice.pick(["<a href='#'>{n}</a> {p}", "<h4>{n}</h4>\n<span>{p}</span>", "{n} – {p}", "<b>{n}</b><br>{p}"])
    lines = []
    for other in s.others(count):
        line = way.format(n=other.title, p=s.money(other.ref))
        lines.append(line + (f" ({s.t('by')} {s.h(other.brand)})" if brands and other.brand else ""))
    return lines


def heading(s: Scene, levels: str = "123") -> str:
    """Writes the heading of the product."""
    level = s.dice.pick(levels)
    return f"<h{level}{s.cls('title')}>{s.title}</h{level}>"


def picture(s: Scene, share: float = 0.5) -> str:
    """Writes an image of the product in some pages."""
    alt = s.dice.pick([s.a(s.name), "", s.a(s.kind.noun)])
    return s.dice.maybe(share, f'<img src="/i/{s.dice.digits(5)}.jpg" alt="{alt}">')
