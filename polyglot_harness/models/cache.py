"""Where pulled models lie, and the record that says what one is.

``MODEL.json`` is the last file written into a model folder; a folder without it, or with one that
does not match the catalog, counts as not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import platformdirs

from .catalog import ModelEntry
from .convert import CONVERTER_VERSION

__all__ = [
    "HOME_VARIABLE",
    "RECORD",
    "fsync",
    "home_folder",
    "is_complete",
    "model_folder",
    "model_revision",
    "revision",
    "sha256",
    "write_record",
]

RECORD = "MODEL.json"
"""Its origin, its revision, the digests of its files."""

HOME_VARIABLE = "POLYGLOT_HOME"


def home_folder(home: Path | None = None) -> Path:
    """Return the cache of the harness.

    Args:
        home: The folder to use; by default the environment variable ``POLYGLOT_HOME``, or else the
            user's cache folder of this platform.

    Returns:
        The folder, which need not exist.
    """
    chosen = (
        home or os.environ.get(HOME_VARIABLE) or platformdirs.user_cache_dir("polyglot-harness")
    )
    return Path(chosen).expanduser().absolute()


def revision(entry: ModelEntry) -> str:
    """Return what a pull of this entry gives: digest of the GGUF and version of the converter."""
    return f"{entry.gguf_sha256}+c{CONVERTER_VERSION}"


def model_folder(entry: ModelEntry, home: Path | None) -> Path:
    """Return where an entry belongs, there or not."""
    return home_folder(home) / "models" / entry.name


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and isinstance(record.get("files"), dict)
    return record if known and "revision" in record else None


def is_complete(folder: Path, entry: ModelEntry) -> bool:
    """Tell whether a folder holds the entry; sizes only, digests would take a second."""
    record = _read_record(folder)
    if record is None or record["revision"] != revision(entry):
        return False
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == facts["bytes"]
        for name, facts in record["files"].items()
    )


def model_revision(path: str | Path) -> str | None:
    """Return what identifies the content of a pulled model.

    Args:
        path: Its folder.

    Returns:
        The sha256 of the GGUF and the version of the converter, as ``<sha256>+c<version>``; None
        if the folder was not made by a pull.
    """
    record = _read_record(Path(path))
    return None if record is None else str(record["revision"])


def write_record(entry: ModelEntry, built: Path) -> None:
    """Write the record, after all other files are safely on disk."""
    files = {}
    for path in sorted(built.iterdir()):
        files[path.name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        fsync(path)
    record = {
        "name": entry.name,
        "revision": revision(entry),
        "gguf_sha256": entry.gguf_sha256,
        "converter": CONVERTER_VERSION,
        "packages": [f"{package.name}=={package.version}" for package in entry.packages],
        "hub": entry.hub,
        "licence": entry.licence,
        "files": files,
    }
    path = built / RECORD
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    fsync(path)
    fsync(built)


def sha256(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
