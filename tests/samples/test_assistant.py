"""The sample documents of the `assistant` adapter are complete and consistent."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from pathlib import Path

import docx
import pypdfium2
import pytest
from PIL import Image
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2] / "data" / "raw" / "assistant"
ALLOWED_KEYS = {
    "title",
    "source",
    "author",
    "language",
    "date",
    "licence",
    "consent",
    "doc_type",
    "caption",
    "split",
}
FORMATS = {
    "technical": {".md": 4, ".html": 3, ".txt": 3, ".pdf": 1, ".docx": 1},
    "faq": {".html": 2, ".md": 2},
    "narrative": {".txt": 4, ".md": 2, ".html": 2},
    "images": {".png": 1},
    "paraphrases/train": {".json": 2},
    "paraphrases/test": {".json": 2},
}
FOLDERS = ["", "technical", "faq", "narrative", "images", "paraphrases/train", "paraphrases/test"]
QUESTION_PATTERNS = (
    r"<h3>(.*?)</h3>\s*<p>(.*?)</p>",
    r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>",
    r"^## (.+?)\n+(.+?)$",
    r"^Q : (.+?)\n+R : (.+?)$",
)
METADATA_FILES = sorted([*ROOT.rglob("_metadata.yaml"), *ROOT.rglob("*.meta.yaml")])


def fold(text: str) -> str:
    """Decode HTML entities and fold white space."""
    return " ".join(html.unescape(text).split())


def words(text: str) -> list[str]:
    """The lower-case words of a text."""
    return re.findall(r"\w+", text.lower())


def runs(text: str, size: int = 5) -> set[tuple[str, ...]]:
    """Every run of `size` consecutive words."""
    tokens = words(text)
    return {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}


def documents(folder: str) -> list[Path]:
    """The documents of a folder, without its metadata."""
    return sorted(p for p in (ROOT / folder).iterdir() if p.is_file() and p.suffix != ".yaml")


def load_pairs() -> dict[str, str]:
    """Every question of the FAQ pages with its answer."""
    pairs: dict[str, str] = {}
    for page in documents("faq"):
        text = page.read_text(encoding="utf-8")
        for pattern in QUESTION_PATTERNS:
            for question, answer in re.findall(pattern, text, re.MULTILINE):
                assert fold(question) not in pairs, question
                pairs[fold(question)] = fold(answer)
    return pairs


def load_paraphrases(split: str) -> list[dict[str, str]]:
    """All the records of one split."""
    return [record for path in documents(f"paraphrases/{split}") for record in json.loads(path.read_text(encoding="utf-8"))]


def load_yaml(path: Path) -> dict[str, object]:
    """The mapping held by a metadata file."""
    return dict(YAML(typ="safe").load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("folder", sorted(FORMATS))
def test_counts_by_format(folder: str) -> None:
    """Each folder holds the expected number of files of each format."""
    assert dict(Counter(p.suffix for p in documents(folder))) == FORMATS[folder]


def test_total_size_and_names() -> None:
    """The samples stay small and their names portable."""
    files = [p for p in ROOT.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 500_000
    for path in files:
        assert re.fullmatch(r"_metadata\.yaml|[a-z0-9-]+(\.[a-z0-9]+)+", path.name), path.name


@pytest.mark.parametrize("path", METADATA_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_metadata_keys(path: Path) -> None:
    """Metadata holds allowed keys with non-empty text values only."""
    data = load_yaml(path)
    assert data and set(data) <= ALLOWED_KEYS
    assert all(isinstance(value, str) and value.strip() for value in data.values())
    if path.name != "_metadata.yaml":
        assert path.with_name(path.name.removesuffix(".meta.yaml")).is_file()


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_metadata(folder: str) -> None:
    """Every folder has its own metadata; the paraphrases name their split."""
    data = load_yaml(ROOT / folder / "_metadata.yaml")
    if folder.startswith("paraphrases/"):
        assert (data["split"], data["doc_type"]) == (Path(folder).name, "faq")
    elif folder in {"technical", "faq", "narrative"}:
        assert data["doc_type"] == folder


def test_faq_pairs() -> None:
    """There are fifty pairs or more, with whole questions and short answers."""
    pairs = load_pairs()
    assert len(pairs) >= 50
    for question, answer in pairs.items():
        assert question.endswith("?") and "<" not in question + answer
        assert 12 <= len(re.findall(r"[\w\u2019'-]+", answer)) <= 40, answer


@pytest.mark.parametrize("split", ["train", "test"])
def test_paraphrases_are_valid(split: str) -> None:
    """Each record is complete, and its question and answer stand together in one FAQ page."""
    pages = [fold(page.read_text(encoding="utf-8")) for page in documents("faq")]
    pairs = load_pairs()
    for record in load_paraphrases(split):
        assert set(record) == {"input", "output", "language", "of"}
        assert all(isinstance(value, str) and value.strip() for value in record.values())
        assert record["language"] in {"en", "fr"} and record["input"].endswith("?")
        assert sum(fold(record["of"]) in page and fold(record["output"]) in page for page in pages) == 1
        assert pairs[fold(record["of"])] == fold(record["output"])


def test_every_question_is_paraphrased() -> None:
    """Two training paraphrases and one test paraphrase for each question, all of them distinct."""
    pairs = load_pairs()
    train, test = load_paraphrases("train"), load_paraphrases("test")
    assert Counter(fold(r["of"]) for r in train) == dict.fromkeys(pairs, 2)
    assert Counter(fold(r["of"]) for r in test) == dict.fromkeys(pairs, 1)
    questions = [*pairs, *(fold(r["input"]) for r in train + test)]
    assert len({q.lower() for q in questions}) == len(questions)


def test_test_paraphrases_are_worded_differently() -> None:
    """A test paraphrase shares no five-word run with its original or its training paraphrases."""
    train = load_paraphrases("train")
    for record in load_paraphrases("test"):
        others = [record["of"], *(r["input"] for r in train if r["of"] == record["of"])]
        for other in others:
            assert not runs(record["input"]) & runs(other), (record["input"], other)


def test_documents_are_not_near_duplicates() -> None:
    """No two technical or narrative text files share many five-word runs."""
    texts = {
        path.name: runs(path.read_bytes().decode("utf-8", errors="replace"))
        for folder in ("technical", "narrative")
        for path in documents(folder)
        if path.suffix in {".md", ".txt", ".html"}
    }
    for name, first in texts.items():
        for other, second in texts.items():
            if name < other:
                assert len(first & second) / len(first | second) < 0.05, (name, other)


def test_encodings() -> None:
    """One text is Latin-1 and one page windows-1252; every other text is UTF-8."""
    foreign = set()
    for path in ROOT.rglob("*"):
        if path.suffix in {".md", ".txt", ".html", ".json", ".yaml"}:
            try:
                path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                foreign.add(path.name)
    assert foreign == {"visserie-et-chevilles.txt", "paint-and-tinting-guide.html"}
    latin = (ROOT / "technical/visserie-et-chevilles.txt").read_text(encoding="iso-8859-1")
    assert "plâtre" in latin and not re.search(r"[\x80-\x9f]", latin)
    page = (ROOT / "technical/paint-and-tinting-guide.html").read_text(encoding="windows-1252")
    assert 'charset="windows-1252"' in page and "“white”" in page and "€24" in page


def test_pdf_opens() -> None:
    """The PDF holds real text, a title and an author."""
    with pypdfium2.PdfDocument(ROOT / "technical/key-cutting-bench.pdf") as pdf:
        assert 1 <= len(pdf) <= 2
        text = " ".join(page.get_textpage().get_text_range() for page in pdf)
        metadata = pdf.get_metadata_dict()
    assert len(words(text)) > 150 and "0.1 mm" in text
    assert metadata["Title"] == "The key-cutting bench" and metadata["Author"]


def test_docx_opens() -> None:
    """The DOCX holds real headings, a list and a table."""
    document = docx.Document(str(ROOT / "technical/politique-de-retour.docx"))
    styles = Counter(p.style.name for p in document.paragraphs if p.style is not None)
    assert len(words(" ".join(p.text for p in document.paragraphs))) > 150
    assert styles["Heading 1"] == 1 and styles["Heading 2"] >= 3 and styles["List Number"] >= 3
    assert len(document.tables) == 1


def test_image_opens() -> None:
    """The diagram is a small, real PNG with a caption."""
    path = ROOT / "images/from-document-to-gguf.png"
    assert path.stat().st_size < 60_000
    with Image.open(path) as image:
        image.verify()
        assert image.format == "PNG" and image.width >= 400
    sidecar = load_yaml(path.with_name(path.name + ".meta.yaml"))
    assert set(sidecar) == {"title", "caption", "language", "date"}
