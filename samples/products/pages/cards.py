"""Cards and tiles: short fragments with a heading, a price and a line or two.

Example:
    >>> simple_card(scene)  # doctest: +SKIP
    '<div class="product">\\n<h2>Ember drill</h2>\\n<span class="price">49 €</span>\\n</div>'
"""

from samples.products.parts import (
    extras,
    facts,
    field,
    fields,
    heading,
    neighbours,
    noise,
    offer,
    picture,
    price_row,
    tagged,
)
from samples.products.scene import Scene


def simple_card(s: Scene) -> str:
    """A product box with a heading, a price and labelled lines."""
    lines = [f"<span{s.cls('price')}>{offer(s)}</span>", f"<p>{s.prose()}</p>", fields(s), noise(s, 1)]
    return '<div class="product">\n' + heading(s, "223") + "\n" + "\n".join(s.dice.shuffled(lines)) + "\n</div>"


def plain_card(s: Scene) -> str:
    """A box of bare divs: brand above the name, category as a small kicker."""
    kicker = f"<small>{s.t('category')}{s.colon()} {s.h(s.category)}</small>" if s.category else ""
    maker = f'<div class="brand">{s.h(s.brand)}</div>' if s.brand else ""
    body = [f"<h3>{s.title}</h3>", f'<div class="price">{offer(s)}</div>']
    parts = [kicker, maker, *body] if s.dice.chance(0.5) else [maker, *body, kicker]
    return f'<div class="{s.dice.pick(["card", "box", "teaser", "item"])}">\n' + "\n".join([*parts, noise(s, 2)]) + "\n</div>"


def linked_card(s: Scene) -> str:
    """A card that is one link, with an image and a badge."""
    badge = s.dice.maybe(0.6, f'<span class="badge">{s.t("badge")}</span>')
    labels = " ".join(f'<span class="{s.dice.pick(["tag", "info"])}">{k}{s.colon()} {v}</span>' for k, v in facts(s))
    link = f'<a href="/p/{s.sku().lower().replace(" ", "-")}">'
    inner = [
        picture(s, 0.9),
        badge,
        f"<h2>{s.title}</h2>",
        f"<p>{offer(s, 'strong')}</p>",
        f"<div>{labels}</div>",
    ]
    return f'<div class="grid-cell">\n{link}\n' + "\n".join(inner) + "\n</a>\n" + noise(s, 2) + "\n</div>"


def list_tile(s: Scene) -> str:
    """A list item with columns."""
    left = f'<div class="col col-1">{picture(s, 0.8)}</div>'
    labels = fields(s, s.dice.pick(["div", "p"]))
    middle = f'<div class="col col-6">\n{heading(s, "34")}\n<p>{s.prose()}</p>\n{labels}\n</div>'
    button = f"<button>{s.t('cart')}</button>"
    right = f'<div class="col col-3">\n<p class="pr">{offer(s, "b")}</p>\n{noise(s, 2)}\n{button}\n</div>'
    return f'<ul class="results">\n<li class="tile">\n{left}\n{middle}\n{right}\n</li>\n</ul>'


def name_price_section(s: Scene) -> str:
    """A section with only a name and a price."""
    level, tag = s.dice.pick("123"), s.dice.pick(["p", "span", "div", "strong"])
    price = offer(s) if s.dice.chance(0.5) else s.amount()
    head, body = f"<h{level}>{s.title}</h{level}>", f"<{tag}{s.cls('price')}>{price}</{tag}>"
    return f"<section{s.cls('product')}>\n{head}\n{body}\n</section>"


def article_footer(s: Scene) -> str:
    """An article with a strong price and a footer that names category and brand."""
    sign = s.dice.pick([" | ", " · ", " / ", " – "])
    foot = sign.join(f"{label}{s.colon()} {value}" for label, value in facts(s))
    header = f"<header>\n{heading(s, '12')}\n</header>"
    body = [f"<p>{s.prose()}</p>", f"<p>{offer(s, 'strong')}</p>", noise(s, 1)]
    end = f"<footer>{foot}</footer>" if foot else s.dice.maybe(0.5, f"<footer>{s.t('returns')}</footer>")
    return f"<article{s.cls('item')}>\n{header}\n" + "\n".join(s.dice.shuffled(body)) + f"\n{end}\n</article>"


def headed_sections(s: Scene) -> str:
    """Sections that each have a heading and one value."""
    rows = [*facts(s), *extras(s, 0, 2), price_row(s)]
    tag = s.dice.pick(["section", "div"])
    parts = [f"<{tag}>\n<h3>{label}</h3>\n<p>{value}</p>\n</{tag}>" for label, value in s.dice.shuffled(rows)]
    return f"<section>\n<h1>{s.title}</h1>\n<p>{s.prose()}</p>\n" + "\n".join(parts) + "\n</section>"


def bem_grid(s: Scene) -> str:
    """A tile with block__element--modifier classes."""
    block = s.dice.pick(["product-tile", "c-product", "m-card", "teaser"])
    brand = f'<div class="{block}__brand">{s.h(s.brand)}</div>' if s.brand else ""
    group = f'<div class="{block}__category">{s.h(s.category)}</div>' if s.category else ""
    price = f'<div class="{block}__price {block}__price--{s.dice.pick(["sale", "main", "lg"])}">{offer(s)}</div>'
    title = f'<h3 class="{block}__title">{s.title}</h3>'
    head = s.dice.pick([[brand, title, group], [group, brand, title], [title, brand, group]])
    parts = [f'<div class="{block}__media">{picture(s)}</div>', *head, price, noise(s, 2)]
    return f'<div class="{block} {block}--grid">\n' + "\n".join(parts) + "\n</div>"


def utility_classes(s: Scene) -> str:
    """A card full of utility classes that say nothing."""
    grey = s.dice.pick(["text-sm text-gray-500", "text-xs uppercase tracking-wide", "mt-1 text-slate-400"])
    lines = [f'<p class="{grey}">{k}{s.colon()} <span class="font-medium">{v}</span></p>' for k, v in facts(s)]
    amount = offer(s, "span", ' class="text-2xl font-bold"')
    price = f'<p class="mt-4 flex items-baseline gap-2">{amount}</p>'
    body = [*lines, price, f'<p class="line-clamp-2 {grey}">{s.prose()}</p>', noise(s, 2)]
    head = f'<h2 class="text-lg font-semibold leading-tight">{s.title}</h2>'
    wrap = s.dice.pick(["max-w-sm rounded-lg shadow p-4", "grid grid-cols-2 gap-4", "flex flex-col md:flex-row"])
    return f'<div class="{wrap}">\n<div class="p-6">\n{head}\n' + "\n".join(s.dice.shuffled(body)) + "\n</div>\n</div>"


def hashed_classes(s: Scene) -> str:
    """Nested divs whose classes are hashes."""

    def odd() -> str:
        return f' class="_{s.dice.pick("abcdefxyz")}{s.dice.digits(2)}{s.dice.pick("fghkqr")}{s.dice.digits(1)}"'

    rows = [
        f"<div{odd()}><div{odd()}>{k}{s.colon()}</div>\n<div{odd()}>{v}</div></div>" for k, v in [*facts(s), *extras(s, 0, 2)]
    ]
    price = f"<div{odd()}><div{odd()}>{offer(s, 'span', odd())}</div></div>"
    head = f"<div{odd()}><h1{odd()}>{s.title}</h1></div>"
    body = s.dice.shuffled([price, "\n".join(rows), noise(s, 2)])
    return f"<div{odd()}>\n<div{odd()}>\n{head}\n" + "\n".join(body) + "\n</div>\n</div>"


def figure_card(s: Scene) -> str:
    """A figure with everything in its caption."""
    lines = [field(s, row, "span") + "<br>" for row in facts(s)]
    body = [f"{offer(s, s.dice.pick(['b', 'strong', 'span']))}<br>", *lines]
    image = f'<img src="{s.dice.digits(4)}.webp" alt="{s.a(s.name)}">'
    caption = f"<h2>{s.title}</h2>\n" + "\n".join(s.dice.shuffled(body)) + f"\n<small>{s.prose()}</small>"
    return f"<figure{s.cls('item')}>\n{image}\n<figcaption>\n{caption}\n</figcaption>\n</figure>"


def hero_banner(s: Scene) -> str:
    """A banner: a kicker, a big name, a sentence that holds the price."""
    by = f'<p class="by">{s.t("by")} {s.h(s.brand)}</p>' if s.brand else ""
    group = field(s, (s.t("category"), s.h(s.category))) if s.category else ""
    call = tagged("p", f"{s.t('badge')}! {offer(s, 'em')}. {s.t('ship')}.", ' class="lead"')
    parts = s.dice.shuffled([group, call, f"<p>{s.prose()}</p>"])
    return (
        f'<section class="hero">\n<h1>{s.title}</h1>\n{by}\n'
        + "\n".join(parts)
        + f'\n<a href="#">{s.t("cart")}</a>\n</section>'
    )


def search_result(s: Scene) -> str:
    """The single hit of a search, with the tail of similar products."""
    link = f'<h3><a href="/p/{s.dice.digits(6)}">{s.title}</a></h3>'
    hit = [f"<p>{offer(s, 'b')}</p>", fields(s, "div"), noise(s, 1)]
    more = "\n".join(f"<li>{line}</li>" for line in neighbours(s, 2))
    box = f'<div class="hit">\n{link}\n' + "\n".join(s.dice.shuffled(hit)) + "\n</div>"
    return f'{box}\n<div class="more">\n<h4>{s.t("related")}</h4>\n<ul>\n{more}\n</ul>\n</div>'


PAGES = [simple_card, plain_card, linked_card, list_tile, name_price_section, article_footer, headed_sections]
PAGES += [bem_grid, utility_classes, hashed_classes, figure_card, hero_banner, search_result]
