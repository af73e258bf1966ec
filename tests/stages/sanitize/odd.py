"""Texts of odd pieces, for property tests of all that reads or repairs text."""

from hypothesis import strategies as st

MARKUP = ["\n", "\n\n", "    ", "\t", "- ", "# ", "## ", "1. ", "**", "```\n", "`", "* * *", "---\n", "===\n", "|"]
TAGS = ["<!--", "-->", "<summary>", "</summary>", "<details>", "<pre>", "</pre>", "&eacute;", "&amp;", "&nbsp;"]
QUESTIONS = ["Q: ", "A: ", "? ", "?"]
QUANTITIES = ["5kg", "5 lbs", " 72°F", "3 ft 2 in", "1/2", "-", " or ", "x", " to ", "(", ")"]
SIGNS = ["—", " -- ", "...", '"', "'", "« ", " »", ";", ":", "!"]
WORDS = [
    "le la les des et est ",
    "the and of to was ",
    "Word ",
    "wai-\n",
    "ted ",
    "a line of prose that goes on until its column ends ",
]
PAGES = ["12", "\n12\n", "\n13\n\n", "\n14\n\n", "Copyright 2024 ", "All rights reserved", "Home > Docs > X", "# x = f(1)\n"]
ODD = [
    "\u200d",
    "\u200c",
    "\u00ad",
    "\u200e",
    "م",
    "क",
    "👨",
    "\u0301",
    "\u00c3\u00a9",
    "\x0c",
    "\r",
    "\x02",
    "\u00a0",
    "http://a.b/5kg ",
]
PIECES = st.sampled_from([*MARKUP, *TAGS, *QUESTIONS, *QUANTITIES, *SIGNS, *WORDS, *PAGES, *ODD])
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=25).map("".join)

# A character or two, repeated until they fill a megabyte, have been the undoing of many a regular expression.
REPEATED = [
    "a",
    "(",
    "- ",
    "1",
    "1 ",
    "1,",
    '"',
    ". ",
    "*",
    "#",
    "`",
    "``a ",
    "<",
    "<!--",
    "&",
    "a-",
    "— ",
    "Q: a?\n",
    "12\n\n",
]
REPEATED += ["a b?\n\n", "[", "_", "5kg ", "\n", "a\n", "é", "www.", "<code>", "<summary>", "'", "// a(", "|", "$ ", "Home > "]
