"""Older schemas, brought to the present one by numbered steps: 1 -> 2 -> ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from polyglot_harness.errors import StoreError
from polyglot_harness.leaderboard.records import SCHEMA_VERSION

Kind = Literal["leaderboard", "results"]
Step = Callable[[dict[str, Any]], dict[str, Any]]
NO_INTERVALS = "none: it was written before there were intervals (schema 1); score the run again"


def _leaderboard_2(data: dict[str, Any]) -> dict[str, Any]:
    """Add what schema 2 says of uncertainty; what was not measured stays unknown."""
    ranking = {"aggregate": "mean", "pairs": [], "uncertainty": NO_INTERVALS, **data["ranking"]}
    return {**data, "ranking": ranking}


STEPS: Mapping[Kind, Mapping[int, Step]] = {
    "leaderboard": {1: _leaderboard_2},
    # there were no results files before schema 2
    "results": {},
}
"""Kind of file -> version -> step to the next version."""


def migrated(kind: Kind, data: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the content of a file in the present schema.

    Args:
        kind: Which schema.
        data: The content, of any version.
        path: For errors.

    Raises:
        StoreError: If the version is none that can be read, or a step fails.
    """
    version = data.get("schema_version")
    while version != SCHEMA_VERSION:
        if not isinstance(version, int) or version not in STEPS[kind]:
            raise StoreError(f"{path}: {_unreadable(kind, version)}")
        try:
            data = STEPS[kind][version](data)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise StoreError(f"{path}: not of schema {version} as it says ({error})") from None
        version += 1
        data = {**data, "schema_version": version}
    return data


def _unreadable(kind: Kind, version: Any) -> str:
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return f"schema_version {version} is of a later polyglot-harness: update it to read this"
    valid = ", ".join(str(v) for v in (*STEPS[kind], SCHEMA_VERSION))
    return f"schema_version is {version!r:.40}; valid: {valid}"
