"""Thousands of hostile files through the store and the sanitizer: is each accounted for, once, and is there a traceback?

    python -m benchmarks.hostile --files 3000 --seed 1

Files are real ones of every format, damaged: cut, with bytes flipped, doubled, filled or mixed with another file, under the
name of another format; beside them nested tags, endless lines, bombs, encrypted files, odd names and links that lead away.
"""

import argparse
import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from docx import Document as Docx
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas
from ruamel.yaml import YAML

from stages.documents import read_shards
from tests.stages.files import zipped

ROOT = Path(__file__).parent.parent
PROSE = "The shop on the corner has been open since the year in which the old bridge was built of stone, number {}. "
DEPTH, LONG = 400, 2_000_000  # nested tags; characters of a long line
ODD = (b"\x00", b"\xff\xfe", b"\r", b"<", b"</", b"%PDF", b"PK\x03\x04", b"<!--", b"]]>", b"&#0;", b"\xed\xa0\x80", b"{" * 999)


def pdf(password: str | None = None) -> bytes:
    """Three pages of text."""
    out = io.BytesIO()
    canvas = Canvas(out, encrypt=StandardEncryption(password) if password else None)
    for number in range(3):
        for line in range(20):
            canvas.drawString(50, 800 - 20 * line, PROSE.format(f"{number}.{line}"))
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def docx() -> bytes:
    """A heading, paragraphs and a table."""
    document, out = Docx(), io.BytesIO()
    document.add_heading("The shop")
    for number in range(8):
        document.add_paragraph(PROSE.format(number))
    document.add_table(3, 2).cell(0, 0).text = "5 lbs"
    document.save(out)
    return out.getvalue()


def epub() -> bytes:
    """One chapter."""
    page = f"<html><head><title>T</title></head><body><h1>One</h1><p>{PROSE.format(1) * 5}</p></body></html>"
    container = '<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>'
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml" '
        'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine></package>'
    )
    members = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "book.opf": package, "a.xhtml": page}
    return zipped({name: text.encode() for name, text in members.items()})


def picture() -> bytes:
    """A small PNG."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    return out.getvalue()


def tar(name: str, kind: bytes, target: str) -> bytes:
    """A tar file with one member that leads away."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member)
    return out.getvalue()


def samples() -> dict[str, bytes]:
    """A sound file of every format, by its ending."""
    html = "".join(f"<h2>Part {n}?</h2><p>{PROSE.format(n) * 3}</p><ul><li>5 lbs<li>a</ul>" for n in range(6))
    body = PROSE.format(1) * 20
    return {
        "html": f"<html><head><title>T</title></head><body><nav>x</nav><article>{html}</article></body></html>".encode(),
        "md": f"---\ntitle: T\n---\n# T\n\n{body}\n\n```python\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".encode(),
        "txt": body.encode(), "rst": f"T\n=\n\n:author: A\n\n{body}\n\n.. code-block:: python\n\n   x = 1\n".encode(),
        "json": b'[{"input": "<p>x</p>", "output": {"name": "x", "price": 1.5}}]',
        "jsonl": b'{"input": "<p>x</p>", "output": {"name": "x"}}\n' * 3, "csv": b"a,b\n1,2\n" * 20,
        "pdf": pdf(), "docx": docx(), "epub": epub(), "png": picture(), "zip": zipped({"a.txt": body.encode()}),
    }  # fmt: skip


def damaged(content: bytes, other: bytes, dice: random.Random) -> bytes:
    """A file with one to three kinds of damage."""
    at, end = sorted(dice.randrange(len(content) + 1) for _ in range(2))
    kinds: list[Callable[[], bytes]] = [
        lambda: content[:at], lambda: content[at:], lambda: content[:at] + content[end:],
        lambda: content[:at] + dice.randbytes(dice.randrange(1, 200)) + content[end:],
        lambda: content[:at] + dice.choice(ODD) * dice.randrange(1, 50) + content[at:],
        lambda: content[:at] + other[: dice.randrange(len(other))] + content[at:],
        lambda: bytes(byte ^ (dice.random() < 0.01) << dice.randrange(8) for byte in content),
        lambda: content[:end] + content[at:end] * dice.randrange(1, 30) + content[end:],
    ]  # fmt: skip
    found = dice.choice(kinds)()
    return damaged(found, other, dice) if dice.random() < 0.4 and 0 < len(found) < 100_000 else found


def monsters() -> dict[str, bytes]:
    """What is hostile by its shape."""
    bomb, plain = zipped({"zeros.txt": b"\0" * 300_000_000}), PROSE.encode()
    return {
        "nested.html": b"<div>" * DEPTH + b"x" * 50 + b"</div>" * DEPTH, "deep.html": b"<b><div>" * 50_000 + plain,
        "cells.html": b"<table><tr><td>" * 3_000 + plain, "line.txt": b"word " * (LONG // 5), "line.html": b"<p>" + b"x" * LONG,
        "open.html": b"<" * LONG, "attributes.html": b"<p " + b"a=1 " * 100_000 + b">x", "json.json": b"[" * 100_000,
        "quotes.md": b"> " * 100_000, "stars.md": b"*" * 100_000, "brackets.md": b"[" * 100_000,
        "big.txt": b"x" * 50_000_000, "é" * 126 + ".md": plain,
        "meta.zip": zipped({"_metadata.yaml": b"a: [", "a.txt": plain}),
        "t.table.csv": "a,b\nété,2\n\"open".encode("cp1252"), "t.table.jsonl": b'{"a": "x"}\n{broken\n[1]\n{"a": 5}\n',
        "t.table.parquet": b"PAR1 none", "t.table.csv.gz": b"\x1f\x8b\x08" + b"\xff" * 50,
        "locked.pdf": pdf("secret"),
        "bomb.zip": bomb, "bomb.docx": bomb, "bomb.epub": bomb, "twice.zip": zipped({"bomb.zip": bomb}),
        "empty.html": b"", "zeros.txt": b"\0" * 1000, "bom.txt": b"\xef\xbb\xbf",
        "utf16.html": "\ufeff<p>x</p>".encode("utf-16"),
        "up.zip": zipped({"../../up.txt": b"x"}), "root.zip": zipped({"/etc/up.txt": b"x"}),
        "link.tar.gz": tar("a", tarfile.SYMTYPE, "/etc/passwd"), "hard.tar.gz": tar("a", tarfile.LNKTYPE, "../../a"),
        "device.tar.gz": tar("a", tarfile.CHRTYPE, ""), "entities.html": b"&#1;&#xd800;&#99999999;&lol;" * 2_000,
        "new\nline.txt": plain, "\\back.txt": plain, "-rf.md": plain, "a" * 200 + ".txt": plain,
        "_metadata.yaml": b"", "x.meta.yaml": b"&a [*a, *a", "laughs.md": b"---\na: &a [x,x]\nb: &b [*a,*a]\n---\n" + plain,
    }  # fmt: skip


def write(root: Path, files: int, seed: int) -> int:
    """Write the hostile files, and good neighbours; the number of good ones."""
    dice, sound = random.Random(seed), samples()
    names = sorted(sound)
    for number in range(files):
        ending, other = dice.choice(names), dice.choice(names)
        folder = root / f"{number % 50:02d}"
        folder.mkdir(exist_ok=True)
        shown = ending if dice.random() < 0.8 else dice.choice([*names, "", "bin", "xhtml", "gz"])
        (folder / f"{number}.{shown}").write_bytes(damaged(sound[ending], sound[other], dice))
    for name, content in monsters().items():
        (root / name).write_bytes(content)
    (root / "loop").symlink_to(root)
    (root / "passwd.txt").symlink_to("/etc/passwd")
    (root / "nowhere.txt").symlink_to(root / "none")
    os.mkfifo(root / "pipe.txt")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe.txt")).write_bytes(PROSE.encode())
    good = root / "good"
    good.mkdir()
    for number in range(20):
        dice = random.Random(number)
        text = " ".join(dice.choices([f"word{n}" for n in range(500)], k=120))
        (good / f"{number}.txt").write_text(f"{PROSE.format(number)}{text}", encoding="utf-8")
    return 20


def write_params(path: Path) -> None:
    """The parameters of this repository, with the tables of `monsters` as a source."""
    yaml = YAML()
    read = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    table = {"kind": "table", "path": "*.table.*", "columns": {"text": "a"}, "metadata": {}}
    read["ingest"]["sources"].append(table)
    yaml.dump(read, path)


def run(stage: str, *options: str, folder: Path) -> str:
    """One stage as DVC starts it; what it wrote on stderr. Ends with an error where the stage does, or one was printed."""
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", *options], cwd=folder, env=environment, capture_output=True, text=True,
        errors="replace", check=False,
    )  # fmt: skip
    print(f"{stage}: status {done.returncode}, {time.perf_counter() - started:.0f} s; {done.stdout.splitlines()[:1]}")
    tracebacks = (done.stdout + done.stderr).count("Traceback")
    print(f"{stage}: {tracebacks} tracebacks")
    if done.returncode or tracebacks:
        sys.exit(done.stderr[-3000:])
    return done.stderr


def main() -> None:
    """Print what became of the files."""
    parser = argparse.ArgumentParser(prog="benchmarks.hostile", description="Hostile files through ingest and sanitize.")
    parser.add_argument("--files", type=int, required=True, help="damaged files to make")
    parser.add_argument("--seed", type=int, required=True, help="of the damage")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        raw = folder / "raw"
        raw.mkdir()
        good = write(raw, arguments.files, arguments.seed)
        write_params(folder / "params.yaml")
        run("ingest", "--raw", "raw", "--store", "store", folder=folder)
        run("sanitize", "--store", "store", "--clean", "clean", folder=folder)
        kept = [row["source_uri"] for row in read_shards(folder / "clean", "kept")]
        dropped = list(read_shards(folder / "clean", "dropped"))
    ours = Counter([*kept, *(row["source_uri"] for row in dropped)])
    files = sum(1 for uri in ours if "!/" not in uri and "#" not in uri)  # no member, no row
    on_disk = arguments.files + len(monsters()) + good + 5  # two links, a loop, a pipe, a name that is no text
    twice, saved = sum(times > 1 for times in ours.values()), sum(uri.startswith("good/") for uri in kept)
    print(f"{on_disk} files: {files} accounted for, {twice} twice")
    print(f"{saved} of {good} good neighbours kept")
    for reason, count in Counter(row["drop_reason"] for row in dropped).most_common():
        print(f"{count:6} {reason}")
    sys.exit(int((files, twice, saved) != (on_disk, 0, good)))


if __name__ == "__main__":
    main()
