"""What tells content from boilerplate, as numbers for every run of a page: `content` weighs them.

Names of classes and ids are sorted into groups, since sites differ in words but not in what they name: a sidebar, a
byline, a card. Nothing here knows a site.
"""

import re
from collections import Counter
from functools import cache, lru_cache

import numpy as np

from stages.sanitize.outline import HIDDEN, Outline, Run, words_and_linked

GROUPS = {
    "navigation": r"nav\w*|menu\w*|megamenu|topbar|offcanvas|drawer|hamburger|toolbar|submenu|dropdown",
    "side": r"sidebar|aside|rail|secondary|side",
    "foot": r"footer|foot|bottom|colophon|copyright",
    "head": r"header|masthead|banner|top|head|branding",
    "related": r"related|recommend\w*|recirc\w*|more|trending|popular|also|similar|suggest\w*|latest|most|upsell|teaser"
    r"|next|recent\w*|promo\w*|featured",
    "comment": r"comments?|respond|disqus|repl(?:y|ies)|discussion",
    "share": r"shar(?:e|es|ing|er)|social|addtoany|addthis|follow|facebook|twitter|print",
    "consent": r"cookies?|consent|gdpr|onetrust|privacy|cmp",
    "advert": r"ads?|adv\w*|sponsor\w*|outbrain|taboola|dfp|gpt|adslot|affiliate|disclosure",
    "letter": r"newsletter|subscri\w*|signup|optin|mailchimp|mailing|cta|donat\w*",
    "byline": r"meta|byline|authors?|date|time|timestamp|published|posted|avatar|bio|profile|info|readtime|views?",
    "crumb": r"breadcrumbs?|crumbs?",
    "pages": r"pagination|pager|paging|prev|previous",
    "widget": r"widget\w*|gadget|module|block",
    "popup": r"modal|popup|overlay|lightbox|dialog|tooltip|toast|alert|notice|flyout",
    "search": r"search\w*|filters?|facets?|sort\w*|refine\w*",
    "login": r"login|signin|account|register|user|cart|basket|wishlist|checkout|bag",
    "tag": r"tags?|categor\w*|topics?|labels?|keywords?|terms?",
    "contents": r"toc|contents|outline|jump\w*|anchor\w*",
    "hidden": r"hidden|hide|sr|screen|visually|offscreen|invisible|skip\w*|noprint",
    "caption": r"captions?|credits?|photo|image|gallery|media|slide\w*|carousel|swiper|thumb\w*|video",
    "content": r"content|main|article|body|text|story|entry|post|copy|prose|markdown\w*|rte|wysiwyg|single|doc\w*|wiki\w*",
    "product": r"products?|prices?|sku|buy|description|spec\w*|details?|variant\w*|pdp|item",
    "review": r"reviews?|ratings?|stars?|testimonial\w*|feedback",
    "card": r"cards?|grid|tiles?|list|listing|items?|results?|rows?|columns?|collection|loop",
    "title": r"title|headline|heading|subtitle|name",
    "thread": r"thread|messages?|posts?|answers?|question|topic|bbp|forum|conversation|usertext|postbody",
    "faq": r"faqs?|accordion|collapse|tabs?|panel|toggle",
    "section": r"section|container|wrapper|feature\w*|services?|about|benefit\w*|hero",
}
WITHIN = tuple(
    "nav header footer aside main article form table ul ol section figure dialog blockquote details li noscript".split()
)
ROLES = ("navigation", "banner", "contentinfo", "complementary", "main", "dialog", "search", "article")
TAGS = tuple(
    "h1 h2 h3 h4 h5 h6 p li td th dt dd pre blockquote figcaption div section article label summary button option ul header br "
    "body legend".split()
)
PHRASES = (
    "all rights reserved|cookie|cookies|subscribe|sign in|sign up|log in|login|newsletter|privacy|terms|share|read more"
    "|follow us|copyright|advertisement|skip to|contact us|min read|view|views|comment|comments|reply|loading|close|menu"
    "|search|posted|by|updated|published|add to cart|sort by|filter|show more|view all|learn more|click here|report|like"
    "|joined|powered by|related"
)
PHRASE = re.compile(rf"©|\b(?:{PHRASES})\b", re.I)
FIRST_WORDS = frozenset(phrase.split()[0] for phrase in PHRASES.split("|"))
SPLIT = re.compile(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])")
PATTERNS = [re.compile(pattern) for pattern in GROUPS.values()]
BITS = (*GROUPS, *(f"in_{tag}" for tag in WITHIN), *(f"role_{role}" for role in ROLES), "concealed")
BIT_OF_TAG = {tag: 1 << BITS.index(f"in_{tag}") for tag in WITHIN}
BIT_OF_ROLE = {role: 1 << BITS.index(f"role_{role}") for role in ROLES}
LEVELS = (0, 1, 2, 3, 5)  # how far up the boxes are looked at
NEAR = (-2, -1, 1, 2)
WINDOWS = (3, 8)
Attributes = dict[str, str]


@lru_cache(100_000)
def _groups_of_word(word: str) -> int:
    return sum(1 << bit for bit, pattern in enumerate(PATTERNS) if pattern.fullmatch(word))


@lru_cache(20_000)
def groups_of(marks: str) -> int:
    """The groups that the words of a class or id belong to, as bits."""
    found = 0
    for word in SPLIT.split(marks[:300]):
        found |= _groups_of_word(word.lower())
    return found


def _own_bits(tag: str, attributes: Attributes) -> tuple[int, int]:
    """The groups of an element's names, and all bits that hold for what is inside of it."""
    bits = BIT_OF_TAG.get(tag, 0)
    if not attributes:
        return 0, bits
    named = groups_of(attributes.get("class", "")) | groups_of(attributes.get("id", ""))
    bits |= named | BIT_OF_ROLE.get(attributes.get("role", ""), 0)
    if "hidden" in attributes or attributes.get("aria-hidden") == "true" or HIDDEN.search(attributes.get("style", "")):
        bits |= 1 << (len(BITS) - 1)
    return named, bits


@cache
def names() -> list[str]:
    """The names of the columns of `signs`."""
    words = ["log_words", "two_words", "six_words", "15_words", "40_words", "linked", "all_linked", "no_link"]
    text = [*words, "stops", "capitals", "digits", "phrases", "short_phrases"]
    place = ["depth", "place", "first_tenth", "last_tenth", "before_h1", "after_h1", "from_h1", "repeated", "repeated_4"]
    near = [f"near{n:+}_{what}" for n in NEAR for what in ("words", "linked", "none")]
    windows = [f"window{n}_{what}" for n in WINDOWS for what in ("words", "linked")]
    boxes = [f"box{n}_{what}" for n in LEVELS for what in ("words", "linked", "share")]
    return [*text, *place, *near, *windows, *boxes, *(f"tag_{tag}" for tag in TAGS), *BITS, *(f"own_{name}" for name in GROUPS)]


def signs(page: Outline) -> np.ndarray:
    """One row for each run and one column for each of `names`."""
    runs, boxes = page.runs, page.boxes
    n = len(runs)
    words, linked = words_and_linked(page)
    total_words, total_linked = (np.concatenate([[0.0], np.cumsum(values)]) for values in (words, linked))
    share = linked / words
    attributes: list[Attributes] = [dict(box.element.items()) for box in boxes]
    columns = [*_of_text(page, words, share), *_of_place(page, attributes), *_of_neighbours(words, share)]
    for radius in WINDOWS:
        low, high = np.maximum(np.arange(n) - radius, 0), np.minimum(np.arange(n) + radius + 1, n)
        inside = total_words[high] - total_words[low]
        columns += [np.log1p(inside / (high - low)) / 5, (total_linked[high] - total_linked[low]) / inside]
    first, end, parent = (np.array([getattr(box, key) for box in boxes]) for key in ("first", "end", "parent"))
    box_words, box_linked = total_words[end] - total_words[first], total_linked[end] - total_linked[first]
    owner = np.array([run.box for run in runs])
    for level in range(max(LEVELS) + 1):
        if level in LEVELS:
            columns += [
                np.log1p(box_words[owner]) / 8,
                box_linked[owner] / np.maximum(box_words[owner], 1),
                box_words[owner] / total_words[-1],
            ]
        owner = np.where(parent[owner] > 0, parent[owner], owner)
    return np.column_stack([*columns, *_of_tags(page), *_of_names(page, attributes)]).astype(np.float32)


def _of_text(page: Outline, words: np.ndarray, share: np.ndarray) -> list[np.ndarray]:
    texts = [run.text for run in page.runs]
    phrases = np.array([_phrases(run) for run in page.runs])
    return [
        np.log1p(words) / 5, words <= 2, words <= 6, words > 15, words > 40, share, share > 0.95, share == 0,
        np.array([text[-1] in ".!?…”\"'’»:;" for text in texts]), np.array([text.isupper() for text in texts]),
        np.array([sum(map(str.isdigit, text[:200])) / min(200, len(text)) for text in texts]),
        np.minimum(phrases, 3) / 3, (phrases > 0) & (words < 12),
    ]  # fmt: skip


def _phrases(run: Run) -> int:
    """How many phrases a run has; most runs have no word that one begins with."""
    return 0 if FIRST_WORDS.isdisjoint(run.words) and "©" not in run.text else len(PHRASE.findall(run.text[:400]))


def _of_place(page: Outline, attributes: list[Attributes]) -> list[np.ndarray]:
    n, boxes = len(page.runs), page.boxes
    kind = [(box.parent, box.tag, own.get("class")) for box, own in zip(boxes, attributes, strict=True)]
    alike = Counter(kind)
    depths, times = [0], [0]
    for box, count in zip(boxes[1:], (alike[each] for each in kind[1:]), strict=True):
        depths.append(depths[box.parent] + 1)
        times.append(max(times[box.parent], count if count > 2 and box.end > box.first else 0))
    owner = np.array([run.box for run in page.runs])
    above = np.array([max(boxes[index].parent, 0) for index in owner])
    place = np.arange(n)
    h1 = next((i for i, run in enumerate(page.runs) if boxes[run.box].tag == "h1"), None)
    far = np.minimum(40, abs(place - h1)) / 40 if h1 is not None else np.full(n, 0.5)
    before, after = (place < h1, place >= h1) if h1 is not None else (np.zeros(n), np.zeros(n))
    depth, repeated = np.array(depths)[owner], np.array(times)[above]
    return [depth / 30, place / n, place / n < 0.1, place / n > 0.9, before, after, far, np.log1p(repeated) / 4, repeated >= 4]


def _of_neighbours(words: np.ndarray, share: np.ndarray) -> list[np.ndarray]:
    columns, n = [], len(words)
    for step in NEAR:
        index = np.arange(n) + step
        outside = (index < 0) | (index >= n)
        index = np.clip(index, 0, n - 1)
        columns += [np.where(outside, 0, np.log1p(words[index]) / 5), np.where(outside, 1, share[index]), outside]
    return columns


def _of_tags(page: Outline) -> list[np.ndarray]:
    place = {tag: index for index, tag in enumerate(TAGS)}
    tags = np.array([place.get(page.boxes[run.box].tag, -1) for run in page.runs])
    return [tags == index for index in range(len(TAGS))]


def _of_names(page: Outline, attributes: list[Attributes]) -> list[np.ndarray]:
    """Bits of all boxes around a run but the body, and the groups of the one that holds it."""
    around, own = [0], [0]
    for box, marks in zip(page.boxes[1:], attributes[1:], strict=True):
        named, bits = _own_bits(box.tag, marks) if box.end > box.first else (0, 0)
        own.append(named)
        around.append(around[box.parent] | bits)
    owner = [run.box for run in page.runs]
    all_bits, groups = (np.array([bits[box] for box in owner], np.uint64) for bits in (around, own))
    return [*_unpacked(all_bits, len(BITS)), *_unpacked(groups, len(GROUPS))]


def _unpacked(bits: np.ndarray, count: int) -> list[np.ndarray]:
    return [(bits >> np.uint64(bit)) & np.uint64(1) for bit in range(count)]
