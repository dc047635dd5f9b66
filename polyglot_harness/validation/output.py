"""Reports as text, as JSON, and as annotations of GitHub Actions."""

from __future__ import annotations

import json
from pathlib import Path

from polyglot_harness.safety import Finding
from polyglot_harness.validation import Report

_KEPT = "\u200c\u200d\u00a0\u3000\u200e\u200f\u061c"
"""Joiners, marks and spaces, which texts of languages need."""


def show(report: Report, form: str) -> None:
    """Print a report on standard output.

    Args:
        report: What was found.
        form: ``text``, ``json`` or ``github``.
    """
    text = {"text": as_text, "json": as_json, "github": as_github}[form](report)
    # paths and messages may hold what a terminal would act on, or cannot print
    print("\n".join(map(_printable, text.split("\n"))))  # noqa: T201


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() or c in _KEPT else json.dumps(c)[1:-1] for c in line)


def as_text(report: Report) -> str:
    """Return a line for each finding, then what each pack covers, then a summary."""
    lines = [f"{_where(f)}: {f.level}: {f.problem}; {f.remedy}" for f in report.findings]
    for pack in report.packs:
        away = f"; {len(pack.not_built)} not built: they need hub data" if pack.not_built else ""
        lines.append(f"{pack.code}: {pack.tasks} tasks, {pack.built} built{away}")
        missing = {what: why for what, why in pack.coverage.items() if why}
        lines += [f"{pack.code}: cannot be measured: {w}: {why}" for w, why in missing.items()]
    return "\n".join([*lines, _summary(report)])


def as_json(report: Report) -> str:
    """Return all of it as one JSON object."""
    return json.dumps({
        "findings": [
            {"path": _shown(f.path), "line": f.line, "level": f.level, "problem": f.problem,
             "remedy": f.remedy} for f in report.findings
        ],
        "packs": [
            {"code": p.code, "folder": _shown(p.folder), "tasks": p.tasks, "built": p.built,
             "not_built": list(p.not_built), "coverage": p.coverage} for p in report.packs
        ],
    }, ensure_ascii=False, indent=1)  # fmt: skip


def as_github(report: Report) -> str:
    """Return a workflow command for each finding, which GitHub shows beside the line."""
    lines = [
        f"::{f.level} file={_property(_shown(f.path))},line={max(f.line, 1)}::"
        f"{_data(f'{f.problem}; {f.remedy}')}"
        for f in report.findings
    ]
    return "\n".join([*lines, _summary(report)])


def _summary(report: Report) -> str:
    errors = len(report.errors)
    warnings = len(report.findings) - errors
    counts = ((len(report.packs), "pack"), (errors, "error"), (warnings, "warning"))
    packs, *rest = (f"{number} {what}{'' if number == 1 else 's'}" for number, what in counts)
    return f"{packs}: {', '.join(rest)}"


def _where(finding: Finding) -> str:
    return f"{_shown(finding.path)}:{finding.line}" if finding.line else _shown(finding.path)


def _shown(path: Path) -> str:
    """Return a path as seen from here, as GitHub wants it, if it is below."""
    full = path if path.is_absolute() else Path.cwd() / path
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(path)


def _data(text: str) -> str:
    """Escape the message of a workflow command: a stranger's text could begin another one."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
