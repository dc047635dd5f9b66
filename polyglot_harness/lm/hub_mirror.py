"""A folder that stands for the hub: ``DIR/owner/name/`` holds the files of that data set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.hub_errors import one_line
from polyglot_harness.lm.hub_pins import current_name, pin
from polyglot_harness.spec import digest
from polyglot_harness.store import file_sha256

MIRROR_VARIABLE = "POLYGLOT_DATA"


def mirror() -> Path | None:
    """Return the folder that stands for the hub, if there is one."""
    folder = os.environ.get(MIRROR_VARIABLE)
    return Path(folder).expanduser().absolute() if folder else None


def use_mirror(folder: str | Path | None) -> None:
    """Let a folder stand for the hub in this process and those it starts; None changes nothing.

    Raises:
        ConfigError: If the folder, or the one that the environment names, does not exist.
    """
    if folder is not None:
        os.environ[MIRROR_VARIABLE] = str(Path(folder).expanduser().absolute())
    found = mirror()
    if found is not None and not found.is_dir():
        flag = MIRROR_VARIABLE if folder is None else "--offline_data"
        raise ConfigError(
            f"{flag}: {found} is no folder (see: polyglot-harness ls data --commands)"
        )


def mirrored(
    path: str, config: str | None, data_dir: str | None = None, data_files: Any = None
) -> tuple[Path, str]:
    """Find a data set in the mirror.

    Returns:
        Its folder, and a digest of its card and of the files that the configuration reads.

    Raises:
        ConfigError: If it is not there, has no such configuration, or its card cannot be read.
    """
    import datasets

    folder = _existing(path)
    try:
        builder = datasets.load_dataset_builder(
            str(folder),
            config,
            data_dir=data_dir,
            data_files=data_files,
            cache_dir=str(mirror_cache()),
        )
        files = builder.config.data_files or {}
        parts = [
            [str(split), os.path.relpath(name, folder), _sha256(name)]
            for split in sorted(files, key=str)
            for name in files[split]
        ]
    except Exception as error:  # of YAML, globs, formats: the library has no base class
        raise ConfigError(one_line(error, path, config, folder=folder)) from error
    card = folder / "README.md"
    return folder, digest([parts, _sha256(str(card)) if card.is_file() else ""])


def whole(path: str) -> str:
    """Return a digest of all files of a data set in the mirror.

    Raises:
        ConfigError: If it is not there.
    """
    folder = _existing(path)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [(file, file.relative_to(folder)) for file in files]
    # what `hf download` and git note down for themselves is hidden
    shown = [(file, name) for file, name in names if not any(p[0] == "." for p in name.parts)]
    return digest([[name.as_posix(), _sha256(str(file))] for file, name in shown])


def places(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those arguments of ``load_dataset`` that choose files."""
    return {key: options.get(key) for key in ("data_dir", "data_files")}


def _existing(path: str) -> Path:
    folder = folder_of(path)
    if not folder.is_dir():
        raise ConfigError(
            f"data set {path}: not in the mirror: no folder {folder}; fill it where there is a "
            f"network: {download_command(path)}"
        )
    return folder


def folder_of(path: str) -> Path:
    """Return where a data set lies in the mirror; a folder under its old name is taken, too."""
    root = mirror()
    assert root is not None
    old = root / path
    return old if old.is_dir() else root / current_name(path)


def download_command(path: str, revision: str = "", root: str = "") -> str:
    """Return the command that fills the mirror with a data set."""
    name = current_name(path)
    revision = revision or pin(path).revision
    at = f" --revision {revision}" if revision else ""
    folder = f"{root or mirror()}/{name}"
    return f'hf download {name} --repo-type dataset{at} --local-dir "{folder}"'


def mirror_cache() -> Path:
    """Return where the library keeps what it reads from mirrors."""
    import datasets

    return Path(datasets.config.HF_DATASETS_CACHE) / "polyglot_mirror"


def _sha256(name: str) -> str:
    state = Path(name).stat()
    return _sha256_of(name, state.st_size, state.st_mtime_ns)


@cache
def _sha256_of(name: str, size: int, mtime: int) -> str:
    return file_sha256(Path(name))
