"""Say what a change does to the scores: a Markdown comment, a page with pictures, and an exit code.

    python -m stages.review --base origin/main                            # the comment, on standard output
    python -m stages.review --base origin/main --out review.md --page review.html

The work tree is compared with a commit by what Git keeps alone (metrics/, params.yaml, dvc.lock): no data is pulled.
Exit code 1 where a gate of params.yaml fails, a metric is gone or is no number; each is named.
"""

import argparse
import sys
from pathlib import Path

from stages import command, params
from stages.params import Intervals
from stages.review import consistency, gates, page
from stages.review.changes import changes
from stages.review.markdown import render
from stages.review.revisions import committed, here, numbers, raw_changes


def review(revision: str, address: str, section: params.Review, intervals: Intervals) -> tuple[str, list[str], str]:
    """The comment, the gates that failed, and the page."""
    base, head = committed(revision), here()
    found = changes(base, head, intervals, section.significance)
    removed = set(base.params.get("adapters", {})) - set(head.params.get("adapters", {}))
    failed = gates.failures(section.gates, numbers(base), numbers(head), removed)
    failed = sorted({*failed, *consistency.faults(base, head)})
    text = render(base, head, found, failed, raw_changes(revision), address)
    return text, failed, page.render(render(base, head, found, failed, raw_changes(revision), ""), base, head)


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.review", description="Metrics of the work tree against a commit.")
    parser.add_argument("--base", required=True, metavar="REV", help="what to compare with, e.g. origin/main")
    parser.add_argument("--out", type=Path, help="write the comment there instead of printing it")
    parser.add_argument("--page", type=Path, help="write a self-contained page with the plots before and after")
    parser.add_argument(
        "--pictures", default="", metavar="URL", help="below it COMMIT/PATH shows a file, for plots in the comment"
    )
    arguments = parser.parse_args()
    loaded = params.load()
    text, failed, written = review(arguments.base, arguments.pictures, loaded.review, loaded.evaluate.intervals)
    for path, content in ((arguments.out, text), (arguments.page, written)):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    if not arguments.out:
        print(text, end="")
    for line in failed:
        print(f"gate failed: {line}", file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    command.run(main)
