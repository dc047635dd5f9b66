"""Where the data folders lie: in the wheel under ``_assets``, in a checkout at its root."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


@cache
def assets_root() -> Path:
    """Return the folder that holds ``tasks/``, ``teachers/`` and ``leaderboard/``."""
    packed = PACKAGE / "_assets"
    return packed if packed.is_dir() else PACKAGE.parent


def tasks_path() -> Path:
    """Return the folder of the language packs, the one to give to lm-eval's ``--include_path``.

    The environment variable ``POLYGLOT_TASKS`` overrides it.
    """
    override = os.environ.get("POLYGLOT_TASKS")
    return Path(override).resolve() if override else assets_root() / "tasks"


def teachers_path() -> Path:
    """Return the folder of the teacher cards."""
    return assets_root() / "teachers"


def students_path() -> Path:
    """Return the folder of the student cards."""
    return PACKAGE / "data" / "students"


def recipes_path() -> Path:
    """Return the folder of the training recipes."""
    return PACKAGE / "data" / "recipes"
