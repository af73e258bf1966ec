"""What PDF, DOCX and EPUB files say of themselves, and the outline of their first pages."""

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pypdfium2
import pypdfium2.raw
from lxml import etree

from stages.documents import fold_space
from stages.ingest import page
from stages.ingest.doctype import Outline, outline_of_text
from stages.ingest.metadata import Metadata

Described = tuple[Metadata, Callable[[], Outline]]
PART = 2_000_000  # bytes of a part of a DOCX or EPUB that are read: enough for metadata and outline
PAGES = 5  # of a PDF, chapters of an EPUB: the outline needs no more
TOOL_TITLE = ("Microsoft Word - ", "Microsoft PowerPoint - ")
NO_TITLE = ("untitled", "unknown", "(unspecified)", "(anonymous)", "sans titre", "unbenannt")
DC = {"title": "title", "creator": "author", "date": "date", "created": "date", "language": "language", "rights": "licence"}
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


class Unreadable(Exception):
    """A document that its parser cannot read; the text says why."""


def pdf(content: bytes) -> Described:
    """Title, author and date of a PDF's information dictionary, and its language.

    Raises:
        Unreadable: it is encrypted, truncated or no PDF.
    """
    try:
        document = pypdfium2.PdfDocument(content)
        info = document.get_metadata_dict(skip_empty=True)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("encrypted" if "password" in str(error).lower() else str(error)) from error
    title = info.get("Title", "")
    for tool in TOOL_TITLE:
        title = title.removeprefix(tool)
    found = {
        "title": title,
        "author": info.get("Author", ""),
        "date": info.get("CreationDate", ""),
        "language": _language(document),
    }
    return _plausible(found), lambda: outline_of_text("\n\n".join(_pages(document)))


def _language(document: Any) -> str:
    """The language that a PDF's catalog names."""
    size = pypdfium2.raw.FPDFCatalog_GetLanguage(document.raw, None, 0)
    if not 2 < size <= 40:
        return ""
    buffer = (pypdfium2.raw.FPDF_WCHAR * (size // 2))()
    pypdfium2.raw.FPDFCatalog_GetLanguage(document.raw, buffer, size)
    return bytes(buffer).decode("utf-16-le", "ignore").strip("\x00").split("-")[0].lower()


def _pages(document: Any) -> list[str]:
    try:
        return [document[n].get_textpage().get_text_bounded() for n in range(min(PAGES, len(document)))]
    except pypdfium2.PdfiumError as error:
        raise Unreadable(str(error)) from error


def docx(content: bytes) -> Described:
    """Title, author, date and language of a DOCX file's core properties.

    Raises:
        Unreadable: it is no ZIP file, or encrypted (then it is no ZIP file either).
    """
    parts = _parts(content)
    return _plausible(_dublin_core(_xml(parts, "docProps/core.xml"))), lambda: _outline_of_word(
        _xml(parts, "word/document.xml")
    )


def epub(content: bytes) -> Described:
    """Title, author, date, language and rights of an EPUB's package document.

    Raises:
        Unreadable: it is no ZIP file.
    """
    parts = _parts(content)
    container = _xml(parts, "META-INF/container.xml")
    opf = next((str(name) for name in container.xpath("//@full-path")), "") if container is not None else ""
    found = _dublin_core(_xml(parts, opf))
    chapters = sorted(name for name in parts.namelist() if name.lower().endswith((".xhtml", ".html", ".htm")))
    return _plausible(found), lambda: _joined([page.outline_of(page.parse(_text(parts, name))) for name in chapters[:PAGES]])


def _parts(content: bytes) -> zipfile.ZipFile:
    if content.startswith(b"\xd0\xcf\x11\xe0"):  # a compound file: Office 97, or what Office wraps around what it encrypts
        raise Unreadable("encrypted" if "EncryptedPackage".encode("utf-16-le") in content else "an Office 97 file")
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"no ZIP file: {error}") from error


def _part(parts: zipfile.ZipFile, name: str) -> bytes:
    """The beginning of a part; nothing where it is missing or broken."""
    try:
        with parts.open(name) as part:
            return part.read(PART)
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        return b""


def _text(parts: zipfile.ZipFile, name: str) -> str:
    return _part(parts, name).decode("utf-8", "replace")


def _xml(parts: zipfile.ZipFile, name: str) -> Any:
    """The tree of a part, mended where it is broken; entities and addresses in it are never followed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    try:
        return etree.fromstring(_part(parts, name), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _dublin_core(tree: Any) -> Metadata:
    found: dict[str, list[str]] = {}
    for element in tree.iter() if tree is not None else ():
        key = DC.get(etree.QName(element).localname) if isinstance(element.tag, str) and "dc/" in str(element.tag) else None
        if key and fold_space(element.text or ""):
            found.setdefault(key, []).append(fold_space(element.text))
    values = {key: ", ".join(texts) if key == "author" else texts[0] for key, texts in found.items()}
    if "language" in values:
        values["language"] = values["language"].replace("_", "-").split("-")[0].lower()
    return values


def _plausible(found: Metadata) -> Metadata:
    """Without the titles and authors that tools write where nobody gave one."""
    return {key: value for key, value in found.items() if value.strip() and value.strip().lower() not in NO_TITLE}


def _outline_of_word(tree: Any) -> Outline:
    outline = Outline()
    for paragraph in tree.iter(f"{WORD}p") if tree is not None else ():
        text = fold_space("".join(node.text or "" for node in paragraph.iter(f"{WORD}t")))
        style = next((str(node.get(f"{WORD}val")) for node in paragraph.iter(f"{WORD}pStyle")), "")
        in_table = next(paragraph.iterancestors(f"{WORD}tc"), None) is not None
        place = outline.marked if in_table else outline.lines
        if text:
            (outline.headings if style.lower().startswith(("heading", "titre")) else place).append(text)
    return outline


def _joined(outlines: list[Outline]) -> Outline:
    return Outline(
        [text for outline in outlines for text in outline.headings],
        [text for outline in outlines for text in outline.lines],
        [text for outline in outlines for text in outline.marked],
        {name for outline in outlines for name in outline.types},
    )
