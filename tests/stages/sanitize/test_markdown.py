"""HTML as Markdown."""

import lxml.html
import pytest

from stages.sanitize.markdown import render


def _render(html: str) -> str:
    return render(lxml.html.fragment_fromstring(html, create_parent="div")).strip()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>a</h1><h3>b</h3>", "# a\n\n### b"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n  - c"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ("<ul><li></li><li>a</li></ul>", "- a"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>1</td><td>2</td></tr></table>", "| a | b |\n| --- | --- |\n| 1 | 2 |"),
        ("<table><tr><th>a</th></tr><tr><td>x|y</td></tr></table>", "| a |\n| --- |\n| x\\|y |"),
        ("<p>a <code>b_c</code> <a href='#'>d</a> <img src='x' alt='e'>*</p>", "a `b_c` d *"),
        ("<blockquote>a</blockquote>", "> a"),
        ("<details><summary>a</summary>b <i>c</i></details>d<address>e</address><b>f</b>", "a\n\nb *c*\n\nd\n\ne\n\n**f**"),
        ("a <div></div> b<figure> </figure>c <section></section><p> </p> d", "a\nb\nc\n\nd"),
        ("<ol start='3'><li>a</li></ol><ol start='½'><li>b</li></ol>", "3. a\n\n1. b"),
        (f"<ol start='{'9' * 5000}'><li>a</li></ol>", "1. a"),
        ("<table><tr><th colspan='²'>a</th><td colspan='2'>b</td></tr></table>", "| a | b | |\n| --- | --- | --- |"),
        ("<p>a <span> b</span> <time> c </time>\n<img src='x'> d<u></u></p>", "a b c d"),
        ("<p><span>a </span></p><p><a href='#'><b>b</b></a> <label>c</label></p>", "a\n\n**b** c"),
        ("<p>a line\n  end is a <b>space</b><br>and a break</p>", "a line end is a **space**  \nand a break"),
    ],
)
def test_forms(html: str, text: str) -> None:
    assert _render(html) == text


@pytest.mark.parametrize(
    "html",
    [
        '<pre><code class="language-python">x = 1</code></pre>',
        '<pre class="brush: python">x = 1</pre>',
        '<div class="highlight-python notranslate"><div class="highlight"><pre>x = 1</pre></div></div>',
        '<div class="highlight highlight-source-python"><pre>x = 1</pre></div>',
        '<pre data-lang="python">x = 1</pre>',
        '<pre><code class="lang-python hljs">x = 1</code></pre>',
    ],
)
def test_code_keeps_its_language(html: str) -> None:
    assert _render(html) == "```python\nx = 1\n```"


@pytest.mark.parametrize("html", ["<pre>x = 1</pre>", '<pre class="highlight"><code class="language-none">x = 1</code></pre>'])
def test_code_without_a_language(html: str) -> None:
    assert _render(html) == "```\nx = 1\n```"


def test_what_is_too_deep_for_the_renderer_is_its_bare_text() -> None:
    assert "x" in _render("<div>" * 240 + "x" + "</div>" * 240)


def test_a_table_around_tables_is_no_table() -> None:
    inner = "<table><tr><th>full</th><th>7 kg</th></tr><tr><td>empty</td><td>5 kg</td></tr></table>"
    text = _render(f"<table><tr><td>Weight</td><td>{inner}</td></tr></table>")
    assert text.split("\n\n") == ["Weight", "| full | 7 kg |\n| --- | --- |\n| empty | 5 kg |"]
