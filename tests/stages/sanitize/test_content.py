"""The main content of pages of several kinds, and that no page with text ends up empty."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trafilatura import external

from stages.sanitize import signs
from stages.sanitize.content import MODEL, Trees, _is_book, _of_site, _pruned, load
from stages.sanitize.html import to_markdown
from stages.sanitize.markdown import render
from stages.sanitize.outline import outline
from stages.sanitize.text import tidy_lines
from stages.sanitize.tree import body_of, parse

LONG = (
    "The rank of an adapter sets how much it can learn: a higher one takes more memory, more time and more examples, number {}."
)
HEAD = '<header><nav><ul class="menu"><li><a>Home</a></li><li><a>Basket</a></li></ul></nav></header>'
FOOT = '<footer class="footer"><p>© 2024 Morel Hardware. All rights reserved.</p><a>Privacy</a></footer>'
COOKIES = '<div class="cookie-banner"><p>We use cookies to count our readers. <a>I agree</a></p></div>'
SIDE = '<aside class="sidebar"><h3>Related posts</h3><ul><li><a>Ten keys</a></li><li><a>Nine doors</a></li></ul></aside>'
PARAGRAPHS = "".join(f"<p>{LONG.format(n)}</p>" for n in range(6))
POSTS = "".join(
    f'<div class="post"><div class="author"><a>user{n}</a></div><div class="message"><p>{LONG.format(n)}</p></div></div>'
    for n in range(6)
)
CARDS = "".join(
    f'<li class="product-card"><h3><a>Drill X{n}00</a></h3><p>A drill of {n} kg.</p><span>{n}9 €</span></li>'
    for n in range(1, 9)
)
ALL = [LONG.format(n) for n in range(6)]
CODE = '<pre><code class="language-python">model.merge()\nmodel.save()</code></pre>'


def _page(body: str, head: str = "") -> str:
    return f"<html><head><title>T</title>{head}</head><body>{HEAD}{COOKIES}{body}{SIDE}{FOOT}</body></html>"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        pytest.param(f"<article><h1>LoRA</h1>{PARAGRAPHS}</article>", ALL, id="article"),
        pytest.param(f'<main class="documentation"><h1>Merge</h1>{PARAGRAPHS}{CODE}<h2>Next</h2>{PARAGRAPHS}</main>',
                     [LONG.format(0), "```python\nmodel.merge()\nmodel.save()\n```", "## Next"], id="documentation"),
        pytest.param(f'<main><h1>Rank?</h1><div class="thread">{POSTS}</div></main>', ALL, id="forum"),
        pytest.param(f'<main><h1>Drills</h1><ul class="products">{CARDS}</ul></main>',
                     ["Drill X100", "A drill of 8 kg."], id="shop"),
    ],
)  # fmt: skip
def test_the_content_stays_and_the_rest_goes(body: str, wanted: list[str]) -> None:
    text = to_markdown(_page(body), "web")
    for part in wanted:
        assert part in text
    for part in ("Basket", "cookies", "Nine doors", "All rights reserved"):
        assert part not in text


def test_an_article_keeps_its_lists_tables_and_code() -> None:
    table = "<table><tr><th>rank</th><th>size</th></tr><tr><td>8</td><td>2 MB</td></tr></table>"
    steps = f"<ol><li>{LONG.format(7)}</li><li>{LONG.format(8)}<ul><li>{LONG.format(9)}</li></ul></li></ol>"
    inside = f"{PARAGRAPHS}<p>Run <code>merge_all</code> then.</p>{CODE}{steps}{table}{PARAGRAPHS}"
    text = to_markdown(_page(f"<article><h1>LoRA</h1>{inside}</article>"), "narrative")
    for part in ("`merge_all`", "```python\nmodel.merge()\nmodel.save()\n```", f"1. {LONG.format(7)}\n2. {LONG.format(8)}",
                 f"   - {LONG.format(9)}", "| rank | size |\n| --- | --- |\n| 8 | 2 MB |"):  # fmt: skip
        assert part in text


def test_a_narrative_is_an_article() -> None:
    assert LONG.format(3) in to_markdown(_page(f"<main>{PARAGRAPHS}</main>"), "narrative")


def test_where_trafilatura_finds_little_of_an_article_its_fallbacks_look_again() -> None:
    intro, chapter = (f"<p>{LONG.format(9)} {LONG.format(10)}</p>" * 2, PARAGRAPHS * 3)
    body = f'<main><div class="post-content">{intro}</div><div class="chapter">{chapter}</div></main>'
    assert LONG.format(3) in to_markdown(_page(body), "narrative")


def test_the_words_of_the_last_fallback_are_read_before_a_page_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "JT_STOPLIST", None)
    load.cache_clear()
    load()
    assert external.JT_STOPLIST


def test_what_is_left_of_dropped_parts_goes_with_them() -> None:
    cards = '<table><tr><td><a href="#">Nine doors</a></td><td>×</td></tr></table><hr><button>×</button>'
    body = f'<article><h1>LoRA</h1>{PARAGRAPHS}</article><aside class="related">{cards}</aside>'
    text = to_markdown(_page(body), "narrative")
    assert "×" not in text
    assert "---" not in text


@pytest.mark.parametrize(
    ("html", "kept", "text"),
    [
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table><p>e</p>", "ab d",
         "| a | b |\n| --- | --- |\n|  | d |"),
        ("<p>a</p><table><tr><td>b</td><td>×</td></tr></table><hr><div>c<button>×</button><hr></div>", "a", "a\n\n---"),
        ("<pre><span>def</span><span> </span><span>merge</span><b>\n  </b><i>x</i></pre>", "def merge\n  x",
         "```\ndef merge\n  x\n```"),
        ("<p><b>a</b><span> </span>b<i> </i>c <em></em><u>d</u></p>", "abcd", "**a** b c d"),
        ("<div>a<div></div>b<button> </button>c<aside>d</aside> e</div>", "abce", "a\nb\nc\ne"),
        ("<div>a<div>b</div></div><p>c</p>", "ac", "a\n\nc"),
        ("<div>a<div>b</div><b>c</b><p></p><i></i><em>d</em><p></p><p></p></div>", "acd", "a\n**c**\n*d*"),
        ("<pre><button>b</button>  a\n<button>b</button>    <i>c</i> d</pre>", "ac", "```\n  a\n    c d\n```"),
        ("<div><p><empty>a</empty></p><gone>b</gone><EMPTY>c</EMPTY></div>", "abc", "a\n\nbc"),
    ],
)  # fmt: skip
def test_what_is_kept_keeps_its_shape(html: str, kept: str, text: str) -> None:
    tree = parse(f"<body>{html}</body>")
    assert tree is not None
    page = outline(body_of(tree))
    pruned = _pruned(body_of(tree), page, np.array([run.text[0] in kept for run in page.runs]))
    assert tidy_lines(render(pruned)).strip() == text


def test_what_parts_an_article_stays() -> None:
    table = "<table><tr><th>rank</th><th></th></tr><tr><td></td><td>2 MB of it</td></tr></table>"
    text = to_markdown(_page(f"<article>{PARAGRAPHS}<p>* * *</p>{PARAGRAPHS}<hr>{table}{PARAGRAPHS}</article>"), "narrative")
    for part in ("\n* * *\n", "\n---\n", "| rank |  |\n| --- | --- |\n|  | 2 MB of it |"):
        assert part in text


@pytest.mark.parametrize("part", ["word <img src=x> ", "word <script>x</script>"])
def test_time_grows_with_the_page_and_not_with_its_square(part: str) -> None:
    """60,000 take 2 s here; where the texts between them are joined one by one, a minute and gigabytes."""
    start = time.process_time()
    assert len(to_markdown(f"<p>{part * 60_000}</p>", "web")) > 60_000
    assert time.process_time() - start < 15


@pytest.mark.parametrize("doc_type", ["web", "narrative"])
def test_a_whole_book_is_all_content(doc_type: str) -> None:
    chapters = "".join(
        f"<h2>Chapter {n}</h2><p>“Ten doors?”</p>{PARAGRAPHS * 4}<p>The key is small,<br>the door is tall.</p>"
        for n in range(20)
    )
    index = "<ul><li>Doors, 3, 14</li><li>Keys, 15, 92</li></ul>"
    text = to_markdown(f"<html><body>{HEAD}<h1>Keys</h1>{chapters}{index}{FOOT}</body></html>", doc_type)
    for part in ("# Keys", *(f"## Chapter {n}\n\n“Ten doors?”\n" for n in range(20)), "the door is tall.", "- Doors, 3, 14"):
        assert part in text
    for part in ("Basket", "All rights reserved"):
        assert part not in text


@pytest.mark.parametrize(
    ("body", "is_book"),
    [
        (PARAGRAPHS * 80, True),
        (PARAGRAPHS * 40, False),
        (PARAGRAPHS * 80 + f"<p><a href='#'>{LONG}</a></p>" * 60, False),
        (PARAGRAPHS * 80 + f"<div class='sidebar'>{PARAGRAPHS * 10}</div>", False),
    ],
)
def test_a_book_is_long_and_hardly_links_or_part_of_a_site(body: str, is_book: bool) -> None:
    tree = parse(f"<body>{body}</body>")
    assert tree is not None
    page = outline(body_of(tree))
    assert _is_book(page, _of_site(signs.signs(page))) == is_book


def test_what_only_noscript_holds_is_content() -> None:
    text = to_markdown(
        f'<html><body><div id="app"></div><noscript><main><h1>Thread</h1>{POSTS}</main></noscript></body></html>', "web"
    )
    assert LONG.format(4) in text


def test_links_away_from_an_article_go() -> None:
    body = (
        f'<article><h1>LoRA</h1>{PARAGRAPHS}<p><a href="#">Read more: nine doors that no key fits</a></p>{PARAGRAPHS}</article>'
    )
    assert "nine doors" not in to_markdown(_page(body, '<meta property="og:type" content="article">'), "narrative")


@pytest.mark.parametrize(
    "page",
    [
        "<p>x</p>", "x", "<nav>x</nav>", "<footer>x</footer>", "<form>x</form>", "<body><div hidden>x</div></body>",
        '<div class="cookie-banner">x</div>', "<table><tr><td>x</td></tr></table>", "<ul><li><a>x</a></li></ul>",
        "<button>x</button>", "<div>" * 200 + "x" + "</div>" * 200, "<noscript>x</noscript>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("doc_type", ["web", "technical", "narrative"])
def test_a_page_with_text_is_never_empty(page: str, doc_type: str) -> None:
    assert "x" in to_markdown(page, doc_type)


def test_the_weights_are_of_the_signs_that_are_taken() -> None:
    assert json.loads(MODEL.read_text(encoding="utf-8"))["names"] == signs.names()


def test_trees_add_their_leaves() -> None:
    one = {"feature": [0, -1, 1, -1, -1], "threshold": [0.5, 0, 2.0, 0, 0], "left": [1, 0, 3, 0, 0], "right": [2, 0, 4, 0, 0]}
    arrays = {key: np.array(values) for key, values in one.items()}
    trees = Trees(**arrays, value=np.array([0, -1.0, 0, 1.0, 3.0]), roots=np.array([0, 0]), bias=0.0)
    odds = np.log(
        trees(np.array([[0.0, 9.0], [1.0, 2.0], [1.0, 3.0]])) / (1 - trees(np.array([[0.0, 9.0], [1.0, 2.0], [1.0, 3.0]])))
    )
    assert odds == pytest.approx([-2.0, 2.0, 6.0])


MARKUP = st.sampled_from(
    ["<p>", "</p>", "<div class='content'>", "</div>", "<table><tr><td>", "<ul><li>", "<a>", "</a>", "<br>", "<pre>", "</pre>",
     "<form>", "<script>", "</script>", "<noscript>", "<details><summary>", "<dl><dt>", "<!--", "-->", "&#1;", "&nbsp;", "\x00",
     "\x0b", "\ud800", "<frameset>", "<svg>", "<math>", "<?xml", "<template>", "<h1>", "word ", LONG]
)  # fmt: skip


@settings(max_examples=100)
@given(st.lists(st.one_of(MARKUP, st.text(max_size=5)), max_size=15).map("".join), st.sampled_from(["web", "faq", "narrative"]))
def test_any_page_has_one_text(page: str, doc_type: str) -> None:
    text = to_markdown(page, doc_type)
    assert text == to_markdown(page, doc_type)
    text.encode("utf-8")
