"""Pages in the shape of well-known kinds of shop software, marketplaces and letters.

Example:
    >>> basket_shop(scene)  # doctest: +SKIP
    '<div id="product-4211" class="product type-product">…'
"""

import re

from samples.products.parts import (
    Row,
    extras,
    facts,
    field,
    fields,
    heading,
    neighbours,
    noise,
    offer,
    picture,
    trail,
)
from samples.products.scene import Scene


def _category(s: Scene) -> list[Row]:
    """Returns the labelled category, if any."""
    return [(s.t("category"), s.h(s.category))] if s.category else []


def _brand(s: Scene) -> list[Row]:
    """Returns the labelled manufacturer, if any."""
    return [(s.t("brand"), s.h(s.brand))] if s.brand else []


def _amount(s: Scene) -> str:
    """Writes the price with its currency in an element of its own."""
    return re.sub(r"(€|&euro;|&#8364;|£|\$)", r'<span class="currency-symbol">\1</span>', s.amount(), count=1)


def entry_summary(s: Scene) -> str:
    """A blog-like shop: entry summary, struck price, posted-in line, tags."""
    old = f'<del aria-hidden="true"><bdi>{s.money(s.higher())}</bdi></del> ' if s.dice.chance(0.5) and s.price else ""
    price = f'<p class="price">{old}<ins><bdi>{_amount(s)}</bdi></ins></p>'
    posted = " ".join(f'<span class="posted_in">{k}{s.colon()} <a href="#" rel="tag">{v}</a></span>' for k, v in _category(s))
    tags = s.dice.maybe(0.6, f'<span class="tagged_as">{s.t("tags")}</span>')
    meta = f'<div class="product_meta">\n<span>{s.t("sku")}: {s.sku()}</span>\n{posted}\n{tags}\n</div>'
    table = "\n".join(f"<tr><th>{k}</th><td><p>{v}</p></td></tr>" for k, v in [*_brand(s), *extras(s, 0, 2)])
    form = f'<form class="cart"><input type="number" value="1"><button>{s.t("cart")}</button></form>'
    parts = [
        price,
        f"<div>{s.prose()}</div>",
        form,
        meta,
        f'<table class="attributes">\n{table}\n</table>' if table else "",
    ]
    return (
        f'<div id="product-{s.dice.digits(4)}" class="product">\n<h1 class="product_title">{s.title}</h1>\n'
        + "\n".join(parts)
        + "\n</div>"
    )


def hosted_theme(s: Scene) -> str:
    """A hosted theme: vendor above the title, unit price, dynamic checkout."""
    vendor = f'<p class="product__vendor">{s.h(s.brand)}</p>' if s.brand else ""
    group = "\n".join(field(s, row) for row in _category(s))
    old = f'<s class="price-item--regular">{s.money(s.higher())}</s>\n' if s.dice.chance(0.5) and s.price else ""
    price = f'<div class="price">\n{old}<span class="price-item price-item--last">{s.amount()}</span>\n</div>'
    small = f'<small class="tax">{s.t("vat_in")}. {s.t("ship")}</small>'
    quick = f"<button>{s.t('cart')}</button>\n<p>{s.t('instal')}</p>"
    head = [vendor, f'<h1 class="product__title">{s.title}</h1>']
    head = head if s.dice.chance(0.7) else head[::-1]
    tail = s.dice.shuffled([group, f'<div class="rte">{s.prose()}</div>', quick])
    return '<product-info class="page-width">\n' + "\n".join([*head, price, small, *tail]) + "\n</product-info>"


def box_prices(s: Scene) -> str:
    """Price boxes with labels for the special and the old price, then a table of attributes."""
    label = f'<span class="price-label">{s.t("now")}</span>'
    special = f'<span class="special-price">{label} <span class="price">{s.amount()}</span></span>'
    old = f'<span class="old-price">{s.t("was", s.higher())}</span>'
    box = s.dice.shuffled([special, old]) if s.price else [f"<span>{s.no_price()}</span>"]
    rows = "\n".join(
        f'<tr><th class="col label">{k}</th><td class="col data">{v}</td></tr>'
        for k, v in s.dice.shuffled([*facts(s), *extras(s, 1, 2)])
    )
    title = f'<h1 class="page-title"><span class="base">{s.title}</span></h1>'
    stock = f'<div class="stock"><span>{s.t("stock")}</span></div>' if s.price else ""
    body = ['<div class="price-box">\n' + "\n".join(box) + "\n</div>", stock, f"<table>\n{rows}\n</table>"]
    return f'<div class="product-info-main">\n{title}\n' + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def quick_view(s: Scene) -> str:
    """A pop-up view with references, tax lines and a list of features."""
    tax = f'<div class="tax-shipping">{s.t("vat_in")} {s.t("ship")}</div>'
    price = f'<div class="current-price"><span>{s.amount()}</span></div>\n{tax}'
    logo = f'<img src="/m/{s.dice.digits(2)}.jpg" alt="{s.a(s.brand)}" class="manufacturer-logo">' if s.brand else ""
    items = "\n".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in s.dice.shuffled([*_category(s), *extras(s, 1, 3)]))
    flag = s.dice.maybe(0.5, f'<ul class="product-flags"><li>{s.t("badge")}</li></ul>')
    body = [price, logo, f'<dl class="data-sheet">{items}</dl>', f"<p>{s.prose()}</p>"]
    return f'<div class="quickview">\n{flag}\n<h1 class="h1">{s.title}</h1>\n' + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def marketplace(s: Scene) -> str:
    """A marketplace: byline of the brand, the seller who is not the brand, a price said twice."""
    by = f'<a id="byline" href="#">{s.t("brand")}: {s.h(s.brand)}</a>' if s.brand else ""
    twice = f'<span class="offscreen">{s.amount()}</span>' + s.dice.maybe(
        0.5, f'\n<span aria-hidden="true">{s.amount()}</span>'
    )
    box = f'<div id="buybox">\n<div class="price">{twice if s.price else s.no_price()}</div>'
    box += f"\n<div>{s.t('days')}</div>" if s.price else ""
    box += f'\n<div>{s.t("seller")} <a href="#">{s.h(s.shop)}</a></div>\n<button>{s.t("cart")}</button>\n</div>'
    rows = "\n".join(field(s, row, "li") for row in [*_category(s), *extras(s, 0, 2)])
    more = (
        f"<div>{s.t('offer') if s.dice.chance(0.3) else s.t('related')}: {neighbours(s, 1)[0]}</div>"
        if s.dice.chance(0.5)
        else ""
    )
    body = s.dice.shuffled([box, f'<ul id="bullets">\n{rows}\n</ul>' if rows else ""])
    return (
        f'<div id="dp">\n<h1 id="title">{s.title}</h1>\n{by}\n<span>{s.t("rating")}</span>\n'
        + "\n".join(body)
        + f"\n{more}\n</div>"
    )


def classified(s: Scene) -> str:
    """A private advertisement: asking price, condition, place and date."""
    word = s.dice.maybe(0.5, f" <span>{s.t('haggle')}</span>") if s.price else ""
    price = f"<p{s.cls('amount')}><strong>{s.amount()}</strong>{word}</p>"
    clock = f"{s.dice.between(8, 21)}:{s.dice.between(10, 59)}"
    when = f"<p>{s.dice.between(1, 28)}.11.2026, {clock} · ID {s.dice.digits(8)}</p>"
    rows = "\n".join(f"<li>{k}{s.colon()} <span>{v}</span></li>" for k, v in facts(s))
    body = [when, f"<p>{s.t('condition')}. {s.prose()}</p>", f"<ul>\n{rows}\n</ul>" if rows else ""]
    place = s.dice.maybe(0.4, f"<p>{s.t('ship')}</p>")
    return (
        f"<article{s.cls('ad')}>\n<h1>{s.title}</h1>\n{price}\n" + "\n".join(s.dice.shuffled(body)) + f"\n{place}\n</article>"
    )


def letter(s: Scene) -> str:
    """An e-mail newsletter of tables with one product and a voucher."""
    lines = [f'<td style="padding:8px"><h2 style="margin:0">{s.title}</h2></td>']
    lines += [f'<td style="font-size:13px">{k}{s.colon()} {v}</td>' for k, v in facts(s)]
    lines += [f'<td style="font-size:22px;color:#b00">{offer(s, "b")}</td>', f"<td>{s.prose()}</td>"]
    rows = "\n".join(f"<tr>{line}</tr>" for line in [lines[0], *s.dice.shuffled(lines[1:])])
    top = f'<tr><td align="center">{s.h(s.shop)}: {s.t("offer")}</td></tr>'
    foot = f'<tr><td style="font-size:11px">{s.t("voucher")}. {s.t("minimum")}. {s.t("terms")}</td></tr>'
    link = f'<tr><td><a href="#">{s.t("view")}</a></td></tr>'
    return f'<table width="600" align="center" cellspacing="0">\n{top}\n{rows}\n{link}\n{foot}\n</table>'


def mobile_page(s: Scene) -> str:
    """A fast mobile page with its own image elements."""
    image = f'<amp-img src="/i/{s.dice.digits(4)}.jpg" width="300" height="200" alt="{s.a(s.name)}"></amp-img>'
    style = "<style amp-custom>.p{font-weight:700}.o{text-decoration:line-through}</style>"
    old = f'<span class="o">{s.money(s.higher())}</span> ' if s.price and s.dice.chance(0.4) else ""
    body = [
        f'<p>{old}<span class="p">{s.amount()}</span></p>',
        fields(s, "div"),
        f"<p>{s.prose()}</p>",
        noise(s, 1),
    ]
    head = f"<head>\n<title>{s.title}</title>\n{style}\n</head>"
    return (
        f"<!doctype html>\n<html amp lang={s.language}>\n{head}\n<body>\n{image}\n{heading(s, '1')}\n"
        + "\n".join(s.dice.shuffled(body))
        + "\n</body>\n</html>"
    )


def data_attributes(s: Scene) -> str:
    """Data attributes with the brand and with a price written differently from the displayed one."""
    data = {
        "id": s.sku(),
        "price": s.stated if s.price else "",
        "brand": s.a(s.brand or ""),
        "list": s.dice.pick(["grid", "pdp"]),
    }
    data |= {"category": s.a(s.category or "")}
    shown = " ".join(f'data-{key}="{value}"' for key, value in s.dice.shuffled(list(data.items())) if value)
    body = [f"<p{s.cls('cost')}>{offer(s)}</p>", f"<p>{s.prose()}</p>", noise(s, 2), picture(s)]
    return f"<div {shown}>\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def variants(s: Scene) -> str:
    """A form with options, some of which cost more."""
    sizes = s.dice.some(["S", "M", "L", "XL", "38", "40", "42"], 2, 4)
    extra = s.dice.chance(0.6)
    options = "".join(
        f"<option>{x}{f' (+ {s.money(s.other(0.05, 0.2))})' if extra and n else ''}</option>" for n, x in enumerate(sizes)
    )
    choice = f'<label>{s.t("size")} <select name="size">{options}</select></label>'
    paint = "".join(f'<label><input type="radio" name="c"> {s.t("colours")}</label> ' for _ in range(2))
    form = f'<form action="/cart">\n{choice}\n<div>{paint}</div>\n<button>{s.t("cart")}</button>\n</form>'
    price = f'<p id="price">{offer(s, "strong") if s.dice.chance(0.4) else s.amount()}</p>'
    body = s.dice.shuffled([form, price, fields(s), f"<p>{s.prose()}</p>"])
    return f"<div{s.cls('buy')}>\n{heading(s)}\n" + "\n".join(body) + "\n</div>"


def main_and_strip(s: Scene) -> str:
    """A shop page with the main product first and a strip of other offers with their brands."""
    strip = "\n".join(f"<div class='mini'>{line}</div>" for line in neighbours(s, 2, brands=True))
    main = f"<div class='main'>\n{heading(s)}\n<p>{offer(s, 'b')}</p>\n{fields(s)}\n</div>"
    path = trail(s, True) if s.path else ""
    return f"{path}\n{main}\n<div class='strip'>\n<h3>{s.t('related')}</h3>\n{strip}\n</div>"


PAGES = [entry_summary, hosted_theme, box_prices, quick_view, marketplace, classified, letter, mobile_page]
PAGES += [data_attributes, variants, main_and_strip]
