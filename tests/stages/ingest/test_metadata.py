"""Which metadata wins, and what a metadata file may hold."""

from pathlib import Path

import pytest

from stages.command import Failure
from stages.ingest import metadata


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


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
    assert metadata.of_file(tmp_path, "a/b/x.txt") == {
        "title": "sidecar", "author": "b", "licence": "a", "source": "root", "date": "2024-05-01",
    }  # fmt: skip
    assert metadata.of_file(tmp_path, "y.txt")["title"] == "root"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("---\ntitle: Drill\nlanguage: en\ntags: [a]\n---\n# X\n", {"title": "Drill", "language": "en"}),
        ("---\ndate: 2024-05-01\ntitle:\n---\n", {"date": "2024-05-01"}),
        ("# X\n", {}),
        ("---\ntitle: [broken\n---\n# X\n", {}),
        ("---\n\nA scene.\n\n---\n\nAnother.\n", {}),
    ],
)
def test_front_matter(text: str, found: dict[str, str]) -> None:
    assert metadata.of_front_matter(text) == found


@pytest.mark.parametrize("text", ["---\nsplit: training\ntitle: T\n---\n", "---\ndoc_type: blog\ntitle: T\n---\n"])
def test_front_matter_brings_in_no_value_that_a_metadata_file_may_not_hold(text: str) -> None:
    assert metadata.of_front_matter(text) == {"title": "T"}


@pytest.mark.parametrize("name", ["_metadata.yaml", "a/_metadata.yaml", "a/x.md.meta.yaml"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("autor: me\n", "'autor' is unknown; it takes title, source, author,"),
        ("doc_type: blog\n", "doc_type = 'blog'; it takes technical, faq, narrative, web, product, other"),
        ("split: training\n", "split = 'training'; it takes train, valid, test"),
        ("- title\n", "must be a mapping of title,"),
        ("title: [\n", "is not YAML"),
    ],
)
def test_a_mistake_names_the_file(tmp_path: Path, name: str, text: str, message: str) -> None:
    _write(tmp_path, {name: text})
    with pytest.raises(Failure) as caught:
        metadata.of_file(tmp_path, "a/x.md")
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "is_metadata"),
    [("_metadata.yaml", True), ("x.md.meta.yaml", True), ("metadata.yaml", False), ("x.yaml", False), ("x.md", False)],
)
def test_is_metadata(name: str, is_metadata: bool) -> None:
    assert metadata.is_metadata(name) is is_metadata
