"""A review as one page: the comment, and every plot that changed, before beside after."""

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt

from stages.review.revisions import Snapshot

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def render(comment: str, base: Snapshot, head: Snapshot) -> str:
    """The page; it needs no network."""
    pairs = [
        (path, _address(path, base.pictures.get(path)), _address(path, head.pictures.get(path)))
        for path in sorted(base.pictures.keys() | head.pictures.keys())
        if base.pictures.get(path) != head.pictures.get(path)
    ]
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment)
    return TEMPLATES.get_template("page.html.j2").render(body=body, pairs=pairs, base=base.name, head=head.name)


def _address(path: str, content: bytes | None) -> str:
    """A picture as a data: address; empty where it does not exist."""
    if content is None:
        return ""
    kind = "svg+xml" if path.endswith(".svg") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
