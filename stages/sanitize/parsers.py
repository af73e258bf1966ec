"""PDF and DOCX to text, each in a process of its own that is killed when it hangs.

python -m stages.sanitize.parsers application/pdf < manual.pdf > manual.txt
"""

import io
import subprocess
import sys

import mammoth
import pypdfium2

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class Unreadable(Exception):
    """A document that its parser cannot read; the text says why."""


def parse(mime: str, content: bytes, timeout_s: float) -> str:
    """The text of a PDF (plain) or DOCX (HTML).

    Raises:
        Unreadable: the parser failed, or took longer than `timeout_s` seconds.
    """
    command = [sys.executable, "-m", "stages.sanitize.parsers", mime]
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"parser killed after {timeout_s} s") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Unreadable(lines[-1] if lines else f"parser died with status {done.returncode}")
    return done.stdout.decode("utf-8")


def _pdf_text(content: bytes) -> str:
    document = pypdfium2.PdfDocument(content)
    return "\n\n".join(page.get_textpage().get_text_bounded() for page in document)


def _docx_html(content: bytes) -> str:
    return str(mammoth.convert_to_html(io.BytesIO(content)).value)


if __name__ == "__main__":
    read = {PDF: _pdf_text, DOCX: _docx_html}[sys.argv[1]]
    sys.stdout.buffer.write(read(sys.stdin.buffer.read()).encode("utf-8", "replace"))
