"""Whole pages: head, menu, trail, product, neighbours, reviews and footer.

Example:
    >>> whole_page(scene)  # doctest: +SKIP
    '<!DOCTYPE html>\\n<html lang="en">\\n<head>…'
"""

from samples.products import brands
from samples.products.parts import (
    crumbs,
    extras,
    facts,
    field,
    fields,
    heading,
    neighbours,
    noise,
    offer,
    picture,
    tagged,
    trail,
)
from samples.products.scene import Scene
from samples.products.vocabulary import KINDS


def _rows(s: Scene, key: str) -> str:
    """Writes one labelled value, the category or the manufacturer, if it exists."""
    value = s.category if key == "category" else s.brand
    return field(s, (s.t(key), s.h(value))) if value else ""


def _menu(s: Scene) -> str:
    """Writes a menu with departments of the shop, never with the product's own path."""
    names = {kind.path[1] for kind in KINDS[s.language] if kind.path[1] not in {*s.kind.path, s.category}}
    links = [f'<a href="#">{s.h(name)}</a>' for name in s.dice.some(sorted(names), 2, 4)]
    return "<nav>" + s.dice.pick([" ", " | ", " · "]).join([*links, s.t("account"), s.t("basket")]) + "</nav>"


def _footer(s: Scene) -> str:
    """Writes the footer of a shop."""
    return f"<footer>© {s.dice.between(2019, 2026)} {s.h(s.shop)} · {s.t('terms')} · {s.t('contact')}</footer>"


def _shelf(s: Scene, share: float) -> str:
    """Writes a block of other products in some pages."""
    lines = "\n".join(f"<li>{line}</li>" for line in neighbours(s, s.dice.between(1, 3), brands=s.dice.chance(0.3)))
    return s.dice.maybe(share, f"<section class='shelf'>\n<h3>{s.t('related')}</h3>\n<ul>\n{lines}\n</ul>\n</section>")


def _page(s: Scene, body: list[str], title: str = "") -> str:
    """Writes the document around the parts of a body."""
    sign = s.dice.pick(["|", "–", "-", "·", "»"])
    head = f'<meta charset="utf-8">\n<title>{title or s.title} {sign} {s.h(s.shop)}</title>'
    inner = "\n".join(part for part in body if part)
    root = f'<!DOCTYPE html>\n<html lang="{s.language}">'
    return f"{root}\n<head>\n{head}\n</head>\n<body>\n{inner}\n</body>\n</html>"


def whole_page(s: Scene) -> str:
    """A page with everything around the product."""
    header = f'<header><a href="/">{s.h(s.shop)}</a> {s.t("search")} {_menu(s)}</header>'
    main = [heading(s, "1"), f"<p>{offer(s, 'b')}</p>", f"<p>{s.prose()}</p>", _rows(s, "brand"), noise(s, 1)]
    path = trail(s) if s.path else ""
    news = s.dice.maybe(0.5, f"<form>{s.t('news')} <input type='email'></form>")
    return _page(
        s,
        [
            header,
            path,
            "<main>",
            *main[:1],
            *s.dice.shuffled(main[1:]),
            "</main>",
            _shelf(s, 0.6),
            news,
            _footer(s),
        ],
    )


def ordered_trail(s: Scene) -> str:
    """A trail as an ordered list."""
    items = "\n".join(f"<li>{link}</li>" for link in crumbs(s))
    body = [f"<p>{offer(s, 'strong')}</p>", _rows(s, "brand"), f"<p>{s.prose()}</p>", noise(s, 1)]
    return f'<ol class="breadcrumb">\n{items}\n</ol>\n{heading(s)}\n' + "\n".join(s.dice.shuffled(body))


def sign_trail(s: Scene) -> str:
    """A trail of spans with signs between, and the brand as a byline."""
    by = f"<div>{s.t('by')} <a href='#'>{s.h(s.brand)}</a></div>" if s.brand else ""
    body = s.dice.shuffled([f"<div{s.cls('price')}>{offer(s)}</div>", f"<div>{s.prose()}</div>", noise(s, 2)])
    return f"<div>\n{trail(s)}\n{heading(s, '12')}\n{by}\n" + "\n".join(body) + "\n</div>"


def brand_trail(s: Scene) -> str:
    """A trail that passes through the brand, which a label or a script also names."""
    links = [f'<a href="/">{s.t("home")}</a>', *(f'<a href="#">{s.h(name)}</a>' for name in s.path)]
    if s.brand:
        links.append(f'<a href="/{s.dice.pick(["brand", "marke", "marque", "b"])}" class="brand">{s.h(s.brand)}</a>')
    path = s.dice.pick([" &gt; ", " / ", " › "]).join([*links, s.title])
    said = _rows(s, "brand") if s.dice.chance(0.6) or not s.brand else s.ld({"@type": "Product", "brand": {"name": s.brand}})
    body = s.dice.shuffled([f"<p>{offer(s, 'b')}</p>", said, f"<p>{s.prose()}</p>", noise(s, 1)])
    return f"<nav>{path}</nav>\n{heading(s)}\n" + "\n".join(body)


def related_aside(s: Scene) -> str:
    """Neighbours in an aside, before or after the product."""
    cards = "\n".join(f"<li>{line}</li>" for line in neighbours(s, s.dice.between(2, 3)))
    aside = f"<aside>\n<h2>{s.t('related')}</h2>\n<ul>\n{cards}\n</ul>\n</aside>"
    body = [f"<p>{offer(s, 'b')}</p>", fields(s), f"<p>{s.prose()}</p>"]
    main = f"<main>\n{heading(s, '1')}\n" + "\n".join(s.dice.shuffled(body)) + "\n</main>"
    return f"{aside}\n{main}" if s.dice.chance(0.35) else f"{main}\n{aside}"


def related_boxes(s: Scene) -> str:
    """Neighbours in plain boxes of the same kind as the product's own box."""
    role = s.dice.pick(["prod", "box", "entry"])
    body = [f"<div class='price'>{offer(s)}</div>", fields(s, "div"), noise(s, 1)]
    main = f"<div class='{role} {role}-main'>\n<h1>{s.title}</h1>\n" + "\n".join(s.dice.shuffled(body)) + "\n</div>"
    boxes = "\n".join(f"<div class='{role}'>\n{line}\n</div>" for line in neighbours(s, 2, brands=s.dice.chance(0.4)))
    return f"{main}\n<div class='row'>\n<div>{s.t('related')}</div>\n{boxes}\n</div>"


def related_by_class(s: Scene) -> str:
    """Neighbours above the product that only a class and the title of the page set apart."""
    strip = f"<div class='{s.dice.pick(['recently-viewed', 'upsell', 'related', 'cross-sell'])}'>" + " ".join(
        f"<span>{line}</span>" for line in [f"{o.title} {s.money(o.ref)}" for o in s.others(2)]
    )
    body = s.dice.shuffled([f"<p>{offer(s, 'b')}</p>", fields(s), f"<p>{s.prose()}</p>"])
    return _page(s, [strip + "</div>", "<div id='content'>", heading(s, "1"), *body, "</div>", _footer(s)])


def _review(s: Scene) -> str:
    """Writes one review with a name, a date and stars."""
    date = f"{s.dice.between(1, 28)}/{s.dice.between(1, 9)}/2026"
    return f"<li><b>{s.h(brands.person(s.dice))}</b> {date} {'★' * s.dice.between(2, 5)} {s.t('review')}</li>"


def reviews_page(s: Scene) -> str:
    """Reviews with names, dates and stars after the product."""
    lines = [_review(s) for _ in range(s.dice.between(1, 3))]
    block = f"<section>\n<h2>{s.t('reviews')}</h2>\n<p>{s.t('rating')}</p>\n<ul>\n" + "\n".join(lines) + "\n</ul>\n</section>"
    body = s.dice.shuffled([f"<p>{offer(s, 'strong')}</p>", fields(s), f"<p>{s.prose()}</p>"])
    return f"<div>\n{heading(s, '1')}\n" + "\n".join(body) + f"\n{block}\n</div>"


def tab_page(s: Scene) -> str:
    """Tabs: their names in a list, their panels below."""
    names = [s.t("descr"), s.t("details"), s.t("delivery")]
    rows = "\n".join(f"<p>{k}{s.colon()} {v}</p>" for k, v in s.dice.shuffled([*facts(s), *extras(s, 1, 2)]))
    panels = [f"<p>{s.prose()}</p>", rows, f"<p>{s.t('ship')}. {s.t('returns')}</p>"]
    tabs = "\n".join(f'<li role="tab"><a href="#t{n}">{name}</a></li>' for n, name in enumerate(names))
    blocks = "\n".join(f'<div role="tabpanel" id="t{n}">\n{panel}\n</div>' for n, panel in enumerate(panels))
    price = f"<div{s.cls('price')}>{offer(s, 'span')}</div>"
    return f'<div>\n{heading(s, "1")}\n{price}\n<ul role="tablist">\n{tabs}\n</ul>\n{blocks}\n</div>'


def accordion(s: Scene) -> str:
    """Details elements that open one by one."""
    rows = "".join(f"<li>{k}{s.colon()} {v}</li>" for k, v in s.dice.shuffled([*facts(s), *extras(s, 1, 2)]))
    blocks = [
        (s.t("details"), f"<ul>{rows}</ul>"),
        (s.t("delivery"), f"<p>{s.t('ship')}. {s.t('days')}</p>"),
        (s.t("descr"), s.prose()),
    ]
    inner = "\n".join(
        f"<details{s.dice.maybe(0.3, ' open')}>\n<summary>{k}</summary>\n{v}\n</details>"
        for k, v in s.dice.some(blocks[1:], 0, 2) + blocks[:1]
    )
    price = f"<p>{offer(s, 'b')}</p>"
    parts = [price, inner] if s.dice.chance(0.6) else [inner, price]
    return f"<section>\n{heading(s)}\n" + "\n".join(parts) + "\n</section>"


def cookie_page(s: Scene) -> str:
    """A cookie banner and a promotion stand before the product."""
    banner = f'<div id="cookies" role="dialog">{s.t("cookie")} · {s.t("terms")}</div>'
    promo = f"<div class='promo'>{s.t('voucher')}. {s.t('news')}</div>"
    body = s.dice.shuffled([f"<p>{offer(s, 'b')}</p>", fields(s), f"<p>{s.prose()}</p>"])
    before = s.dice.shuffled([banner, promo, _menu(s)])
    return _page(s, [*before, heading(s, "1"), *body, _shelf(s, 0.4), _footer(s)])


def brand_logo(s: Scene) -> str:
    """The brand stands only in the alt text of its logo."""
    logo = ""
    if s.brand:
        role = s.dice.pick(["brand", "brand-logo", "logo-marke"])
        logo = f'<img src="/logos/{s.dice.digits(3)}.png" alt="{s.a(s.brand)}" class="{role}">'
    body = [logo, f"<p>{offer(s, 'b')}</p>", f"<p>{s.prose()}</p>", picture(s), noise(s, 1)]
    path = trail(s) if s.path else ""
    return f"{path}\n<div{s.cls('box')}>\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def brand_in_title(s: Scene) -> str:
    """The brand stands only in the title of the page, beside the name and before the shop."""
    title = s.title
    if s.brand:
        after = s.dice.pick([" – ", f" {s.t('by')} ", ", "]) + s.h(s.brand)
        before = s.dice.chance(0.4) and not s.name.startswith(s.brand)
        title = f"{s.h(s.brand)} {title}" if before else title.removeprefix(s.h(s.brand)).strip() + after
    body = [_rows(s, "category"), f"<p>{offer(s, 'b')}</p>", f"<p>{s.prose()}</p>", noise(s, 1)]
    return _page(s, [f"<header>{s.h(s.shop)}</header>", heading(s, "1"), *s.dice.shuffled(body), _footer(s)], title)


def story(s: Scene) -> str:
    """A text that speaks of the product, with the price in a sentence and a byline of the maker."""
    by = f"<p><i>{s.t('by')} <a href='#'>{s.h(s.brand)}</a></i></p>" if s.brand else ""
    sentence = f"{s.prose()} {s.t('price')}: {tagged('b', s.amount())}. {s.t('ship')}. {s.t('returns')}"
    quote = s.dice.maybe(0.5, f"<blockquote>{s.t('review')}</blockquote>")
    body = s.dice.shuffled([f"<p>{sentence}</p>", _rows(s, "category"), quote])
    return f"<article>\n{heading(s, '12')}\n{by}\n" + "\n".join(body) + "\n</article>"


PAGES = [whole_page, ordered_trail, sign_trail, brand_trail, related_aside, related_boxes, related_by_class]
PAGES += [reviews_page, tab_page, accordion, cookie_page, brand_logo, brand_in_title, story]
