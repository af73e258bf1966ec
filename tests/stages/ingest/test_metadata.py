"""Which metadata wins, and what a metadata file may hold."""

from pathlib import Path

import pytest

from stages.command import Failure
from stages.ingest import metadata
from stages.ingest.metadata import Declared


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _declared(root: Path) -> Declared:
    return Declared(lambda name: (root / name).read_bytes() if (root / name).is_file() else None, f"{root}/")


def test_the_nearest_wins(tmp_path: Path) -> None:
    _write(
        tmp_path,
        {
            "_metadata.yaml": "title: root\nauthor: root\nlicence: root\nsource: root\n",
            "a/_metadata.yaml": "title: a\nauthor: a\nlicence: a\n",
            "a/b/_metadata.yaml": "title: b\nauthor: b\n",
            "a/b/x.txt.meta.yaml": "title: sidecar\ndate: 2024-05-01\n",
            "c/_metadata.yaml": "title: elsewhere\n",
        },
    )
    declared = _declared(tmp_path)
    values, origin = metadata.merged([("source", {"source": "params", "consent": "yes"}), *declared.of("a/b/x.txt")])
    assert values == {
        "title": "sidecar", "author": "b", "licence": "a", "source": "root", "date": "2024-05-01", "consent": "yes",
    }  # fmt: skip
    assert origin == {
        "title": "sidecar", "author": "folder", "licence": "folder", "source": "folder", "date": "sidecar",
        "consent": "source",
    }  # fmt: skip
    assert metadata.merged(declared.of("y.txt"))[0]["title"] == "root"


def test_a_metadata_file_is_read_once(tmp_path: Path) -> None:
    read: list[str] = []
    declared = Declared(lambda name: read.append(name), "raw/")  # type: ignore[func-returns-value]
    for name in ("a/x.txt", "a/y.txt"):
        declared.of(name)
    assert read == ["_metadata.yaml", "a/_metadata.yaml", "a/x.txt.meta.yaml", "a/y.txt.meta.yaml"]


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("licence", "https://creativecommons.org/licenses/by-sa/4.0/deed.fr", "CC-BY-SA-4.0"),
        ("licence", "http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("licence", "MIT", "MIT"),
        ("language", "fr-FR", "fr"),
        ("language", "PT_br", "pt"),
        ("date", "12 mai 2024", "2024-05-12"),
        ("date", "05/06/2024", "05/06/2024"),
        ("title", " A\n title\ud800\x00 ", "A title?"),
    ],
)
def test_values_have_one_spelling(key: str, written: str, value: str) -> None:
    assert metadata.merged([("document", {key: written})])[0] == {key: value}


@pytest.mark.parametrize(
    "values", [{"split": "training", "title": "T"}, {"doc_type": "blog", "title": "T"}, {"tags": "x", "title": "T"}]
)
def test_a_document_brings_in_no_value_that_a_metadata_file_may_not_hold(values: dict[str, str]) -> None:
    assert metadata.allowed_only(values) == {"title": "T"}


@pytest.mark.parametrize("name", ["_metadata.yaml", "a/_metadata.yaml", "a/x.md.meta.yaml"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("autor: me\n", "'autor' is unknown; it takes title, source, author,"),
        ("doc_type: blog\n", "doc_type = 'blog'; it takes technical, faq, narrative, web, product, other"),
        ("split: training\n", "split = 'training'; it takes train, valid, test"),
        ("- title\n", "must be a mapping of title,"),
        ("title: [\n", "is not YAML"),
        ("date: 2024-13-45\n", "is not YAML"),
        ("title: [a, b]\n", "title is a list or mapping; write one text"),
        ("doc_type: [a, b]\n", "doc_type is a list or mapping; write one text"),
        ("title: !!set {a, b}\n", "title is a list or mapping; write one text"),
        ("title: &a [x, x]\nauthor: *a\n", "holds an alias"),
        ("title: " + "x" * 10_000, "has 10007 bytes; at most 10000"),
    ],
)
def test_a_mistake_names_the_file(tmp_path: Path, name: str, text: str, message: str) -> None:
    _write(tmp_path, {name: text})
    with pytest.raises(Failure) as caught:
        _declared(tmp_path).of("a/x.md")
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "is_metadata"),
    [("_metadata.yaml", True), ("x.md.meta.yaml", True), ("metadata.yaml", False), ("x.yaml", False), ("x.md", False)],
)
def test_is_metadata(name: str, is_metadata: bool) -> None:
    assert metadata.is_metadata(name) is is_metadata
