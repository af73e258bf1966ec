"""What a document says of itself: metadata, type, the captions of its images. Runs in the worker process.

describe(Request("text/html", "utf-8", b"<html lang=fr><title>Perceuse…"))
    -> Said(metadata={"title": "Perceuse", "language": "fr"}, doc_type="product", doc_type_score=0.8)

Nothing read here is fetched from anywhere: entities, includes, schemas and scripts are never followed.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import docutils.core
import docutils.nodes
from PIL import ExifTags, Image, UnidentifiedImageError

from stages import front_matter
from stages.ingest import office, page
from stages.ingest.detection import DOCX, EPUB, HTML, PDF, RST
from stages.ingest.doctype import Outline, decide, outline_of_text
from stages.ingest.metadata import Metadata, allowed_only
from stages.ingest.office import Unreadable

MARKDOWN = "text/markdown"
READ = (*HTML, MARKDOWN, RST, "text/plain", PDF, DOCX, EPUB)
ALIASES = {"license": "licence", "copyright": "licence", "lang": "language", "authors": "author"}
MARKDOWN_IMAGE = re.compile(r"!\[([^\]\n]{1,500})\]\(<?([^)\s>]{1,500})")
RST_HEAD = 20_000  # characters: the field list of a document stands below its title
# docutils would read files and run raw HTML that a document names.
SAFE = {"file_insertion_enabled": False, "raw_enabled": False, "_disable_config": True, "report_level": 5, "halt_level": 6}


@dataclass(frozen=True)
class Request:
    """A document as the worker needs it; `typed` where its type is declared and need not be decided."""

    mime: str
    charset: str | None
    content: bytes
    typed: bool
    min_doc_type_score: float


@dataclass(frozen=True)
class Said:
    """What was found; `captions` by the address of the image as the page writes it."""

    metadata: Metadata = field(default_factory=dict)
    doc_type: str | None = None
    doc_type_score: float | None = None
    width: int | None = None
    height: int | None = None
    captions: dict[str, str] = field(default_factory=dict)
    fault: str | None = None


def describable(mime: str) -> bool:
    """Whether there is anything here that documents of this type can say."""
    return mime in READ or (mime.startswith("image/") and mime != "image/svg+xml")


def describe(request: Request) -> Said:
    """What a document says of itself; where it is broken, the fault."""
    if request.mime.startswith("image/"):
        return _image(request.content)
    metadata: Metadata = {}
    try:
        said, captions, outline = _read(request)
        metadata = allowed_only(said)
        if request.typed or "doc_type" in metadata:
            return Said(metadata, captions=captions)
        doc_type, score = decide(outline(), request.mime in HTML, request.min_doc_type_score)
    except Unreadable as error:
        return Said(metadata, fault=str(error))
    return Said(metadata, doc_type, score, captions=captions)


def _read(request: Request) -> tuple[Metadata, dict[str, str], Callable[[], Outline]]:
    """Metadata, captions, and how to get the outline that decides the type, where it is wanted."""
    content, mime = request.content, request.mime
    if mime in (PDF, DOCX, EPUB):
        metadata, outline = {PDF: office.pdf, DOCX: office.docx, EPUB: office.epub}[mime](content)
        return metadata, {}, outline
    text = content.decode(request.charset, "replace") if request.charset else ""
    if mime in HTML:
        tree = page.parse(text)
        return page.metadata_of(tree), page.captions_of(tree), lambda: page.outline_of(tree)
    if mime == MARKDOWN:
        keys, text = front_matter.split(text)
        captions = {address: alt for alt, address in MARKDOWN_IMAGE.findall(text)}
        return _known(keys), captions, lambda: outline_of_text(text)
    if mime == RST:
        metadata, captions = _docinfo(text[:RST_HEAD])
        return metadata, captions, lambda: outline_of_text(text)
    return {}, {}, lambda: outline_of_text(text)


def _known(keys: Metadata) -> Metadata:
    return {ALIASES.get(key.lower(), key.lower()): value for key, value in keys.items()}


def _docinfo(text: str) -> tuple[Metadata, dict[str, str]]:
    """Title, field list and image captions of reStructuredText."""
    tree = docutils.core.publish_doctree(text, settings_overrides=SAFE)
    found: Metadata = {"title": tree.get("title", "")} if tree.get("title") else {}
    for info in tree.findall(docutils.nodes.docinfo):
        for item in info.children:
            if isinstance(item, docutils.nodes.field):
                found[item[0].astext()] = item[1].astext()
            else:
                found[item.tagname] = ", ".join(part.astext() for part in item) if item.tagname == "authors" else item.astext()
    return _known(found), {node["uri"]: node["alt"] for node in tree.findall(docutils.nodes.image) if node.get("alt")}


def _image(content: bytes) -> Said:
    """Size and the date on which it was taken; Pillow reads no more than the head for these."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except UnidentifiedImageError:  # its text holds an address in memory, another one in every run
        return Said(fault="no picture that Pillow can read")
    except (OSError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        return Said(fault=f"no picture: {error}"[:200])
    return Said(_exif_date(content), width=width, height=height)


def _exif_date(content: bytes) -> Metadata:
    try:
        with Image.open(io.BytesIO(content)) as image:
            exif = image.getexif()
            taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, ZeroDivisionError):  # broken EXIF of a whole picture
        return {}
    return {"date": taken} if isinstance(taken, str) else {}
