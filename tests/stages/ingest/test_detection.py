"""MIME type and charset, decided from real bytes."""

import mimetypes
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.detection import charset_of, declared_type, is_text, mime_of

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
        ("saved.txt", HTML, "text/html"),
        ("saved.txt", b"<!-- saved -->\n<?xml version='1.0'?>\n" + HTML, "text/plain"),
        ("notes.txt", b"The tag <html> begins a page.\n", "text/plain"),
        ("page.php?id=3", HTML, "text/html"),
        ("README", b"Only a few lines\nof text, without any mark-up.\n" * 4, "text/plain"),
        ("a.xhtml", HTML, "application/xhtml+xml"),
        ("a.rst", b"Title\n=====\n\nText.\n", "text/x-rst"),
        ("a.csv", b"a,b\n1,2\n", "text/csv"),
        ("a.qqq", bytes(range(256)) * 4, "application/octet-stream"),
    ],
)
def test_mime_decision(name: str, content: bytes, decided: str) -> None:
    assert mime_of(name, content, 0.7).decided == decided


def test_text_in_an_old_encoding_is_text_and_noise_is_not() -> None:
    noise = random.Random(0).randbytes(10_000)
    assert mime_of("a.txt", JAPANESE.encode("shift_jis"), 0.7).decided == "text/plain"
    assert mime_of("a.txt", RUSSIAN.encode("koi8-r"), 0.7).decided == "text/plain"
    assert mime_of("a.txt", noise, 0.7).decided == "application/octet-stream"


def test_utf8_that_was_cut_inside_a_character_is_utf8() -> None:
    assert charset_of(JAPANESE.encode()[:-1]).name == "utf-8"


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
        ("application/javascript", True),
        ("application/toml", True),
        ("application/json", True),
        ("application/xhtml+xml", True),
        ("application/pdf", False),
        ("text/rtf", False),
        ("image/png", False),
    ],
)
def test_is_text(mime: str, text: bool) -> None:
    assert is_text(mime) is text


FRENCH = "Le café était déjà fermé, et la clé perdue à la gare de l'Est. Où est-elle passée ?"
RUSSIAN = "Подключите устройство к сети и нажмите кнопку питания. Если индикатор не загорается, проверьте кабель."
GREEK = "Συνδέστε τη συσκευή στο ρεύμα και πατήστε το κουμπί λειτουργίας για πέντε δευτερόλεπτα. Ελέγξτε το καλώδιο."
JAPANESE = "製品の使い方について説明します。電源ボタンを五秒間押してください。ランプが緑色に点灯したら準備完了です。"
CHINESE = "產品使用說明：請按下電源按鈕五秒鐘，待指示燈變為綠色後即可使用。如果出現錯誤訊息，請拔除電源線並重新連接。"
CURLY = "L’œuvre coûte 12 € — « déjà vu » à l’hôtel, près de la forêt, où l’été fut très long."


@pytest.mark.parametrize(
    ("content", "text", "evidence"),
    [
        (b"\xef\xbb\xbfhi", "hi", "bom"),
        ("hé".encode("utf-16"), "hé", "bom"),
        ("hé".encode("utf-32"), "hé", "bom"),
        (b"\xfe\xff\x00h", "h", "bom"),
        (b"plain", "plain", "utf-8"),
        ("é".encode(), "é", "utf-8"),
        ('<meta charset="iso-8859-1"><p>café'.encode("latin-1"), '<meta charset="iso-8859-1"><p>café', "declared"),
        ('<meta charset="iso-8859-1"><p>“café”'.encode("cp1252"), '<meta charset="iso-8859-1"><p>“café”', "declared"),
        ('<meta charset="iso-8859-1"><p>café'.encode(), '<meta charset="iso-8859-1"><p>café', "utf-8"),
        ("<?xml version='1.0' encoding='koi8-r'?>да".encode("koi8-r"), "<?xml version='1.0' encoding='koi8-r'?>да", "declared"),
        ("<meta charset=shift_jis>①鍵".encode("cp932"), "<meta charset=shift_jis>①鍵", "declared"),
        ('["<meta charset=gb2312><p>钥匙在门里面"]'.encode(), '["<meta charset=gb2312><p>钥匙在门里面"]', "utf-8"),
        ("<meta charset=gb2312><p>钥匙在门里".encode("gbk"), "<meta charset=gb2312><p>钥匙在门里", "declared"),
        ("<meta charset=iso-2022-jp>鍵".encode("iso-2022-jp"), "<meta charset=iso-2022-jp>鍵", "declared"),
        (b"<meta charset=utf-16><p>key", "<meta charset=utf-16><p>key", "utf-8"),
        ("<meta content='text/html; charset=utf-8'>é".encode(), "<meta content='text/html; charset=utf-8'>é", "declared"),
        ('<meta charset="nonsense"><p>é'.encode(), '<meta charset="nonsense"><p>é', "utf-8"),
        ('<meta charset="undefined"><p>é'.encode(), '<meta charset="undefined"><p>é', "utf-8"),
        (b'<meta charset="punycode"><p>a-b', '<meta charset="punycode"><p>a-b', "utf-8"),
        (("<meta charset=utf-8>" + FRENCH).encode("latin-1"), "<meta charset=utf-8>" + FRENCH, "guessed"),
        (FRENCH.encode("latin-1"), FRENCH, "guessed"),
        (CURLY.encode("cp1252"), CURLY, "guessed"),
        (CURLY.encode("utf-16-le"), CURLY, "guessed"),
        (RUSSIAN.encode("utf-16-le"), RUSSIAN, "guessed"),
        (CURLY.encode("utf-16-be"), CURLY, "guessed"),
        (RUSSIAN.encode("koi8-r"), RUSSIAN, "guessed"),
        (RUSSIAN.encode("cp1251"), RUSSIAN, "guessed"),
        (GREEK.encode("iso8859-7"), GREEK, "guessed"),
        (JAPANESE.encode("shift_jis"), JAPANESE, "guessed"),
        (JAPANESE.encode("euc_jp"), JAPANESE, "guessed"),
        (CHINESE.encode("big5"), CHINESE, "guessed"),
    ],
)
def test_a_text_is_decoded_by_the_charset_found(content: bytes, text: str, evidence: str) -> None:
    charset = charset_of(content)
    assert content.decode(charset.name) == text
    assert charset.evidence == evidence


@pytest.mark.parametrize("content", [b"\x81\x8d\x8f\x90\x9d", b"\xff\xfea", bytes(range(256))])
def test_any_bytes_have_a_charset(content: bytes) -> None:
    assert isinstance(content.decode(charset_of(content).name, "replace"), str)


@given(st.sampled_from([b"", b"<meta charset=", b"<?xml encoding='", b"\xff\xfe"]), st.binary(max_size=40))
def test_no_bytes_stop_it(begin: bytes, rest: bytes) -> None:
    content = begin + rest
    assert isinstance(content.decode(charset_of(content).name, "replace"), str)
    assert mime_of("a.txt", content, 0.7).decided


def test_the_machine_has_no_say_in_declared_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mimetypes, "knownfiles", ["/nowhere"])
    mimetypes.add_type("text/strange", ".html")
    assert declared_type("a.html") == "text/html"
    assert declared_type("a.strange") == "application/octet-stream"
