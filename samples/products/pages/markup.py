"""Pages with machine markup: microdata, RDFa, JSON-LD, OpenGraph and microformats.

Example:
    >>> opengraph(scene)  # doctest: +SKIP
    '<head>\\n<meta property="og:title" content="Ember drill">\\n…'
"""

from typing import Any

from samples.products.parts import extras, facts, field, fields, heading, noise, offer, trail
from samples.products.scene import Scene


def _tag(s: Scene, prop: str, value: str, tag: str = "span") -> str:
    """Writes an element with an itemprop."""
    return f'<{tag} itemprop="{prop}">{value}</{tag}>'


def linked(s: Scene, **more: Any) -> dict[str, Any]:
    """Builds the JSON-LD product: name, offer and, where they exist, brand and category."""
    data: dict[str, Any] = {"@type": "Product", "name": s.name, "sku": s.sku()}
    if s.price:
        data["offers"] = {"@type": "Offer", "price": s.stated, "priceCurrency": s.ref.style.currency}
    if s.brand:
        data["brand"] = s.dice.pick([s.brand, {"@type": "Brand", "name": s.brand}])
    if s.path:
        data["category"] = s.dice.pick([" > ", " / ", "/"]).join(s.path) if s.dice.chance(0.6) else s.path[-1]
    return data | more


def _context(data: dict[str, Any]) -> dict[str, Any]:
    """Puts the context in front."""
    return {"@context": "https://schema.org", **data}


def microdata_text(s: Scene) -> str:
    """Microdata whose properties are the displayed text."""
    rows = [
        _tag(s, "brand", s.h(s.brand)) if s.brand else "",
        _tag(s, "category", s.h(s.category)) if s.category else "",
    ]
    amount = offer(s, "span", " itemprop=price")
    price = f'<p itemprop="offers" itemscope itemtype="https://schema.org/Offer">{amount}</p>'
    body = s.dice.shuffled([*(f"<p>{row}</p>" for row in rows if row), price, f"<p>{s.prose()}</p>", noise(s, 1)])
    head = f'<h1 itemprop="name">{s.title}</h1>'
    return f'<div itemscope itemtype="https://schema.org/Product">\n{head}\n' + "\n".join(body) + "\n</div>"


def microdata_content(s: Scene) -> str:
    """Microdata whose price stands only in content attributes."""
    metas = []
    if s.price:
        metas = [f'<meta itemprop="price" content="{s.stated}">']
        metas += [f'<meta itemprop="priceCurrency" content="{s.ref.style.currency}">']
    inner = s.dice.shuffled([*metas, '<link itemprop="availability" href="https://schema.org/InStock">'])
    box = '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">\n' + "\n".join(inner) + "\n</div>"
    body = s.dice.shuffled([box, fields(s), f'<p itemprop="description">{s.prose()}</p>', f"<p>{s.t('stock')}</p>"])
    head = f'<h2 itemprop="name">{s.title}</h2>'
    return f'<section itemscope itemtype="http://schema.org/Product">\n{head}\n' + "\n".join(body) + "\n</section>"


def microdata_meta(s: Scene) -> str:
    """Microdata with brand and category in meta elements and the price displayed."""
    metas = [
        f'<meta itemprop="{key}" content="{s.a(value)}">'
        for key, value in [("brand", s.brand), ("category", s.category)]
        if value
    ]
    name = f'<meta itemprop="name" content="{s.a(s.name)}">' if s.dice.chance(0.4) else f'<b itemprop="name">{s.title}</b>'
    body = s.dice.shuffled([*metas, f"<p>{offer(s, 'span')}</p>", f"<p>{s.prose()}</p>", noise(s, 2)])
    return f'<div itemscope itemtype="https://schema.org/Product">\n{name}\n' + "\n".join(body) + "\n</div>"


def rdfa(s: Scene) -> str:
    """RDFa properties, the price displayed and stated."""
    brand = f'<span property="brand" typeof="Brand"><span property="name">{s.h(s.brand)}</span></span>' if s.brand else ""
    group = f'<span property="category" content="{s.a(" > ".join(s.path))}">{s.h(s.category)}</span>' if s.category else ""
    amount = offer(s, "span", f' property="price" content="{s.stated}"')
    price = f'<div property="offers" typeof="Offer">{amount}</div>'
    rows = [f"<p>{row}</p>" for row in (brand, group) if row]
    head = f'<h1 property="name">{s.title}</h1>'
    body = "\n".join(s.dice.shuffled([price, *rows, noise(s, 1), f'<p property="description">{s.prose()}</p>']))
    return f'<article vocab="https://schema.org/" typeof="Product">\n{head}\n{body}\n</article>'


def jsonld_only(s: Scene) -> str:
    """A page that a script would fill: all that is known stands in JSON-LD and the title."""
    head = f'<meta charset="utf-8">\n<title>{s.title} {s.dice.pick(["|", "-", "·"])} {s.h(s.shop)}</title>'
    lost = f'<div id="{s.dice.pick(["root", "app", "__next"])}">{s.t("loading")}</div>'
    script = s.ld(_context(linked(s, description=s.kind.prose[0])))
    places = [script, lost] if s.dice.chance(0.5) else [lost, script]
    return (
        f"<html>\n<head>\n{head}\n</head>\n<body>\n" + "\n".join(places) + f"\n<footer>{s.h(s.shop)}</footer>\n</body>\n</html>"
    )


def jsonld_graph(s: Scene) -> str:
    """A graph of JSON-LD with a trail beside the displayed name and price; the price is displayed."""
    product = linked(s)
    product.pop("category", None)
    steps = [{"@type": "ListItem", "position": n, "name": name} for n, name in enumerate(s.path, 1)]
    graph = [{"@type": "Organization", "name": s.shop}, product]
    graph += [{"@type": "BreadcrumbList", "itemListElement": steps}] if steps else []
    script = s.ld({"@context": "https://schema.org", "@graph": s.dice.shuffled(graph)})
    body = [f"<p>{offer(s, 'b')}</p>", f"<p>{s.prose()}</p>", noise(s, 2)]
    return f"<main>\n{script}\n{heading(s)}\n" + "\n".join(s.dice.shuffled(body)) + "\n</main>"


def jsonld_array(s: Scene) -> str:
    """An array of JSON-LD whose name is longer than the heading; the heading is the name."""
    longer = f"{s.brand or s.shop} {s.name}" if s.dice.chance(0.5) else f"{s.name} – {s.sku()}"
    site = {"@context": "https://schema.org", "@type": "WebSite", "name": s.shop}
    script = s.ld(s.dice.shuffled([_context(linked(s, name=longer)), site]))
    rows = "\n".join(field(s, row, "li") for row in extras(s, 1, 2))
    body = s.dice.shuffled([f"<div>{offer(s)}</div>", f"<ul>\n{rows}\n</ul>", f"<p>{s.prose()}</p>"])
    return f"{script}\n<div{s.cls('detail')}>\n{heading(s)}\n" + "\n".join(body) + "\n</div>"


def jsonld_range(s: Scene) -> str:
    """JSON-LD with an aggregate offer; the low price counts and no price is displayed."""
    data = linked(s)
    if "offers" in data:
        high = s.higher()
        limits = {"lowPrice": s.stated, "highPrice": f"{high.amount // 100}.{high.cents}"}
        data["offers"] = {
            "@type": "AggregateOffer",
            **limits,
            "priceCurrency": s.ref.style.currency,
            "offerCount": s.dice.between(2, 9),
        }
    body = [f"<p>{s.prose()}</p>", f"<p>{s.t('rating')}</p>", f"<button>{s.t('cart')}</button>"]
    return f"<section>\n{heading(s)}\n" + "\n".join(s.dice.some(body, 1, 3)) + f"\n</section>\n{s.ld(_context(data))}"


def opengraph(s: Scene) -> str:
    """A head with meta elements of a social network and a body with the name."""
    metas = [("og:type", "product"), ("og:title", s.name), ("og:site_name", s.shop)]
    if s.price:
        space = s.dice.pick(["product", "og", "product"])
        metas += [(f"{space}:price:amount", s.stated), (f"{space}:price:currency", s.ref.style.currency)]
    metas += [("product:brand", s.brand)] if s.brand else []
    metas += [("product:category", s.category)] if s.category else []
    lines = [
        f'<meta property="{key}" content="{s.a(value)}"{s.dice.pick(["", " /"])}>' for key, value in s.dice.shuffled(metas)
    ]
    title = f"<title>{s.title} | {s.h(s.shop)}</title>"
    body = f"{s.dice.maybe(0.7, f'<h1>{s.title}</h1>')}\n<p>{s.prose()}</p>\n<p>{s.t('returns')}</p>"
    return f"<html>\n<head>\n{title}\n" + "\n".join(lines) + f"\n</head>\n<body>\n{body}\n</body>\n</html>"


def microformat(s: Scene) -> str:
    """The h-product microformat."""
    brand = f'<span class="p-brand h-card">{s.h(s.brand)}</span>' if s.brand else ""
    group = f'<a class="p-category" rel="tag" href="#">{s.h(s.category)}</a>' if s.category else ""
    price = offer(s, s.dice.pick(["data", "span"]), f' class="p-price" value="{s.stated}"')
    body = [f"<p>{part}</p>" for part in (brand, group, price) if part]
    body += [f'<p class="e-description">{s.prose()}</p>', noise(s, 1)]
    return f'<div class="h-product">\n<h2 class="p-name">{s.title}</h2>\n' + "\n".join(s.dice.shuffled(body)) + "\n</div>"


def title_only(s: Scene) -> str:
    """A page without a heading: the title holds the name and, where known, the brand."""
    sign = s.dice.pick([" | ", " · ", " — "])
    title = s.title + (f" {s.t('by')} {s.h(s.brand)}" if s.brand else "") + sign + s.h(s.shop)
    group = "\n".join(field(s, row) for row in facts(s) if s.category and row[1] == s.h(s.category))
    path = trail(s, last=False) if s.path and s.dice.chance(0.5) else group
    body = s.dice.shuffled([f"<p>{offer(s, 'strong')}</p>", f"<p>{s.prose()}</p>", noise(s, 2)])
    return (
        f"<html>\n<head>\n<title>{title}</title>\n</head>\n<body>\n{path}\n"
        + "\n".join(body)
        + f"\n<p>© {s.h(s.shop)}</p>\n</body>\n</html>"
    )


PAGES = [microdata_text, microdata_content, microdata_meta, rdfa, jsonld_only, jsonld_graph, jsonld_array]
PAGES += [jsonld_range, opengraph, microformat, title_only]
