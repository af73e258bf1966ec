"""One page: its bytes from a file or standard input, and what the model did not get to read of it."""

import sys
from pathlib import Path

from stages.command import Failure
from stages.ingest.detection import charset_of
from stages.predict.model import Model
from stages.prompt import Encoded


def read_page(name: str) -> str:
    """The text of a page in whatever encoding, found as `ingest` finds it.

    Args:
        name: a file, or - for standard input.

    Raises:
        Failure: there is no such file.
    """
    if name != "-" and not Path(name).is_file():
        raise Failure(f"predict: {name} does not exist; give a file, or - for standard input")
    content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    return content.decode(charset_of(content).name, "replace")


def put(model: Model, page: str) -> tuple[Encoded, str]:
    """The prompt of a page, and what the model reads of it in words, for the person who asked.

    Raises:
        Failure: the page holds no text.
    """
    text = model.clean(page)
    encoded = model.put(text)
    if not text:
        raise Failure(f"predict: the page holds no text that a person would see, in {len(page):,} characters")
    said = f"{len(page):,} characters of the page are {len(text):,} of text, {len(encoded.ids):,} tokens with the prompt"
    if not encoded.n_cut:
        return encoded, said
    return encoded, f"{said}; {encoded.n_cut:,} tokens from its middle did not fit and were left out: {model.gap(encoded)}"
