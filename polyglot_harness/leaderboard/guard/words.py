"""Findings in words: names that do no harm, numbers with their units, reasons."""

from __future__ import annotations

import math
import unicodedata

from polyglot_harness.leaderboard.guard.findings import MEAN, Finding, Report
from polyglot_harness.leaderboard.guard.guarded import RAW, Guarded
from polyglot_harness.leaderboard.guard.matching import Group

TITLES = {
    "regression": "regression", "vanished": "vanished", "changed": "conditions changed",
    "unknown": "cannot be told", "unsure": "unsure", "improvement": "improvement", "new": "new",
    "same": "within tolerance or noise",
}  # fmt: skip
NOTHING = "—"


def plain(text: str) -> str:
    """Return a name without characters that steer a terminal, an XML reader or the direction."""
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") else c
        for c in text
    )


def where(finding: Finding) -> tuple[str, str, str, str]:
    """Return teacher, student, language and metric, plain; "" for a cell as a whole."""
    teacher, student, _ = finding.group.first.place
    metric = finding.metric.name if finding.metric else ""
    return plain(teacher), plain(student), finding.language, metric


def values(finding: Finding) -> tuple[str, str, str]:
    """Return before, after, and the change with its standard error."""
    metric, moved = finding.metric, finding.moved
    if not metric or not moved:
        return NOTHING, NOTHING, NOTHING
    form, factor = (".1f", 100) if metric.name == RAW else (".4g", 1)
    before, after = (f"{factor * v:{form}}" for v in (moved.before, moved.after))
    return before, after, _change(metric, moved.better, finding.stderr)


def _change(metric: Guarded, better: float, stderr: float | None) -> str:
    change = metric.sign * better
    if metric.ratio:
        shown, error = 100 * math.expm1(min(change, 700)), stderr and 100 * stderr
        return f"{shown:+.1f} %" + (f" ± {error:.1f}" if error is not None else "")
    form, factor = (".1f", 100) if metric.name == RAW else (".3g", 1)
    return f"{factor * change:+{form}}" + (
        f" ± {factor * stderr:{form}}" if stderr is not None else ""
    )


def chance(finding: Finding) -> str:
    """Return p, corrected."""
    if finding.p is None:
        return NOTHING
    return "<1e-6" if finding.p < 1e-6 else f"{finding.p:.2g}"


def why(finding: Finding) -> str:
    """Return the reason in a few words."""
    said = [*_outcome(finding), *_revisions(finding)]
    return plain("; ".join(said))


def _outcome(finding: Finding) -> list[str]:
    if finding.changes:
        return [f"{n}: {before or 'none'} -> {after or 'none'}" for n, before, after
                in finding.changes]  # fmt: skip
    if finding.outcome == "vanished":
        return ["in the baseline, not in the candidate" + _seeds(finding.group)]
    if finding.outcome == "new":
        return ["not in the baseline"]
    if finding.moved is None or finding.metric is None:
        return ["not a number that can be compared"]
    if finding.outcome == "unknown":
        return ["no standard error on one side"]
    unit = " points" if finding.metric.name == RAW else ""
    tolerance = finding.metric.tolerance * (100 if finding.metric.name == RAW else 1)
    shown = f"{100 * tolerance:g} %" if finding.metric.ratio else f"{tolerance:g}{unit}"
    told = [finding.moved.method, f"tolerance {shown}"]
    if finding.outcome == "unsure":
        told.append("beyond noise only if it were the only test")
    return told


def _seeds(group: Group) -> str:
    seeds = [s for s in group.seeds if s]
    return f" (seed {', '.join(seeds)})" if seeds else ""


def _revisions(finding: Finding) -> list[str]:
    if not finding.after or finding.outcome == "new":
        return []
    before, after = finding.group.first.revision, finding.after.first.revision
    return [f"revision {before or '?'} -> {after or '?'}"] if before != after and before else []


def headline(report: Report) -> str:
    """Return what was found, counted, in a line."""
    counts = {o: sum(f.outcome == o for f in report.findings) for o in TITLES}
    told = [f"{n} {TITLES[o]}" for o, n in counts.items() if n]
    verdict = "failed" if report.failures else "passed"
    return f"{verdict}: {', '.join(told)}"


def mean_name(language: str) -> str:
    """Return a language as tables show it."""
    return "mean" if language == MEAN else plain(language)
