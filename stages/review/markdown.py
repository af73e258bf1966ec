"""A review as Markdown for a pull request: the verdict first, then scores, data, parameters, files and pictures."""

from collections.abc import Iterable
from typing import Any

from stages.params import SCORED
from stages.review.changes import Change, direction
from stages.review.revisions import Snapshot, flat

MARKER = "<!-- review of the metrics -->"  # by which a later run finds the comment that it edits
MARKS = {"better": "🟢 better", "worse": "🔴 worse", "gone": "🔴 gone", "new": "new", "changed": "changed"}
HISTOGRAM = ".lengths."  # counts of rows by length: plots show them better than sixty lines
SHOWN = 20  # files named before the rest is only counted


def render(
    base: Snapshot, head: Snapshot, changes: list[Change], failures: list[str], raw: list[tuple[str, str]], pictures: str
) -> str:
    """The whole comment; `pictures` is the address below which `COMMIT/PATH` shows a file, or empty."""
    parts = [
        MARKER,
        f"## Review of the metrics against `{base.name}`",
        _verdict(changes, failures),
        _section("Scores", _scores([change for change in changes if change.key.startswith("scores.")], _broken(failures))),
        _section("Data", _data([change for change in changes if change.key.startswith("data.")], raw)),
        _section("Parameters", _parameters(base.params, head.params)),
        _section("Training, merge and files", _others(changes)),
        _section("Outputs in dvc.lock", _outputs(base.lock, head.lock)),
        _section("Plots", _plots(base, head, pictures)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(changes: list[Change], failures: list[str]) -> str:
    scores = [change for change in changes if change.key.startswith("scores.")]
    count = {verdict: sum(change.verdict == verdict for change in scores) for verdict in ("worse", "better", "within noise")}
    counted = f"{count['worse']} scores worse, {count['better']} better, {count['within noise']} changed within noise"
    if not failures:
        return f"**All gates passed.** {counted}."
    lines = "\n".join(f"- ❌ {failure}" for failure in failures)
    return f"**{len(failures)} gate{'s' * (len(failures) > 1)} failed.** {counted}.\n\n{lines}"


def _section(title: str, body: str) -> str:
    return f"### {title}\n\n{body}" if body else ""


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table, its first column left, the others right."""
    titles = list(head)
    lines = [titles, [":--", *["--:"] * (len(titles) - 1)], *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: Any) -> str:
    """A value on one line, for a table."""
    return " ".join(str(value).splitlines()).replace("|", "\\|")


def _broken(failures: list[str]) -> set[str]:
    """The metrics that a gate names."""
    return {failure.split("`")[1] for failure in failures if "`" in failure}


def _scores(changes: list[Change], broken: set[str]) -> str:
    """Changed scores by adapter and variant; those within noise are folded away, unless they break a gate."""
    clear = [change for change in changes if change.verdict != "within noise" or change.key in broken]
    noise = [change for change in changes if change not in clear]
    head = ("score", "before", "after", "difference", "lost / won", "p", "verdict")
    shown = table(head, (_score(change, broken) for change in sorted(clear, key=_place))) if clear else ""
    folded = table(head, (_score(change, broken) for change in sorted(noise, key=_place))) if noise else ""
    if folded:
        folded = f"<details><summary>{len(noise)} within noise</summary>\n\n{folded}\n\n</details>"
    return "\n\n".join(part for part in (shown, folded) if part) or "No score changed."


def _place(change: Change) -> tuple[str, int, str]:
    _, adapter, variant, score = change.key.split(".", 3)
    return adapter, SCORED.index(variant) if variant in SCORED else len(SCORED), score


def _score(change: Change, broken: set[str]) -> tuple[str, ...]:
    pair = change.pair
    lost_won = f"{pair.lost} / {pair.won} of {pair.n}" if pair else "–"
    p = "–" if pair is None else f"{pair.p:.3f}" if pair.p >= 0.001 else "<0.001"
    name = change.key.removeprefix("scores.").replace(".", " · ")
    verdict = f"❌ gate, {change.verdict}" if change.key in broken else _marked(change)
    return name, _number(change.before), _number(change.after), _moved(change), lost_won, p, verdict


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _moved(change: Change) -> str:
    return "–" if change.before is None or change.after is None else f"{change.after - change.before:+.3g}"


def _marked(change: Change) -> str:
    return MARKS.get(change.verdict, change.verdict)


def _data(changes: list[Change], raw: list[tuple[str, str]]) -> str:
    changes = [change for change in changes if HISTOGRAM not in change.key]
    counts = table(
        ("count", "before", "after", "difference"),
        ((c.key.removeprefix("data."), _number(c.before or 0), _number(c.after or 0),
          f"{(c.after or 0) - (c.before or 0):+g}") for c in changes),
    ) if changes else ""  # fmt: skip
    words = {"A": "added", "M": "changed", "D": "deleted"}
    lines = [f"- {words.get(state[0], state)}: `{path}`" for state, path in raw[:SHOWN]]
    if len(raw) > SHOWN:
        lines.append(f"- and {len(raw) - SHOWN} more files below data/raw")
    return "\n\n".join(part for part in (counts, "\n".join(lines)) if part)


def _parameters(before: dict[str, Any], after: dict[str, Any]) -> str:
    one, other = flat(before), flat(after)
    rows = [
        (f"`{key}`", *(f"`{side[key]}`" if key in side else "–" for side in (one, other)))
        for key in sorted(one.keys() | other.keys())
        if one.get(key, ...) != other.get(key, ...)
    ]
    return table(("parameter", "before", "after"), rows) if rows else ""


def _others(changes: list[Change]) -> str:
    rows = [
        (change.key.replace(".", " · "), _number(change.before), _number(change.after), _moved(change),
         _marked(change) if direction(change.key) or change.verdict in ("new", "gone") else "")
        for change in changes
        if not change.key.startswith(("scores.", "data."))
    ]  # fmt: skip
    return table(("metric", "before", "after", "difference", ""), rows) if rows else ""


def _outputs(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> str:
    rows = [
        (f"`{path}`", _size(before.get(path)), _size(after.get(path)))
        for path in sorted(before.keys() | after.keys())
        if before.get(path, {}).get("md5") != after.get(path, {}).get("md5")
    ]
    if not rows:
        return ""
    return f"<details><summary>{len(rows)} changed</summary>\n\n{table(('output', 'before', 'after'), rows)}\n\n</details>"


def _size(entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "–"
    files = f" in {entry['nfiles']} files" if "nfiles" in entry else ""
    return f"{entry['size'] / 1e6:.1f} MB{files}"


def _plots(base: Snapshot, head: Snapshot, address: str) -> str:
    paths = [
        path
        for path in sorted(base.pictures.keys() | head.pictures.keys())
        if base.pictures.get(path) != head.pictures.get(path)
    ]
    if not paths:
        return ""
    if not address:
        return "Changed: " + ", ".join(f"`{path}`" for path in paths)
    rows = [(f"`{path}`", *(_picture(side, path, address) for side in (base, head))) for path in paths]
    return table(("plot", "before", "after"), rows)


def _picture(side: Snapshot, path: str, address: str) -> str:
    if path not in side.pictures:
        return "–"
    return f"![{side.name}]({address}/{side.commit}/{path})" if side.commit else "in review.html"
