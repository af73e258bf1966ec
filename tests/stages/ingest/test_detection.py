"""MIME type and charset, decided from real bytes."""

import pytest

from stages.ingest.detection import charset_of, is_text, mime_of

PDF = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\n"
    b"endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
)
HTML = b"<!doctype html><html><head><title>A</title></head><body><h1>Drill</h1><p>Open on Sunday.</p></body></html>"
JSON = b'[{"input": "<b>x</b>", "output": {"name": "x"}}]'
MARKDOWN = b"# Drill\n\nTurn the **key** to the left, then press the [button](x.md).\n\n- one\n- two\n"


@pytest.mark.parametrize(
    ("name", "content", "decided"),
    [
        ("a.md", MARKDOWN, "text/markdown"),
        ("a.MD", MARKDOWN, "text/markdown"),
        ("a.html", HTML, "text/html"),
        ("a.json", JSON, "application/json"),
        ("a.jsonl", JSON, "application/jsonl"),
        ("a.txt", b"Only a line of text.\n", "text/plain"),
        ("a.pdf", PDF, "application/pdf"),
        ("a.txt", PDF, "application/pdf"),
        ("a.png", HTML, "text/html"),
        ("a.md", HTML, "text/markdown"),
        ("a.html", MARKDOWN, "text/html"),
        ("a.qqq", HTML, "text/html"),
        ("page", HTML, "text/html"),
        ("a.qqq", bytes(range(256)) * 4, "application/octet-stream"),
    ],
)
def test_mime_decision(name: str, content: bytes, decided: str) -> None:
    assert mime_of(name, content, 0.7).decided == decided


def test_both_opinions_are_recorded() -> None:
    mime = mime_of("manual.txt", PDF, 0.7)
    assert (mime.declared, mime.detected) == ("text/plain", "application/pdf")
    assert 0.7 <= mime.score <= 1


def test_below_the_score_the_name_decides() -> None:
    assert mime_of("manual.txt", PDF, 1.0).decided == "text/plain"


@pytest.mark.parametrize(
    ("mime", "text"),
    [
        ("text/csv", True),
        ("application/json", True),
        ("application/xhtml+xml", True),
        ("application/pdf", False),
        ("image/png", False),
    ],
)
def test_is_text(mime: str, text: bool) -> None:
    assert is_text(mime) is text


FRENCH = "Le café était déjà fermé, et la clé perdue à la gare de l'Est. Où est-elle passée ?"
CURLY = "L’œuvre coûte 12 € — « déjà vu » à l’hôtel, près de la forêt, où l’été fut très long."


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xef\xbb\xbfhi", "hi"),
        ("hé".encode("utf-16"), "hé"),
        (b"\xfe\xff\x00h", "h"),
        (b"plain", "plain"),
        ("é".encode(), "é"),
        ('<meta charset="iso-8859-1"><p>café'.encode("latin-1"), '<meta charset="iso-8859-1"><p>café'),
        ("<meta content='text/html; charset=utf-8'>é".encode(), "<meta content='text/html; charset=utf-8'>é"),
        ('<meta charset="nonsense"><p>é'.encode(), '<meta charset="nonsense"><p>é'),
        ('<meta charset="undefined"><p>é'.encode(), '<meta charset="undefined"><p>é'),
        (("<meta charset=utf-8>" + FRENCH).encode("latin-1"), "<meta charset=utf-8>" + FRENCH),
        (FRENCH.encode("latin-1"), FRENCH),
        (CURLY.encode("cp1252"), CURLY),
    ],
)
def test_a_text_is_decoded_by_the_charset_found(content: bytes, text: str) -> None:
    assert content.decode(charset_of(content)) == text


@pytest.mark.parametrize("content", [b"\x81\x8d\x8f\x90\x9d", b"\xff\xfea", bytes(range(256))])
def test_any_bytes_have_a_charset(content: bytes) -> None:
    assert isinstance(content.decode(charset_of(content), "replace"), str)
