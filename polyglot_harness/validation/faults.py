"""Findings of what other parts of the harness complain about."""

from __future__ import annotations

import re
from pathlib import Path

from polyglot_harness.errors import HarnessError
from polyglot_harness.safety.finding import Finding

_PLACE = re.compile(r"(?P<path>[^:\n]+?)(?:, line (?P<line>\d+)|:(?P<at>\d+))?: (?P<rest>.+)", re.S)


def finding_of(error: HarnessError, path: Path, remedy: str = "mend it") -> Finding:
    """Return an error as a finding: its message begins with a file, and ends with what to do.

    Args:
        error: E.g. ``tasks/xx/pack.toml: unknown field 'colour'``.
        path: The file or folder to name where the message names none.
        remedy: What to do where the message does not say.
    """
    text, line = " ".join(str(error).split()), 0
    found = _PLACE.match(text)
    if found and Path(found["path"]).exists():
        path, text = Path(found["path"]), found["rest"]
        line = int(found["line"] or found["at"] or 0)
    problem, _, advice = text.partition("; ")
    return Finding(path, line, problem, advice or remedy)
