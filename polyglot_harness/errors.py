"""The tree of errors; each leaf knows its exit status.

    HarnessError                1
    ├── ConfigError             2   a flag, a card, a pack or a recipe is wrong
    ├── MissingDependency       3   an optional package is not installed
    ├── StageError              4   a stage ran and failed
    ├── StoreError              5   files could not be written, or what they hold is damaged
    └── RegressionFound         6   the leaderboard check found a regression

The user sees the message as one line; ``--debug`` adds the traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "HarnessError",
    "MissingDependency",
    "RegressionFound",
    "StageError",
    "StoreError",
    "first_line",
    "unknown_name",
]


class HarnessError(Exception):
    """Any error that the harness raises on purpose."""

    exit_status = 1


class ConfigError(HarnessError):
    """What the user asked for is wrong or does not exist."""

    exit_status = 2


class MissingDependency(HarnessError):
    """A package that only some features need is not installed."""

    exit_status = 3

    def __init__(self, package: str, extra: str) -> None:
        """Name the package and the pip extra that brings it."""
        super().__init__(
            f"{package} is not installed; install it with: pip install 'polyglot-harness[{extra}]'"
        )


class StageError(HarnessError):
    """A stage of a cell failed; what it had finished is kept."""

    exit_status = 4


class StoreError(HarnessError):
    """A file of the store cannot be read or written."""

    exit_status = 5


class RegressionFound(HarnessError):
    """A guarded number became worse by more than tolerance and noise."""

    exit_status = 6


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> ConfigError:
    """Build the error for a name that is not registered.

    Args:
        kind: What the name stands for, e.g. ``"language"``.
        name: The unknown name.
        valid: All valid names; they are listed, the closest one first suggested.

    Returns:
        The error, for the caller to raise.
    """
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return ConfigError(f"unknown {kind} {name!r}{hint}; valid: {', '.join(names) or 'none'}")


def first_line(error: BaseException) -> str:
    """Return the first non-empty line of an error's message, or else its type's name."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
