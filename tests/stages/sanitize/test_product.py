"""A product page as text: what is said, what goes, and that no page is too odd for it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.documents import fold_space
from stages.sanitize.product import product_text
from tests.conftest import ROOT

COMMITTED = sorted((ROOT / "data" / "raw" / "products").glob("*.json"))


def _ld(value: Any) -> str:
    return f'<script type="application/ld+json">{value if isinstance(value, str) else json.dumps(value)}</script><p>x</p>'


@pytest.mark.parametrize(
    ("page", "text"),
    [
        pytest.param(
            '<div class="card"><h2>X200</h2><p class="brand">Alpina</p><p>Drills</p><span class="price">12&nbsp;€</span></div>',
            "## X200\n[brand] Alpina\nDrills\n[price] 12 €",
            id="a simple card",
        ),
        pytest.param(
            "<article><header><h2>X200</h2></header><p>Now <strong>12 €</strong></p>"
            "<footer>Category: Drills | Brand: Alpina</footer></article>",
            "## X200\nNow 12 €\nCategory: Drills | Brand: Alpina",
            id="an article with header and footer",
        ),
        pytest.param("<section><h3>X200</h3><p>12 €</p></section>", "### X200\n12 €", id="name and price only"),
        pytest.param(
            '<title>X200 | Shop</title><div class="brand">Alpina</div><h1>X200</h1><b class="price">12&nbsp;€</b>',
            "title: X200 | Shop\n[brand] Alpina\n# X200\n[price] 12 €",
            id="a whole page",
        ),
        pytest.param("<title>X200</title><h1>X200</h1>", "# X200", id="a title that the heading repeats"),
        pytest.param(
            "<table><tr><th>Brand</th><td>Alpina</td></tr><tr><th>Price</th><td>12 €</td></tr></table>",
            "Brand: Alpina\nPrice: 12 €",
            id="a table",
        ),
        pytest.param('<img src="x.png" alt="Alpina logo">', "[image] Alpina logo", id="a picture"),
        pytest.param("<p>1&nbsp;299&#8239;€&thinsp;</p>", "1 299 €", id="no-break and thin spaces"),
        pytest.param(
            '<span class="price"><span>12</span><span>,</span><span>99 €</span></span>', "[price] 12,99 €", id="a split price"
        ),
        pytest.param("&lt;b&gt;X200&lt;/b&gt;", "<b>X200</b>", id="entities"),
        pytest.param("", "", id="nothing"),
        pytest.param("<!-- 12 € -->", "", id="a comment alone"),
    ],
)
def test_visible_text(page: str, text: str) -> None:
    assert product_text(page) == text


@pytest.mark.parametrize(
    ("page", "lines"),
    [
        pytest.param(
            _ld({"@type": "Product", "name": "X200", "brand": "Alpina", "category": "Drills",
                 "offers": {"price": "12.00", "priceCurrency": "EUR"}}),
            ["data name: X200", "data brand: Alpina", "data category: Drills", "data price: 12.00 EUR", "x"],
            id="JSON-LD object",
        ),
        pytest.param(
            _ld([{"@type": "Product", "brand": {"@type": "Brand", "name": "Alpina"}, "offers": [{"lowPrice": 12}]}]),
            ["data brand: Alpina", "data price: 12", "x"],
            id="JSON-LD array",
        ),
        pytest.param(
            _ld({"@graph": [
                {"@type": "WebSite", "name": "Shop"},
                {"@type": ["Product"], "name": "X200", "manufacturer": {"name": "Alpina"}},
                {"@type": "BreadcrumbList", "itemListElement": [{"name": "Home"}, {"item": {"name": "Drills"}}]},
            ]}),
            ["data name: X200", "data manufacturer: Alpina", "breadcrumb: Home > Drills", "x"],
            id="JSON-LD graph",
        ),
        pytest.param(
            _ld({"@type": "Product", "offers": {"priceSpecification": [{"price": 12.5}], "priceCurrency": "EUR"}}),
            ["data price: 12.5 EUR", "x"],
            id="JSON-LD price specification",
        ),
        pytest.param(_ld("{broken"), ["x"], id="JSON-LD that is none"),
        pytest.param(
            '<meta property="og:title" content="X200"><meta property="product:price:amount" content="12.00">'
            '<meta property="product:price:currency" content="EUR"><meta itemprop="brand" content="Alpina"><p>x</p>',
            ["data name: X200", "data price: 12.00 EUR", "data brand: Alpina", "x"],
            id="meta tags",
        ),
        pytest.param(
            '<p><span itemprop="name">X200</span> <span itemprop="priceCurrency" content="EUR">€</span></p>',
            ["[name] X200 [priceCurrency: EUR] €"],
            id="microdata",
        ),
        pytest.param(
            '<div data-brand="Alpina" data-price="12.00" data-v-1="q">X200</div>',
            ["data-brand: Alpina", "data-price: 12.00", "X200"],
            id="data attributes",
        ),
        pytest.param(
            '<p class="product-vendor">Alpina</p><p id="hersteller">Bosk</p><p class="prix">12 €</p><p class="red">new</p>',
            ["[vendor] Alpina", "[hersteller] Bosk", "[prix] 12 €", "new"],
            id="class names and ids",
        ),
        pytest.param(
            '<p class="price"><span class="price">12 €</span></p>', ["[price] 12 €"], id="a role is said once"
        ),
        pytest.param('<p class="old-price">15 €</p>', ["[old price] 15 €"], id="old first"),
        pytest.param('<p class="price price--old">15 €</p>', ["[old price] 15 €"], id="old last"),
    ],
)  # fmt: skip
def test_markup_is_put_into_words(page: str, lines: list[str]) -> None:
    assert product_text(page).splitlines() == lines


@pytest.mark.parametrize(
    "part",
    [
        "<div hidden>99 €</div>",
        '<div style="color: red; display: none">99 €</div>',
        '<div style="visibility:hidden">99 €</div>',
        "<!-- 99 € -->",
        "<script>var price = '99 €'</script>",
        "<style>.price::after { content: '99 €' }</style>",
        "<template>99 €</template>",
        "<noscript>99 €</noscript>",
        "<select><option>99 €</option></select>",
        "<aside>99 €</aside>",
        '<div class="related">99 €</div>',
        '<div class="also-bought">99 €</div>',
        '<section id="customer-reviews">99 €</section>',
        '<div class="cookie-banner">99 €</div>',
        '<div aria-label="Similar products">99 €</div>',
        "<nav><a>99 €</a></nav>",
        "<header><a>99 €</a></header>",
        "<footer>99 €</footer>",
    ],
)
def test_what_is_not_the_product_goes(part: str) -> None:
    assert product_text(f"<body>{part}<main><h1>X200</h1></main></body>") == "# X200"
    assert product_text(f"<body><main><h1>X200</h1></main>{part}</body>") == "# X200"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ('<nav class="breadcrumb"><a>Home</a> › <a>Drills</a></nav>', "breadcrumb: Home > Drills"),
        ("<nav><a>Home</a> › <a>Drills</a></nav>", "Home › Drills"),
        ("<nav><ol><li>Home</li><li>Drills</li></ol></nav>", "Home > Drills"),
        ("<body><header><h1>X200</h1></header><p>12 €</p></body>", "# X200\n12 €"),
        ('<p><span aria-hidden="true">12 €</span></p>', "12 €"),
        ('<p class="preview">12 €</p>', "12 €"),
    ],
)
def test_what_looks_like_noise_and_is_not_stays(page: str, text: str) -> None:
    assert product_text(page) == text


MARKUP = st.sampled_from(
    ["<", ">", "<p>", "</p>", "<nav>", "<footer>", "<header>", '<img alt="', '<div class="price', '">', "<title>", "<!--",
     "-->", '<b itemprop="name" content="', '<meta itemprop="price" content="', '<p data-brand="', "<![CDATA[", "<?xml",
     "<frameset>", "<table><tr><td>", "<script type='application/ld+json'>", "</script>", "&#1;", "&nbsp;", "&#xD800;",
     "\x00", "\x0b", "\ud800"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(), st.lists(st.one_of(MARKUP, st.text(max_size=5)), max_size=12).map("".join)))
def test_any_text_has_one_product_text(page: str) -> None:
    text = product_text(page)
    assert text == product_text(page)
    assert [line for line in text.splitlines() if line != fold_space(line)] == []
    text.encode("utf-8")


KEYS = st.sampled_from(["@type", "@graph", "name", "brand", "item", "itemListElement", "offers", "price", "priceSpecification"])
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.sampled_from(["Product", "BreadcrumbList"]))
JSON = st.recursive(VALUES, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4), max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(JSON, st.sampled_from(["Product", "BreadcrumbList"]))
def test_any_json_ld_has_one_product_text(value: Any, kind: str) -> None:
    things = [
        value,
        {**value, "@type": kind} if isinstance(value, dict) else {"@type": kind, "offers": value, "itemListElement": value},
    ]
    assert product_text(_ld(things)).splitlines()[-1] == "x"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("<div>" * 5000 + "x", id="deep"),
        pytest.param("<b>" * 3000 + "x" + "</b>" * 3000, id="deep and closed"),
        pytest.param(_ld("[" * 100_000), id="deep JSON-LD"),
        pytest.param('<img alt="a&#1;b">', id="control character"),
        pytest.param('<p class="price">\x0b1</p>', id="control character in a role"),
        pytest.param("\ud800x", id="surrogate"),
        pytest.param(_ld({"@type": "Product", "offers": "12 €"}), id="offers are a text"),
        pytest.param(_ld({"@type": "Product", "offers": {"priceSpecification": "12 €"}}), id="specification is a text"),
        pytest.param(_ld({"@type": "BreadcrumbList", "itemListElement": [[], ""]}), id="crumbs are no objects"),
    ],
)
def test_an_odd_page_stops_nothing(page: str) -> None:
    assert isinstance(product_text(page), str)


def test_there_are_committed_pairs() -> None:
    assert len(COMMITTED) > 50


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_every_value_to_extract_is_in_the_text(path: Path) -> None:
    for index, pair in enumerate(json.loads(path.read_text(encoding="utf-8"))):
        text = fold_space(product_text(pair["input"]))
        missing = {key: value for key, value in pair["output"].items() if fold_space(value) not in text}
        assert missing == {}, f"{path.name}, item {index}"
