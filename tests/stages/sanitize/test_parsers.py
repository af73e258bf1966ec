"""DOCX and EPUB as HTML: content whole, nothing read from outside, bombs refused."""

import io
import zipfile

import docx
import pytest

from stages.sanitize.html import whole_markdown
from stages.sanitize.parsers import OLE, docx_html, epub_html
from stages.sanitize.records import Encrypted, Unreadable
from tests.stages.files import epub, zipped

LIMIT = 1_000_000


def _docx(*paragraphs: str) -> bytes:
    document, buffer = docx.Document(), io.BytesIO()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    document.save(buffer)
    return buffer.getvalue()


def test_a_docx_keeps_its_paragraphs() -> None:
    assert docx_html(_docx("One", "Two & three"), LIMIT) == "<p>One</p><p>Two &amp; three</p>"


def test_an_epub_is_its_spine_in_order() -> None:
    book = epub(
        {"b.xhtml": "<h1>First</h1><p>caf&#233;</p>", "a.xhtml": "<p>Second</p>"}, {"OEBPS/notes.xhtml": "<p>unlisted</p>"}
    )
    text = whole_markdown(epub_html(book, LIMIT))
    assert text.split() == ["#", "First", "café", "Second"]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('href="b.xhtml"', 'href="B.xhtml"'),  # on a disk that does not tell cases apart, nobody notices
        ("application/xhtml+xml", "text/x-oeb1-document"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("</spine>", '<itemref idref="i0"/></spine>'),
        ("<spine>", "<spine/><other>"),
    ],
)
def test_the_faults_of_a_package_document_cost_no_chapter(was: str, now: str) -> None:
    book = epub({"b.xhtml": "<p>First</p>", "a.xhtml": "<p>Second</p>"})
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    package = next(name for name in members if name.endswith(".opf"))
    assert was.encode() in members[package]
    members[package] = (
        members[package]
        .replace(was.encode(), now.encode())
        .replace(b"</spine>", b"</other>" if "<other>" in now else b"</spine>")
    )
    assert whole_markdown(epub_html(zipped(members), LIMIT)).split() == ["First", "Second"]


def test_an_epub_without_chapters_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="no chapter"):
        epub_html(epub({}), LIMIT)


@pytest.mark.parametrize("read", [docx_html, epub_html])
@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", Unreadable, "not a whole zip file"),
        (_docx("x")[:200], Unreadable, "not a whole zip file"),
        (zipped({"a.txt": b"0" * (LIMIT + 1)}), Unreadable, "1 members of 1000001 bytes unpacked"),
        (zipped({f"{n}.txt": "" for n in range(10_001)}), Unreadable, "10001 members"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), Encrypted, "asks for a password"),
        (OLE + b"WordDocument", Unreadable, "old binary Office file"),
    ],
)
def test_what_cannot_be_read_says_why(read: object, content: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(content, LIMIT)  # type: ignore[operator]


def test_chapters_under_digital_rights_management_are_encrypted() -> None:
    lock = '<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:CipherReference URI="OEBPS/a.xhtml"/></encryption>'
    with pytest.raises(Encrypted, match="1 of 1 chapters"):
        epub_html(epub({"a.xhtml": "x"}, {"META-INF/encryption.xml": lock}), LIMIT)


def test_xml_entities_of_an_epub_open_no_file() -> None:
    container = '<!DOCTYPE c [<!ENTITY f SYSTEM "file:///etc/passwd">]><container><rootfile full-path="&f;"/></container>'
    with pytest.raises(Unreadable):
        epub_html(zipped({"META-INF/container.xml": container}), LIMIT)


def test_the_title_of_a_docx_is_a_heading() -> None:
    document, buffer = docx.Document(), io.BytesIO()
    document.add_heading("The drill", 0)
    document.save(buffer)
    assert docx_html(buffer.getvalue(), LIMIT) == "<h1>The drill</h1>"
