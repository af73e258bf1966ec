"""Untidy and misleading pages: broken nesting, comments, scripts, hidden values, split prices.

Example:
    >>> upper_tags(scene)  # doctest: +SKIP
    '<DIV>\\n<H1>Ember drill</H1>\\n<P>49 €</P>\\n</DIV>'
"""

import json
import re

from samples.products import brands
from samples.products.layout import minify
from samples.products.parts import extras, facts, fields, heading, neighbours, noise, offer, price_row, trail
from samples.products.prices import Price
from samples.products.scene import Scene


def _split(s: Scene, shown: Price) -> str:
    """Writes a price across elements, with no white space that the displayed price lacks."""
    small, mark = s.dice.pick(["sup", "span", "small"]), s.dice.pick(["span", "span", "sup", "i"])
    whole = s.space().join(s.h(part) for part in shown.whole.split("~"))
    cents = shown.style.point + shown.cents if shown.style.decimals == "2" else shown.style.decimals.strip("0")
    number = f'<span class="int">{whole}</span>' + (f"<{small}>{s.h(cents)}</{small}>" if cents else "")
    if s.dice.chance(0.3) and len(cents) == 3:
        number = f"<b>{whole}</b><span>{cents[0]}</span><{small}>{cents[1:]}</{small}>"
    places = {
        "{n}": number,
        "~": s.space(),
        "{i}": f"<b>{whole}</b>",
        "{c}": f"<{small}>{shown.cents}</{small}>",
    }
    pieces = [piece for piece in re.split(r"(\{[nic]\}|~)", shown.style.shape) if piece]
    return "".join(places.get(piece) or f'<{mark} class="cur">{s.h(piece)}</{mark}>' for piece in pieces)


def split_price(s: Scene) -> str:
    """A price cut into elements for its whole part, its cents and its mark."""
    price = _split(s, s.price) if s.price else s.no_price()
    old = f"<p class='was'>{s.t('was', s.higher())}</p>" if s.price and s.dice.chance(0.4) else ""
    body = [f"<p{s.cls('price')}>{price}</p>", old, fields(s), f"<p>{s.prose()}</p>", noise(s, 1)]
    return f"<div>\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def unclosed(s: Scene) -> str:
    """Paragraphs, cells and list items that nobody closed."""
    rows = s.dice.shuffled([*facts(s), *extras(s, 0, 2), price_row(s, "b")])
    way = s.dice.pick(["list", "table", "lines"])
    if way == "list":
        body = "<ul>\n" + "\n".join(f"<li>{k}{s.colon()} {v}" for k, v in rows) + "\n</ul>"
    elif way == "table":
        body = "<table>\n" + "\n".join(f"<tr><td>{k}<td>{v}" for k, v in rows) + "\n</table>"
    else:
        body = "\n".join(f"<p>{k}{s.colon()} {v}" for k, v in rows)
    return f"<div class=product>\n<h2>{s.title}</h2>\n<p>{s.prose()}\n{body}\n{noise(s, 1)}"


def crossed(s: Scene) -> str:
    """Elements that close in the wrong order and attributes without quotes."""
    labels = "\n".join(f"<p><b>{k}{s.colon()} <i>{v}</b></i></p>" for k, v in facts(s))
    tax = s.dice.maybe(0.5, s.t("vat_in")) if s.price else ""
    price = f"<p class=price><font color=red><strong>{s.amount()}</font></strong> {tax}"
    body = s.dice.shuffled([labels, price + "</p>", f"<p><em>{s.prose()}</p></em>", noise(s, 1)])
    return f"<div id=p{s.dice.digits(3)}>\n<h1><span>{s.title}</h1></span>\n" + "\n".join(body) + "\n</span></div>"


def comment_prices(s: Scene) -> str:
    """Comments that hold old prices and an old brand."""
    remarks = [
        f"<!-- {s.t('price')}: {s.money(s.higher())} -->",
        f"<!-- <b>{s.money(s.other(0.5, 0.9))}</b> -->",
    ]
    remarks += [
        f"<!-- {s.t('brand')}: {s.h(brands.brand(s.dice, s.language))} -->",
        "<!-- /price-block -->",
        "<!--[if IE]><p>IE</p><![endif]-->",
    ]
    body = [f"<p>{offer(s, 'b')}</p>", fields(s), f"<p>{s.prose()}</p>", *s.dice.some(remarks, 2, 4)]
    return f"<div{s.cls('product')}>\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def script_objects(s: Scene) -> str:
    """A script with other products' data beside the displayed product."""
    rows = [{"name": o.name, "brand": o.brand, "price": o.stated} for o in s.others(2)]
    name = s.dice.pick(["window.__RECO__", "var recommendations", "dataLayer"])
    text = json.dumps(rows, ensure_ascii=False)
    script = f"<script>{name} = {text};</script>"
    body = [f"<p>{offer(s, 'span')}</p>", fields(s, "div"), f"<p>{s.prose()}</p>", noise(s, 1), script]
    return f"<main>\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</main>"


def hidden_values(s: Scene) -> str:
    """Hidden elements with misleading values."""
    ways = ['style="display:none"', "hidden", 'style="display: none;"', 'class="x" hidden=""']
    wrong = [
        s.money(s.other(0.4, 0.9)),
        f"{s.t('brand')}: {s.h(brands.brand(s.dice, s.language))}",
        s.others(2)[0].title,
    ]
    hidden = [f"<{s.dice.pick(['span', 'div', 'p'])} {s.dice.pick(ways)}>{value}" for value in s.dice.some(wrong, 1, 3)]
    closed = [f"{line}</{line[1:].split()[0]}>" for line in hidden]
    body = [f"<p>{offer(s, 'b')}</p>", fields(s), f"<p>{s.prose()}</p>", *closed]
    return f"<div>\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def upper_tags(s: Scene) -> str:
    """Elements and attributes in capitals."""
    body = [
        f"<p>{offer(s, 'b')}</p>",
        fields(s, s.dice.pick(["p", "div"])),
        f"<p>{s.prose()}</p>",
        noise(s, 1),
    ]
    page = f'<div align="left">\n{heading(s)}\n' + "\n".join(s.dice.shuffled(body)) + "\n</div>"
    return re.sub(r"(</?)([a-z]\w*)|( [a-z]+)(?==\")", lambda found: found[0].upper(), page)


def icons(s: Scene) -> str:
    """Inline drawings with titles among the texts."""

    def icon(name: str) -> str:
        path = f"M{s.dice.between(1, 9)} 2h{s.dice.between(3, 9)}v9z"
        return f'<svg width="16" viewBox="0 0 16 16" aria-hidden="true"><path d="{path}"/></svg> {name}'

    rows = [f"<li>{icon(f'{k}{s.colon()} {v}')}</li>" for k, v in facts(s)]
    rows += [f"<li>{icon(s.t(key))}</li>" for key in s.dice.some(["ship", "returns", "stock", "days"], 1, 2)]
    price = f"<div>{icon(offer(s, 'strong'))}</div>"
    body = s.dice.shuffled(["<ul>\n" + "\n".join(s.dice.shuffled(rows)) + "\n</ul>", price, f"<p>{s.prose()}</p>"])
    return f"<section>\n{heading(s)}\n" + "\n".join(body) + "\n</section>"


def single_line(s: Scene) -> str:
    """A whole page on one line."""
    head = f"<title>{s.title} - {s.h(s.shop)}</title><style>.a{{color:red}}</style>"
    body = [f"<div>{offer(s, 'b')}</div>", fields(s, "div"), f"<p>{s.prose()}</p>", noise(s, 2)]
    page = (
        f"<html><head>{head}</head><body>\n{heading(s)}\n"
        + "\n".join(s.dice.shuffled(body))
        + f"\n<p>{s.h(s.shop)}</p></body></html>"
    )
    return minify(page)


def deep_nesting(s: Scene) -> str:
    """Every text lies several empty levels deep."""

    def deep(text: str) -> str:
        count = s.dice.between(1, 4)
        return "<div>\n" * count + text + "\n</div>" * count

    rows = [deep(f"<span>{k}{s.colon()}</span>\n<span>{v}</span>") for k, v in facts(s)]
    body = [deep(f"<span>\n{offer(s, 'span')}\n</span>"), deep(f"<p>{s.prose()}</p>"), *rows, noise(s, 1)]
    return deep(deep(f"<h1>\n{s.title}\n</h1>") + "\n" + "\n".join(s.dice.shuffled(body)))


def no_classes(s: Scene) -> str:
    """A long run of divs without a class: only the words tell what is what."""
    lines = [f"{k}{s.colon()} {v}" for k, v in [*facts(s), *extras(s, 1, 2)]]
    lines += [offer(s), s.prose(), s.t("ship"), s.t("rating")]
    body = "\n".join(f"<div>{line}</div>" for line in s.dice.shuffled(lines))
    return f"<div>\n<div><b>{s.title}</b></div>\n{body}\n</div>"


def line_breaks(s: Scene) -> str:
    """One paragraph whose lines end in br."""
    lines = [f"{k}{s.colon()} {v}" for k, v in facts(s)] + [offer(s, "b"), s.t("ship"), s.prose()]
    glue = s.dice.pick(["<br>\n", "<br/>\n", "<br />"])
    return f"<p>\n<big>{s.title}</big>{glue}" + glue.join(s.dice.shuffled(lines)) + "\n</p>"


def business_prices(s: Scene) -> str:
    """A shop for firms and people: net and gross price one below the other."""
    net = f"<div>{s.money(s.other(0.8, 0.85))} <small>{s.t('vat_ex')}</small></div>"
    gross = f"<div><b>{s.amount()}</b> <small>{s.t('vat_in')}</small></div>"
    box = "\n".join(s.dice.shuffled([net, gross])) if s.price else f"<div>{s.no_price()}</div>"
    rows = "\n".join(f"<tr><td>{k}<td>{v}" for k, v in s.dice.shuffled([*facts(s), *extras(s, 1, 2)]))
    body = [box, f"<table>\n{rows}\n</table>", f"<p>{s.t('minimum')}</p>"]
    return f"<div{s.cls('b2b')}>\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def instalment_plan(s: Scene) -> str:
    """A page that shouts the monthly rate and whispers the price."""
    rate = f"<p class='big'>{s.t('instal')}</p>"
    price = f"<p><small>{s.t('price')}{s.colon()} {s.amount()}</small></p>" if s.price else f"<p>{s.no_price()}</p>"
    path = trail(s) if s.path else ""
    maker = "\n".join(f"<p>{k}{s.colon()} {v}</p>" for k, v in facts(s) if s.brand and v == s.h(s.brand))
    more = f"<p>{s.t('related')}: {neighbours(s, 1)[0]}</p>" if s.dice.chance(0.3) else ""
    body = s.dice.shuffled([rate, price, maker, f"<p>{s.prose()}</p>"])
    return f"{path}\n<div>\n{heading(s)}\n" + "\n".join(body) + f"\n{more}\n</div>"


PAGES = [split_price, unclosed, crossed, comment_prices, script_objects, hidden_values, upper_tags, icons]
PAGES += [single_line, deep_nesting, no_classes, line_breaks, business_prices, instalment_plan]
