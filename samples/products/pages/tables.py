"""Tables, lists of definitions and pages of the old web.

Example:
    >>> spec_table(scene)  # doctest: +SKIP
    '<h1>Ember drill</h1>\\n<table>\\n<tr><th>Price</th><td>49 €</td></tr>\\n</table>'
"""

from samples.products.parts import (
    Row,
    extras,
    facts,
    fields,
    heading,
    neighbours,
    noise,
    offer,
    price_row,
    trail,
)
from samples.products.scene import Scene
from samples.products.vocabulary import LABELS


def _rows(s: Scene, most: int = 3) -> list[Row]:
    """Returns all labelled values of the product, the price among them, in random order."""
    return s.dice.shuffled([*facts(s), *extras(s, 1, most), price_row(s)])


def spec_table(s: Scene) -> str:
    """A heading and a table of two columns."""
    cell = s.dice.pick(["th", "td", "th scope='row'"])
    end = s.dice.pick(["", s.colon()])
    rows = [f"<tr><{cell}>{label}{end}</{cell[:2]}><td>{value}</td></tr>" for label, value in _rows(s)]
    caption = s.dice.maybe(0.3, f"<caption>{s.t('details')}</caption>\n")
    return f"<div>\n{heading(s)}\n<table>\n{caption}" + "\n".join(rows) + f"\n</table>\n{noise(s, 2)}\n</div>"


def header_row(s: Scene) -> str:
    """A table with one row of headings and one product."""
    rows = s.dice.shuffled([(s.t("name"), f"<strong>{s.title}</strong>"), *_rows(s, 2)])
    head = "".join(f"<th>{label}</th>" for label, _ in rows)
    body = "".join(f"<td>{value}</td>" for _, value in rows)
    parts = [f"<thead><tr>{head}</tr></thead>", f"<tbody><tr>{body}</tr></tbody>"]
    return f"<table{s.cls('list')}>\n" + "\n".join(parts) + f"\n</table>\n{noise(s, 2)}"


def nested_table(s: Scene) -> str:
    """Tables for the layout with a table of values inside."""
    inner = "\n".join(f"<tr><td>{label}{s.colon()}</td><td>{value}</td></tr>" for label, value in _rows(s))
    left = f'<td width="40%"><img src="{s.dice.digits(3)}.gif" alt=""></td>'
    right = f"<td>\n<h2>{s.title}</h2>\n<table>\n{inner}\n</table>\n<p>{s.prose()}</p>\n</td>"
    cells = [left, right] if s.dice.chance(0.6) else [right, left]
    return '<table width="100%" border="0">\n<tr>\n' + "\n".join(cells) + f"\n</tr>\n</table>\n{noise(s, 1)}"


def rowspan_table(s: Scene) -> str:
    """A table whose first cell spans all rows."""
    rows = _rows(s)
    cells = [f"<td><b>{label}</b></td><td>{value}</td>" for label, value in rows]
    first = f'<td rowspan="{len(rows)}"><h3>{s.title}</h3></td>'
    lines = [f"<tr>{first}{cells[0]}</tr>", *(f"<tr>{cell}</tr>" for cell in cells[1:])]
    return '<table border="1">\n' + "\n".join(lines) + f"\n</table>\n{s.dice.maybe(0.5, f'<p>{s.prose()}</p>')}"


def definition_list(s: Scene) -> str:
    """A definition list, in some pages with the name in it."""
    rows = _rows(s)
    named = s.dice.chance(0.5)
    rows = [(s.t("name"), s.title), *rows] if named else rows
    items = "\n".join(f"<dt>{label}</dt>\n<dd>{value}</dd>" for label, value in rows)
    return f"<div>\n{'' if named else heading(s)}\n<dl{s.cls('facts')}>\n{items}\n</dl>\n{noise(s, 2)}\n</div>"


def font_tags(s: Scene) -> str:
    """A centred page of the nineties with font elements."""
    colour = s.dice.pick(["#990000", "red", "#003366", "green"])
    lines = "<br>\n".join(f'<font size="2">{label}{s.colon()} <b>{value}</b></font>' for label, value in facts(s))
    price = f'<font size="4" color="{colour}">{offer(s, "b")}</font>'
    parts = s.dice.shuffled(
        [f"<p>{price}</p>", f"<p>{lines}</p>" if lines else "", f'<p><font size="2">{s.prose()}</font></p>']
    )
    shop = f'<font size="1">{s.h(s.shop)} - {s.t("ship")}</font>'
    return (
        f'<center>\n<font face="Arial" size="5"><h1>{s.title}</h1></font>\n' + "\n".join(parts) + f"\n<hr>\n{shop}\n</center>"
    )


def print_catalogue(s: Scene) -> str:
    """An entry of a printed catalogue in preformatted lines."""
    rows = [(s.t("sku"), s.sku()), *facts(s), price_row(s, s.dice.pick(["", "b"]))]
    dots = s.dice.pick([" .... ", "\t", ": ", " ......... "])
    lines = "\n".join(f"{label}{dots}{value}" for label, value in rows)
    small = s.dice.maybe(0.6, f"\n<p>{s.t('ship')} · {s.t('minimum')}</p>")
    return f"<div class='entry'>\n<h2>{s.title}</h2>\n<p>{s.prose()}</p>\n<pre>\n{lines}\n</pre>{small}\n</div>"


def quantity_tiers(s: Scene) -> str:
    """A page with lower prices for larger quantities; one piece costs the price."""
    labels = [s.t("one"), *(s.h(word) for word in LABELS[s.language]["tiers"])][: s.dice.between(3, 4)]
    shares = [0.95, 0.89, 0.84][: len(labels) - 1]
    cells = [s.amount(), *(s.money(s.other(share - 0.02, share)) if s.price else "–" for share in shares)]
    rows = [f"<tr><td>{label}</td><td>{cell}</td></tr>" for label, cell in zip(labels, cells, strict=True)]
    table = f"<table>\n<tr><th>{s.t('qty')}</th><th>{s.t('price')}</th></tr>\n" + "\n".join(rows) + "\n</table>"
    return f"<main>\n<h1>{s.title}</h1>\n" + "\n".join(s.dice.shuffled([table, fields(s), noise(s, 2)])) + "\n</main>"


def comparison(s: Scene) -> str:
    """A comparison of the product with two others, which stand in the further columns."""
    others = s.others(2)
    rows = [[s.t("price"), s.amount(), *(s.money(o.ref) for o in others)]]
    if s.brand:
        rows.append([s.t("brand"), s.h(s.brand), *(s.h(o.brand or "–") for o in others)])
    rows.append([s.t("weight"), *(f"{s.dice.between(1, 9)} kg" for _ in [s, *others])])
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in s.dice.shuffled(rows)]
    head = f'<tr><th></th><th class="main">{s.t("this")}</th>' + "".join(f"<th>{o.title}</th>" for o in others) + "</tr>"
    group = fields(s, "p", [(s.t("category"), s.h(s.category))]) if s.category else ""
    return f"<h1>{s.title}</h1>\n{group}\n<table>\n{head}\n" + "\n".join(lines) + f"\n</table>\n{noise(s, 1)}"


def frame_page(s: Scene) -> str:
    """An old page: a trail, a menu column and the product in the middle column."""
    menu = "<br>\n".join(neighbours(s, 2))
    labels = [f"{label}{s.colon()} <i>{value}</i><br>" for label, value in facts(s) if s.h(s.category or "") != value]
    price = (
        f"<p><b>{s.t('price')}{s.colon()} {s.amount()}</b> {s.dice.maybe(0.6, s.t('vat_in'))}</p>"
        if s.price
        else f"<p>{s.no_price()}</p>"
    )
    middle = f'<td valign="top">\n<h1>{s.title}</h1>\n' + "\n".join(s.dice.shuffled([*labels, price, s.prose()])) + "\n</td>"
    side = f'<td width="120" bgcolor="#eeeeee">\n<b>{s.t("related")}</b><br>\n{menu}\n</td>'
    return f"{trail(s)}\n<table cellpadding=4>\n<tr>\n{side}\n{middle}\n</tr>\n</table>"


PAGES = [spec_table, header_row, nested_table, rowspan_table, definition_list, font_tags, print_catalogue]
PAGES += [quantity_tiers, comparison, frame_page]
