"""The report as Markdown for a pull request, and as JSON."""

from __future__ import annotations

import json
from typing import Any

from polyglot_harness.leaderboard.guard.findings import Finding, Report
from polyglot_harness.leaderboard.guard.words import (
    TITLES,
    chance,
    headline,
    mean_name,
    plain,
    values,
    where,
    why,
)

LIMIT = 1024 * 1024
"""Bytes that GitHub shows of a step's summary."""
_ROOM = 512
_HEADS = ("", "teacher", "student", "language", "number", "before", "after", "change", "p", "why")


def markdown(report: Report, limit: int = LIMIT) -> str:
    """Return a summary of at most `limit` bytes; rows that do not fit are counted."""
    lines = [f"## Leaderboard check {headline(report)}", ""]
    lines += [f"- {_code(note)}" for note in report.notes]
    shown = [f for f in report.findings if f.outcome != "same"]
    table = [f"| {' | '.join(_HEADS)} |", f"|{' --- |' * len(_HEADS)}"] if shown else []
    text, room = [], limit - _ROOM
    for line in [*lines, "", *table, *map(_row, shown)]:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        text.append(line)
    left = len(lines) + 1 + len(table) + len(shown) - len(text)
    text += ["", f"{left} more lines did not fit; they are in the JUnit file."] * bool(left)
    return "\n".join(text) + "\n"


def _row(finding: Finding) -> str:
    teacher, student, language, metric = where(finding)
    names = [_code(teacher), _code(student), _code(mean_name(language)), _code(metric)]
    told = [*values(finding), chance(finding).replace("<", "&lt;"), _code(why(finding))]
    return f"| {' | '.join([TITLES[finding.outcome], *names, *told])} |"


def _code(text: str) -> str:
    """Return a text as code in which nothing is markup, a mention or a link."""
    safe = "".join(c if c.isalnum() or c in " .,;%()/+-" else f"&#{ord(c)};" for c in plain(text))
    return f"<code>{safe}</code>" if safe else ""


def as_json(report: Report) -> str:
    """Return all findings as JSON; what is missing is null."""
    return json.dumps(
        {
            "passed": not report.failures,
            "level": report.level,
            "notes": [plain(n) for n in report.notes],
            "findings": [_fields(f, report) for f in report.findings],
        },
        ensure_ascii=False, indent=1, allow_nan=False,
    ) + "\n"  # fmt: skip


def _fields(f: Finding, report: Report) -> dict[str, Any]:
    teacher, student, language = f.group.first.place
    return {
        "outcome": f.outcome, "failed": f.outcome in report.failing,
        "teacher": plain(teacher), "student": plain(student), "language": f.language,
        "metric": f.metric.name if f.metric else None,
        "before": f.moved.before if f.moved else None,
        "after": f.moved.after if f.moved else None,
        "change": f.metric.sign * f.moved.better if f.metric and f.moved else None,
        "scale": None if not f.metric else "log" if f.metric.ratio else "difference",
        "stderr": f.stderr, "p_holm": f.p,
        "tolerance": f.metric.tolerance if f.metric else None,
        "condition": plain(f.group.condition), "seeds": list(f.group.seeds),
        "candidate_seeds": list(f.after.seeds) if f.after else [],
        "revision": plain(f.group.first.revision),
        "candidate_revision": plain(f.after.first.revision) if f.after else None,
        "changes": [[plain(part) for part in change] for change in f.changes], "why": why(f),
    }  # fmt: skip
