"""What documents say of themselves: pages, PDF, DOCX, EPUB, Markdown, reStructuredText, images."""

import datetime
import io
import json

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stages.ingest import page
from stages.ingest.description import MARKDOWN, Request, Said, describe
from stages.ingest.detection import DOCX, EPUB, PDF, RST
from tests.conftest import ROOT
from tests.stages.files import zipped


def said(mime: str, content: bytes | str, typed: bool = True) -> Said:
    raw = content.encode() if isinstance(content, str) else content
    return describe(Request(mime, "utf-8", raw, typed, 0.5))


# --- pages


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<html lang='fr-CA'><title> Une\n page </title>", {"title": "Une page", "language": "fr"}),
        ("<title>A - Site</title><meta property='og:title' content='A'>", {"title": "A"}),
        ("<meta name=Author content=Ann><meta name='DC.date' content='2024-05-01'>", {"author": "Ann", "date": "2024-05-01"}),
        ("<meta name=citation_author content=Ann><meta name=citation_author content=Bo>", {"author": "Ann, Bo"}),
        ("<meta property='article:author' content='https://x.org/ann'><a rel=author>Ann</a>", {"author": "Ann"}),
        ("<meta http-equiv='content-language' content='en, fr'>", {"language": "en"}),
        ("<html lang='{{lang}}'><meta property='og:locale' content='de_DE'>", {"language": "de"}),
        ("<a rel=license href='https://creativecommons.org/licenses/by/4.0/'>CC</a>",
         {"licence": "https://creativecommons.org/licenses/by/4.0/"}),
        ("<time itemprop=datePublished datetime=2024-05-01>May</time>", {"date": "2024-05-01"}),
        ("<script type='application/ld+json'>{\"@graph\": [{\"@type\": \"Article\", \"headline\": \"H\", \"author\": "
         "[{\"name\": \"Ann\"}, \"Bo\"], \"datePublished\": \"2024-05-01T10:00\", \"inLanguage\": \"en-GB\", "
         "\"license\": {\"@id\": \"CC0\"}}]}</script><title>T</title>",
         {"title": "H", "author": "Ann, Bo", "date": "2024-05-01T10:00", "language": "en", "licence": "CC0"}),
        ("<script type='application/ld+json'>{broken</script><title>T</title>", {"title": "T"}),
        ("<p>No head.", {}),
        ("", {}),
        ("<!-- only -->", {}),
    ],
)  # fmt: skip
def test_metadata_of_a_page(html: str, found: dict[str, str]) -> None:
    assert said("text/html", html).metadata == found


def test_captions_of_a_page() -> None:
    html = "<img src=a.png alt=A><img src=a.png alt=Again>"
    html += "<figure><img src='b.jpg' alt=B><figcaption>The <b>B</b></figcaption></figure>"
    html += "<img src=c.png><img src='data:image/png;base64,xx' alt=D><img alt=E>"
    assert said("text/html", html).captions == {"a.png": "A", "b.jpg": "The B"}


DEEP = json.dumps({"headline": "x"}).join(["[" * 3000, "]" * 3000])


@given(
    st.lists(
        st.sampled_from(["<", ">", "&#1;", "<html lang=", "<meta name=author content=", "'", '"', "<title>", "</title>", "é",
                         "\0", "<script type='application/ld+json'>", DEEP,
                         '{"@graph": [{"author": [[{"name": 1}]]}]}', "</script>",
                         "<img src=a.png alt=", "<figure>", "<figcaption>", "\ud800", "<p itemtype=Product>", "<pre>",
                         "<b>" * 300,
                         '{"@type": ["FAQPage", 3, {}], "license": [null]}', "<dt>", "<![CDATA[", "<?xml ?>", "<!--"]),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_no_page_stops_it(html: str) -> None:
    assert said("text/html", html.encode("utf-8", "surrogatepass"), typed=False).fault is None


# --- PDF, DOCX, EPUB


def _pdf(info: str) -> bytes:
    return (
        "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R/Lang(fr-FR)>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[4 0 R]/Count 1>>\n"
        "endobj\n4 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>\nendobj\n"
        f"3 0 obj\n<<{info}>>\nendobj\ntrailer\n<</Root 1 0 R/Info 3 0 R/Size 5>>\n%%EOF\n"
    ).encode()


def test_metadata_of_a_pdf() -> None:
    info = "/Title(Microsoft Word - The drill)/Author(Ann)/CreationDate(D:20240131120000+01'00')"
    assert said(PDF, _pdf(info)).metadata == {
        "title": "The drill", "author": "Ann", "date": "D:20240131120000+01'00'", "language": "fr",
    }  # fmt: skip
    assert said(PDF, _pdf("/Title(untitled)/Author( )")).metadata == {"language": "fr"}


def test_a_pdf_is_typed_by_its_text() -> None:
    key_cutting = (ROOT / "data/raw/assistant/technical/key-cutting-bench.pdf").read_bytes()
    assert said(PDF, key_cutting, typed=False).doc_type is not None


def _docx(paragraphs: list[tuple[str, str]]) -> bytes:
    document, out = docx.Document(), io.BytesIO()
    core = document.core_properties
    core.title, core.author, core.language, core.created = "The drill", "Ann", "en-GB", datetime.datetime(2024, 5, 1)
    for style, text in paragraphs:
        document.add_paragraph(text, style=style)
    document.save(out)
    return out.getvalue()


def test_metadata_and_type_of_a_docx() -> None:
    questions = [("Heading 2", f"How is number {n} done?") for n in range(3)]
    found = said(DOCX, _docx([*questions, ("Normal", "With care.")]), typed=False)
    assert found.metadata == {"title": "The drill", "author": "Ann", "language": "en", "date": "2024-05-01T00:00:00Z"}
    assert (found.doc_type, found.doc_type_score) == ("faq", 1.0)


OPF = (
    '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Le livre</dc:title><dc:creator>Ann</dc:creator>'
    "<dc:creator>Bo</dc:creator><dc:language>fr</dc:language><dc:date>1885</dc:date><dc:rights>Public domain</dc:rights>"
    "</metadata></package>"
)
CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/a.opf"/></rootfiles></container>'


def test_metadata_of_an_epub() -> None:
    book = zipped({"META-INF/container.xml": CONTAINER, "OEBPS/a.opf": OPF, "OEBPS/1.xhtml": "<p>Text.</p>"})
    found = said(EPUB, book, typed=False)
    assert found.metadata == {
        "title": "Le livre", "author": "Ann, Bo", "language": "fr", "date": "1885", "licence": "Public domain",
    }  # fmt: skip
    assert found.doc_type == "other"


BILLION = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {b} '{('&' + a + ';') * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
OUTSIDE = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>"


@pytest.mark.parametrize("doctype", [BILLION, OUTSIDE])
@pytest.mark.parametrize("name", ["docProps/core.xml", "OEBPS/a.opf"])
def test_entities_are_not_followed(doctype: str, name: str) -> None:
    entity = "i" if doctype == BILLION else "a"
    core = f'{doctype}]><x xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>&{entity};</dc:title></x>'
    parts = zipped({"META-INF/container.xml": CONTAINER, name: core})
    assert said(DOCX if "core" in name else EPUB, parts).metadata == {}


def test_a_part_that_unpacks_to_gigabytes_is_read_to_its_limit() -> None:
    core = '<x xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>T</dc:title>' + " " * 30_000_000
    assert said(DOCX, zipped({"docProps/core.xml": core})).metadata == {"title": "T"}


@given(st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=8)), max_size=8), st.integers(0, 300))
def test_no_damage_stops_it(changes: list[tuple[int, bytes]], cut: int) -> None:
    book = {"META-INF/container.xml": CONTAINER, "OEBPS/a.opf": OPF, "docProps/core.xml": OPF}
    for mime, content in ((DOCX, zipped(book)), (EPUB, zipped(book)), (PDF, _pdf("/Title(x)")), ("image/jpeg", _jpeg())):
        broken = bytearray(content)
        for place, piece in changes:
            place %= len(broken)
            broken[place : place + len(piece)] = piece
        assert isinstance(said(mime, bytes(broken[: len(broken) - cut]), typed=False), Said)


# --- text with a head


def test_metadata_and_captions_of_markdown() -> None:
    found = said(
        MARKDOWN, "---\ntitle: The drill\nlang: en\nlicense: MIT\nauthors: [Ann, Bo]\ntags: x\n---\n![A key](img/key.png)\n"
    )
    assert found.metadata == {"title": "The drill", "language": "en", "licence": "MIT", "author": "Ann, Bo"}
    assert found.captions == {"img/key.png": "A key"}


def test_a_type_that_does_not_exist_is_decided() -> None:
    found = said(MARKDOWN, "---\ndoc_type: blog\ntitle: T\n---\nText.", typed=False)
    assert (found.metadata, found.doc_type) == ({"title": "T"}, "other")
    assert said(MARKDOWN, "---\ndoc_type: faq\n---\nText.", typed=False).doc_type is None


def test_metadata_and_captions_of_restructured_text() -> None:
    head = "The drill\n=========\n\n:Author: Ann\n:Date: 2024-05-01\n:licence: MIT"
    found = said(RST, f"{head}\n\nText.\n\n.. image:: key.png\n   :alt: A key\n")
    assert found.metadata == {"title": "The drill", "author": "Ann", "date": "2024-05-01", "licence": "MIT"}
    assert found.captions == {"key.png": "A key"}


@pytest.mark.parametrize(
    "directive", [".. include:: /etc/passwd", ".. raw:: html\n   :file: /etc/passwd", ".. csv-table::\n   :file: /etc/passwd"]
)
def test_no_file_is_read_for_a_document(directive: str) -> None:
    assert "root:" not in str(said(RST, f"Title\n=====\n\n{directive}\n"))


@given(st.text(alphabet="=-`*_|:.[]{}<>#\\ \n\tab1", max_size=60))
def test_no_text_stops_it(text: str) -> None:
    for mime in (RST, MARKDOWN, "text/plain"):
        assert said(mime, text, typed=False).fault is None


# --- images


def _jpeg() -> bytes:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x8769] = {0x9003: "2024:01:31 12:00:00"}
    Image.new("RGB", (4, 3)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_size_and_date_of_an_image() -> None:
    assert said("image/jpeg", _jpeg()) == Said({"date": "2024:01:31 12:00:00"}, width=4, height=3)


def test_a_page_without_elements_has_an_outline() -> None:
    assert page.outline_of(None).lines == []
