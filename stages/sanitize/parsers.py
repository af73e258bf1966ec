"""DOCX and EPUB as HTML; the HTML path makes text of it.

Nothing here opens a file: what a document refers to outside itself stays outside.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

import lxml.html
import mammoth
from lxml import etree

from stages.sanitize.records import Encrypted, Unreadable

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EPUB = "application/epub+zip"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of an encrypted DOCX, and of the old .doc
XML = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
MAX_MEMBERS = 10_000
TITLES = "p[style-name='Title'] => h1:fresh"
PAGES = (".xhtml", ".html", ".htm")


def _unzipped(content: bytes, max_bytes: int) -> zipfile.ZipFile:
    """A zip file that is no bomb; `zipfile` itself never reads more of a member than the size declared for it."""
    if content.startswith(OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise Encrypted("the document asks for a password")
        raise Unreadable("an old binary Office file; save it as .docx")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"not a whole zip file: {error}") from error
    members = archive.infolist()
    size = sum(member.file_size for member in members)
    if size > max_bytes or len(members) > MAX_MEMBERS:
        raise Unreadable(f"{len(members)} members of {size} bytes unpacked; at most {MAX_MEMBERS} and {max_bytes}")
    if any(member.flag_bits & 1 for member in members):
        raise Encrypted("the zip file asks for a password")
    return archive


def docx_html(content: bytes, max_bytes: int) -> str:
    """A DOCX as HTML, without its pictures.

    Raises:
        Encrypted: it asks for a password.
        Unreadable: it is no DOCX, or unpacks to more than `max_bytes`.
    """
    _unzipped(content, max_bytes).close()
    found = mammoth.convert_to_html(io.BytesIO(content), convert_image=lambda image: [], style_map=TITLES)
    return str(found.value)


def epub_html(content: bytes, max_bytes: int) -> str:
    """The chapters of an EPUB, in the order of its spine, as one HTML page (EPUB 3.3, sections 5 and 6).

    Raises:
        Encrypted: its chapters are.
        Unreadable: it is no EPUB, or unpacks to more than `max_bytes`.
    """
    archive = _unzipped(content, max_bytes)
    container = _xml(archive, "META-INF/container.xml")
    package = next(iter(container.xpath("//*[local-name()='rootfile']/@full-path")), None)
    if package is None:
        raise Unreadable("the EPUB names no package document")
    chapters = list(_spine(archive, unquote(str(package))))
    if not chapters:
        raise Unreadable("the EPUB has no chapter that its package document names")
    locked = _locked(archive) & set(chapters)
    if locked:
        raise Encrypted(f"{len(locked)} of {len(chapters)} chapters are")
    bodies = "\n".join(_body(archive, name) for name in chapters)
    return f"<html><body>{bodies}</body></html>"


def _xml(archive: zipfile.ZipFile, name: str) -> etree._Element:
    try:
        tree = etree.fromstring(archive.read(name), XML)
    except (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError) as error:
        raise Unreadable(f"{name}: {error}") from error
    if tree is None:
        raise Unreadable(f"{name} is empty")
    return tree


def _spine(archive: zipfile.ZipFile, package: str) -> Iterator[str]:
    """The members that make up the text, each once; those of the manifest where the spine names none."""
    tree = _xml(archive, package)
    folder = posixpath.dirname(package)
    names = {name.lower(): name for name in archive.namelist()}  # some tools write another case into the manifest
    manifest = {item.get("id"): item for item in tree.xpath("//*[local-name()='manifest']/*[local-name()='item']")}
    spine = [manifest.get(reference.get("idref")) for reference in tree.xpath("//*[local-name()='spine']/*")]
    for item in [item for item in spine if item is not None] or manifest.values():
        href = unquote(item.get("href") or "").split("#")[0]
        name = names.pop(posixpath.normpath(posixpath.join(folder, href)).lower(), None)
        is_page = re.search("html|oeb1-document", item.get("media-type") or "") or href.lower().endswith(PAGES)
        if name and is_page and "nav" not in (item.get("properties") or "").split():
            yield name


def _locked(archive: zipfile.ZipFile) -> set[str]:
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    uris = _xml(archive, "META-INF/encryption.xml").xpath("//*[local-name()='CipherReference']/@URI")
    return {unquote(str(uri)) for uri in uris}


def _body(archive: zipfile.ZipFile, name: str) -> str:
    try:
        page = lxml.html.document_fromstring(archive.read(name))
    except (etree.ParserError, etree.XMLSyntaxError):
        return ""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unreadable(f"{name}: {error}") from error
    body = page.find("body")
    return "" if body is None else "".join([body.text or "", *(lxml.html.tostring(part, encoding="unicode") for part in body)])
