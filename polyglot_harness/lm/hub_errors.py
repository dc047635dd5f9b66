"""Why a data set could not be loaded, in one line that says what to do."""

from __future__ import annotations

import re
from pathlib import Path

from polyglot_harness.errors import first_line

OFFLINE = "--offline_data DIR reads a mirror (docs/offline-data.md)"
UNREACHABLE = (
    "Couldn't reach", "Couldn't find cache", "offline mode", "Connect", "Timeout", "timed out",
)  # fmt: skip


def one_line(
    error: BaseException,
    path: str,
    config: str | None = None,
    revision: str = "",
    folder: Path | None = None,
    note: str = "",
) -> str:
    """Explain an error of ``datasets.load_dataset``.

    Args:
        error: What it raised.
        path: Name of the data set.
        config: Its configuration.
        revision: The revision that was asked for.
        folder: Where it lies in the mirror; None for the hub.
        note: What is known of the data set.
    """
    names = [type(e).__name__ for e in _chain(error)]
    text = " ".join(str(e) for e in _chain(error))
    where = f"data set {path}" + (f" (mirror: {folder})" if folder else "")
    configs = re.search(r"(?:Available|available configs): \[([^\]]*)\]", text)
    if "scripts are no longer supported" in text:
        why = "it is a loading script, which datasets 4 and newer do not run"
        return f"{where}: {why}{'; ' + note if note else ''}"
    if configs:
        valid = configs[1].replace("'", "")
        what = f"no configuration {config!r}" if config else "a configuration is needed"
        return f"{where}: {what}; valid: {valid}"
    if folder:
        return f"{where}: cannot be read: {_reason(error)}"
    if "GatedRepoError" in names or "gated" in text:
        return (
            f"{where}: gated: accept its terms at https://huggingface.co/datasets/{path} and log "
            f"in (hf auth login); {OFFLINE}"
        )
    if "RevisionNotFoundError" in names:
        return f"{where}: the hub has no revision {revision}"
    if "DatasetNotFoundError" in names:
        return f"{where}: not on the hub, or private: check the name, or log in (hf auth login)"
    if any(sign in f"{' '.join(names)} {text}" for sign in UNREACHABLE):
        return f"{where}: the hub cannot be reached, and it is not in the cache; {OFFLINE}"
    return f"{where}: cannot be loaded: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """Name the error, or the one under it where it only says that data could not be made."""
    found = [e for e in _chain(error) if not type(e).__name__.startswith("DatasetGeneration")]
    cause = found[0] if found else error
    return f"{type(cause).__name__}: {first_line(cause)}"


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found
