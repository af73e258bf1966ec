"""Post a review to its pull or merge request, or edit the comment that an earlier run left there.

    REVIEW_COMMENT=github python .ci/comment.py review/review.md
    REVIEW_COMMENT=gitlab python .ci/comment.py review/review.md

Reads what the two services set: GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_REF and GITHUB_TOKEN, or CI_API_V4_URL,
CI_PROJECT_ID, CI_MERGE_REQUEST_IID and GITLAB_TOKEN. A token that may not write (as in a fork's pull request) is a
warning: the review stands in the log and among the job's files.
"""

import os
import sys
from pathlib import Path
from typing import Any

import requests

MARKER = "<!-- review of the metrics -->"
LONGEST = 60_000  # characters; GitHub takes 65,536
SECONDS = 30


def comments_of_github() -> tuple[str, str, dict[str, str], str]:
    """Where the comments of a pull request are, where one is edited, the headers, and the method that edits."""
    number = os.environ["GITHUB_REF"].split("/")[2]  # refs/pull/12/merge
    repository = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"
    headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    return f"{repository}/issues/{number}/comments", f"{repository}/issues/comments", headers, "PATCH"


def comments_of_gitlab() -> tuple[str, str, dict[str, str], str]:
    """The same for a merge request, whose comments are notes."""
    project = f"{os.environ['CI_API_V4_URL']}/projects/{os.environ['CI_PROJECT_ID']}"
    notes = f"{project}/merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}/notes"
    return notes, notes, {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"]}, "PUT"


def earlier(session: requests.Session, comments: str) -> Any:
    """The id of the last comment that carries the marker; None where there is none."""
    address: str | None = f"{comments}?per_page=100"
    found = None
    while address:
        page = session.get(address, timeout=SECONDS)
        page.raise_for_status()
        ids = [comment["id"] for comment in page.json() if MARKER in comment["body"]]
        found = max([*ids, *([found] if found else [])], default=None)
        address = page.links.get("next", {}).get("url")
    return found


def post(service: str, text: str) -> str:
    """Create or edit the comment; returns what was done."""
    comments, edited, headers, method = {"github": comments_of_github, "gitlab": comments_of_gitlab}[service]()
    if len(text) > LONGEST:
        text = text[:LONGEST] + "\n\n… the rest is in the job's files (review.md).\n"
    with requests.Session() as session:
        session.headers.update(headers)
        last = earlier(session, comments)
        if last is None:
            answer = session.post(comments, json={"body": text}, timeout=SECONDS)
        else:
            answer = session.request(method, f"{edited}/{last}", json={"body": text}, timeout=SECONDS)
        answer.raise_for_status()
    return "posted" if last is None else "edited"


def main() -> None:
    service = os.environ.get("REVIEW_COMMENT", "")
    if service not in ("github", "gitlab") or len(sys.argv) != 2:
        sys.exit("usage: REVIEW_COMMENT=github|gitlab python .ci/comment.py FILE.md")
    try:
        print(f"comment {post(service, Path(sys.argv[1]).read_text(encoding='utf-8'))}")
    except requests.RequestException as error:
        print(f"warning: the comment could not be written ({error})", file=sys.stderr)


if __name__ == "__main__":
    main()
