"""A review as Markdown for a pull request: the verdict first, then scores, data, parameters, files and pictures."""

from collections import Counter
from typing import Any

from stages.params import SCORED
from stages.review.cells import details, number, signed, size, table
from stages.review.changes import Change, direction
from stages.review.revisions import Snapshot, flat

MARKER = "<!-- review of the metrics -->"  # by which a later run finds the comment that it edits
MARKS = {"better": "🟢 better", "worse": "🔴 worse", "gone": "🔴 gone", "new": "new", "changed": "changed"}
HISTOGRAM = ".lengths."  # counts of rows by length: plots show them better than sixty lines
SHOWN = 20  # files named before the rest is only counted
ORDER = ("not a number", "worse", "better", "changed")  # of scores, after those that break a gate
FOLDED = ("gone", "new", "within noise")  # one click away, unless a gate names them
PAIRED = "Worse and better count examples, p is of a paired test over them (docs/review.md); a gate fails whatever p is."
UNTESTED = "One run on each side: how much of a difference is noise is not known."


def render(
    base: Snapshot, head: Snapshot, changes: list[Change], failures: list[str], raw: list[tuple[str, str]], pictures: str
) -> str:
    """The whole comment; `pictures` is the address below which `COMMIT/PATH` shows a file, or empty."""
    parts = [
        MARKER,
        f"## Review of the metrics against `{base.name}`",
        _verdict(changes, failures),
        _judged(base.params, head.params),
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
    count = Counter(change.verdict for change in scores)
    words = f"{count['worse']} score{'s' * (count['worse'] != 1)} worse"
    others = [f"{count[verdict]} {verdict}" for verdict in ("gone", "new") if count[verdict]]
    counted = ", ".join([words, f"{count['better']} better", f"{count['within noise']} changed within noise", *others])
    if not failures:
        return f"**All gates passed.** {counted}."
    lines = "\n".join(f"- ❌ {failure}" for failure in failures)
    return f"**{len(failures)} gate{'s' * (len(failures) > 1)} failed.** {counted}.\n\n{lines}"


def _judged(before: dict[str, Any], after: dict[str, Any]) -> str:
    """A warning where a change sets the gates that it has to pass."""
    same = before.get("review") == after.get("review")
    return "" if same else "⚠️ **This change sets its own gates**: see `review` in the parameters below."


def _section(title: str, body: str) -> str:
    return f"### {title}\n\n{body}" if body else ""


def _broken(failures: list[str]) -> set[str]:
    """The metrics that a gate names."""
    return {failure.split("`")[1] for failure in failures if "`" in failure}


def _scores(changes: list[Change], broken: set[str]) -> str:
    """Changed scores, those that break a gate first, then by verdict, adapter and variant."""
    head = ("score", "before", "after", "difference", "worse / better", "p", "verdict")
    ranked = sorted(changes, key=lambda change: (change.key not in broken, _rank(change), _place(change)))
    clear = [change for change in ranked if change.verdict not in FOLDED or change.key in broken]
    parts = [table(head, (_score(change, broken) for change in clear))] if clear else []
    for verdict in FOLDED:
        rows = [_score(change, broken) for change in ranked if change.verdict == verdict and change not in clear]
        if rows:
            parts.append(details(f"{len(rows)} {verdict}", table(head, rows)))
    if any(change.pair for change in changes):
        parts.append(PAIRED)
    return "\n\n".join(parts) or "No score changed."


def _rank(change: Change) -> int:
    return ORDER.index(change.verdict) if change.verdict in ORDER else len(ORDER)


def _place(change: Change) -> tuple[str, int, str]:
    _, adapter, variant, score = change.key.split(".", 3)
    return adapter, SCORED.index(variant) if variant in SCORED else len(SCORED), score


def _score(change: Change, broken: set[str]) -> tuple[str, ...]:
    pair = change.pair
    counts = (pair.lost, pair.won) if pair else (0, 0)
    worse, better = reversed(counts) if direction(change.key) < 0 else counts  # a loss is worse where it rose
    examples = f"{worse} / {better} of {pair.n}" if pair else "–"
    p = "–" if pair is None else f"{pair.p:.3f}" if pair.p >= 0.001 else "<0.001"
    name = change.key.removeprefix("scores.").replace(".", " · ")
    verdict = f"❌ gate, {change.verdict}" if change.key in broken else _marked(change)
    return name, number(change.before), number(change.after), _moved(change), examples, p, verdict


def _moved(change: Change) -> str:
    return "–" if change.before is None or change.after is None else signed(change.after - change.before)


def _marked(change: Change) -> str:
    return MARKS.get(change.verdict, change.verdict)


def _data(changes: list[Change], raw: list[tuple[str, str]]) -> str:
    changes = [change for change in changes if HISTOGRAM not in change.key]
    counts = table(
        ("count", "before", "after", "difference"),
        ((c.key.removeprefix("data."), number(c.before or 0.0), number(c.after or 0.0),
          signed((c.after or 0.0) - (c.before or 0.0))) for c in changes),
    ) if changes else ""  # fmt: skip
    words = {"A": "added", "M": "changed", "D": "deleted"}
    lines = [f"- {words.get(state[0], state)}: `{path}`" for state, path in raw[:SHOWN]]
    if len(raw) > SHOWN:
        lines.append(f"- and {len(raw) - SHOWN} more files below data/raw")
    return "\n\n".join(part for part in (counts, "\n".join(lines)) if part)


def _parameters(before: dict[str, Any], after: dict[str, Any]) -> str:
    one, other = _flat(before), _flat(after)
    rows = [
        (f"`{key}`", *(f"`{side[key]}`" if key in side else "–" for side in (one, other)))
        for key in sorted(one.keys() | other.keys())
        if one.get(key, ...) != other.get(key, ...)
    ]
    return table(("parameter", "before", "after"), rows) if rows else ""


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Parameters by their dotted keys, every gate by what it is of."""
    found = flat(values)
    gates = found.pop("review.gates", None) or []
    return found | {f"review.gates: {gate.get('kind')} of {gate.get('metric')}": gate.get("value") for gate in gates}


def _others(changes: list[Change]) -> str:
    """Numbers that no test judges: better and worse are words of a direction, without a colour."""
    rows = [
        (change.key.replace(".", " · "), number(change.before), number(change.after), _moved(change),
         "" if change.verdict == "changed" else change.verdict)
        for change in changes
        if not change.key.startswith(("scores.", "data."))
    ]  # fmt: skip
    if not rows:
        return ""
    untested = f"{UNTESTED}\n\n" if any(row[-1] in ("better", "worse") for row in rows) else ""
    return untested + table(("metric", "before", "after", "difference", ""), rows)


def _outputs(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> str:
    rows = [
        (f"`{path}`", size(before.get(path)), size(after.get(path)))
        for path in sorted(before.keys() | after.keys())
        if before.get(path, {}).get("md5") != after.get(path, {}).get("md5")
    ]
    if not rows:
        return ""
    return details(f"{len(rows)} changed", table(("output", "before", "after"), rows))


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
