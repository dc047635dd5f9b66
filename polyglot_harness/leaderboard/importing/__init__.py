"""Results of other programs as rows of record, with where they come from, and audited.

What a foreign file does not say stays unknown: it is never filled in. Its rows carry a signature of
their own (``source:...``), so that they are ranked only among their like.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polyglot_harness.errors import unknown_name
from polyglot_harness.leaderboard.records import ResultsFile
from polyglot_harness.leaderboard.tables import Grid

FORMATS = {
    "polyglot-teachers": "polyglot_teachers",
    "lm-eval": "lm_eval",
    "lighteval": "lighteval",
}
"""Format -> module here, whose `read` takes a `Request`."""


@dataclass(frozen=True)
class Request:
    """What is to be imported, and what the files themselves do not say."""

    files: tuple[Path, ...]
    teacher: str = ""
    revision: str = "unknown"
    """Of the teacher."""
    student: str = ""
    language: str = ""
    base: tuple[Path, ...] = ()
    """Results of the untrained student."""
    reference: tuple[Path, ...] = ()
    tasks: tuple[str, ...] = ()
    """Those to be read; () for all."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Task, or "" for all others, -> metric."""
    seed: int | None = None
    """Of the student's training."""
    include_path: str | None = None
    """Further language packs."""


@dataclass(frozen=True)
class Imported:
    """Results of record, and what is to be said of them."""

    files: tuple[ResultsFile, ...]
    notes: tuple[str, ...] = ()
    tables: tuple[Grid, ...] = ()


def read(name: str, request: Request) -> Imported:
    """Read foreign files.

    Args:
        name: Of `FORMATS`.
        request: The files, and what is said of them.

    Raises:
        ConfigError: If the format is unknown, or a file is not of it, is damaged or contradicts
            itself or another one.
    """
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    module = importlib.import_module(f"{__name__}.{FORMATS[name]}")
    reader: Callable[[Request], Imported] = module.read
    return reader(request)
