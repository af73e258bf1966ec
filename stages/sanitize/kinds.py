"""Whether a page is an article, or a page whose content is spread: forum, shop, listing, documentation, services.

<meta property="og:type" content="article"> … <article><p>…</p></article>        ->  near 1
<link rel="canonical" href="https://shop.example/collections/drills"> 40 cards    ->  near 0

What a page says of itself, how its address reads and how its text is set each count a little; `content.json` holds the
weights. No name of a site is among them.
"""

import re
from collections.abc import Iterator

import lxml.html
import numpy as np

from stages.sanitize.outline import Outline, words_and_linked

ADDRESSES = {
    "article": r"blogs?|news|articles?|posts?|story|stories|magazine|press|journal|recipes?|insights?|20\d\d|tips|entertainment"
    r"|sports?|opinion|politics|lifestyle|travel|how-to|actualites?|nachrichten|noticias|notizie",
    "product": r"products?|p|item|items|dp|buy|pd|sku|ip|produits?|produkte?|productos?|prodotti",
    "list": r"categor(?:y|ies)|collections?|c|tags?|archives?|catalog\w*|browse|departments?|b|plp|shop|store|sale|all|topics?"
    r"|courses?|list|search|events?|jobs?|podcasts?|directory",
    "forum": r"forums?|threads?|topic|questions?|t|discussions?|viewtopic|showthread|community|comments|r|ask|boards?|issues?"
    r"|answers?|q|d",
    "manual": r"docs?|documentation|reference|api|manual|wiki|learn|tutorials?|help|support|kb|latest|stable|user-?guide"
    r"|library|handbook|developers?|getting-started|man|book|readme",
    "service": r"services?|solutions?|pricing|about|features?|platform|industries|enterprise|software|company|contact|agency"
    r"|plans|use-cases?|careers|consulting",
}
HOSTS = {
    "manual": r"docs?|developers?|help|support|wiki|learn|api|kb",
    "forum": r"forums?|community|discuss|discourse|answers|ask|meta",
    "article": r"blog|news",
}
SAID = {  # @type of JSON-LD, itemtype of microdata
    "article": r"(?:News|Blog|Scholarly|Report\w*)?Article|BlogPosting|Report|Recipe|HowTo|Review",
    "product": r"Product(?:Group)?",
    "forum": r"DiscussionForumPosting|QAPage|Question",
    "list": r"ItemList|CollectionPage|OfferCatalog|SearchResultsPage|Course|Event|JobPosting",
    "service": r"Service|LocalBusiness|SoftwareApplication|ProfessionalService",
    "manual": r"TechArticle|APIReference",
}
MAKERS = {
    "manual": r"sphinx|docusaurus|mkdocs|gitbook|vitepress|mediawiki|doxygen|mintlify|docfx|antora|docutils",
    "forum": r"discourse|xenforo|vbulletin|phpbb|invision|flarum|mybb|vanilla|nodebb",
    "blog": r"wordpress|ghost|blogger",
}
BODY = ("single", "home", "archive", "category", "product", "post", "blog", "forum", "topic", "tag", "collection", "search")
DATES = ("article:published_time", "article:modified_time", "datepublished", "date", "parsely-pub-date", "publish-date")
TYPE = re.compile(r'"@type"\s*:\s*(?:"([A-Za-z]+)"|\[([^\]]{0,200})\])')
HELD = tuple(
    "thread comment card product review related section faq content side search login byline contents in_article in_main "
    "in_form in_nav in_table in_blockquote in_li repeated_4".split()
)
SCANNED = 100_000  # characters of a JSON-LD block that are looked at


def kind_signs(tree: lxml.html.HtmlElement, page: Outline, rows: np.ndarray, names: list[str]) -> dict[str, float]:
    """What tells the kind of a page, each from 0 to about 1; `rows` and `names` are the page's `signs`."""
    found = {**_of_text(page, rows, names), **_of_head(tree), **_of_address(_address(tree))}
    return {name: float(value) for name, value in found.items() if value}


def _of_text(page: Outline, rows: np.ndarray, names: list[str]) -> dict[str, float]:
    words, linked = words_and_linked(page)
    tags = [page.boxes[run.box].tag for run in page.runs]
    total, share = words.sum(), words / words.sum()
    long = (words > 15) & (linked < 0.3 * words)
    column = {name: index for index, name in enumerate(names)}
    return {
        "long_paragraphs": share[long & np.array([tag == "p" for tag in tags])].sum(), "long": share[long].sum(),
        "linked": linked.sum() / total, "short": share[words <= 6].sum(), "log_words": np.log1p(total) / 8,
        "log_runs": np.log1p(len(words)) / 8, "words_a_run": np.log1p(words.mean()) / 4, "longest": np.log1p(words.max()) / 6,
        "one_h1": tags.count("h1") == 1, "more_h1": tags.count("h1") > 1, "h2": np.log1p(tags.count("h2")) / 3,
        "h3": np.log1p(tags.count("h3")) / 3, "code": min(5, tags.count("pre")) / 5, "cells": min(50, tags.count("td")) / 50,
        "items": tags.count("li") / len(tags), **{f"held_{name}": (share * rows[:, column[name]]).sum() for name in HELD},
    }  # fmt: skip


def _of_head(tree: lxml.html.HtmlElement) -> dict[str, float]:
    meta = {(tag.get("property") or tag.get("name") or "").lower(): tag.get("content") or "" for tag in tree.iter("meta")}
    types = set(_types(tree))
    articles = sum(1 for _ in tree.iter("article"))
    og = meta.get("og:type", "").lower()
    body = tree.find("body")
    named = set(re.split(r"[^a-z]+", (body.get("class") or "").lower())) if body is not None else set()
    return {
        "article_1": articles == 1, "article_3": articles >= 3, "has_main": next(tree.iter("main"), None) is not None,
        "has_time": next(tree.iter("time"), None) is not None, "og_article": og == "article", "og_product": "product" in og,
        "og_website": og == "website", "og_none": not og, "dated": any(key in meta for key in DATES),
        "signed": "author" in meta or "article:author" in meta, "types": bool(types),
        **{f"body_{word}": word in named for word in BODY},
        **{f"type_{kind}": any(re.fullmatch(pattern, name) for name in types) for kind, pattern in SAID.items()},
        **{f"made_{kind}": bool(re.search(pattern, meta.get("generator", "").lower())) for kind, pattern in MAKERS.items()},
    }  # fmt: skip


def _types(tree: lxml.html.HtmlElement) -> Iterator[str]:
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "") and script.text:
            for one, several in TYPE.findall(script.text[:SCANNED]):
                yield from [one] if one else re.findall(r"[A-Za-z]+", several)
    for value in tree.xpath("//@itemtype"):
        yield value.rsplit("/", 1)[-1]


def _address(tree: lxml.html.HtmlElement) -> str:
    """The address that a page gives as its own; empty where it gives none."""
    for link in tree.iter("link"):
        if (link.get("rel") or "").lower() == "canonical" and link.get("href"):
            return str(link.get("href"))
    return next((tag.get("content") or "" for tag in tree.iter("meta") if tag.get("property") == "og:url"), "")


def _of_address(address: str) -> dict[str, float]:
    found = re.match(r"(?:https?:)?//([^/?#]*)([^?#]*)", address)
    host, path = (found[1].lower(), found[2]) if found else ("", address)
    parts = [part.lower() for part in path.split("/") if part]
    last = parts[-1] if parts else ""
    return {
        "address_none": not address, "address_root": bool(address) and not parts, "address_depth": min(len(parts), 6) / 6,
        "address_hyphens": min(last.count("-"), 8) / 8, "address_slug": last.count("-") >= 4,
        "address_digits": bool(re.search(r"\d{5,}", last)), "address_file": last.endswith((".html", ".htm", ".php", ".aspx")),
        "address_one": len(parts) == 1,
        **{f"host_{kind}": bool(re.match(rf"(?:{pattern})\.", host)) for kind, pattern in HOSTS.items()},
        **{f"in_{kind}": any(re.fullmatch(pattern, part) for part in parts[:-1]) for kind, pattern in ADDRESSES.items()},
        **{f"at_{kind}": bool(re.fullmatch(pattern, last)) for kind, pattern in ADDRESSES.items()},
    }  # fmt: skip
