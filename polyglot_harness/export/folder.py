"""The data set as a folder: ``README.md`` and ``data/<language>/<teacher>.<form>``."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.export.card import TAG, dataset_card
from polyglot_harness.export.collect import Selection
from polyglot_harness.export.rows import FORMS, rows
from polyglot_harness.spec import digest
from polyglot_harness.store import disk_errors

CARD = "README.md"
_OURS = re.compile(rf"{re.escape(CARD)}|data/[a-z]{{2}}/[^/]+\.({'|'.join(FORMS)})")


@dataclass(frozen=True)
class DataFile:
    """One file of the data set."""

    language: str
    teacher: str
    path: str
    """Within the data set, with ``/``."""
    rows: int


def write_dataset(folder: Path, selection: Selection, form: str, name: str) -> list[DataFile]:
    """Write data files and card into an empty folder.

    Args:
        folder: Where.
        selection: What.
        form: ``parquet`` or ``jsonl``.
        name: What ``load_dataset`` is given in the card's example.

    Returns:
        The data files; a teacher has none in a language where nothing of it was accepted.

    Raises:
        StageError: If nothing was accepted.
        OSError: If the disk is full or not writable.
    """
    stems = _stems([teacher.name for teacher in selection.spec.teachers])
    files = []
    for (code, teacher), parts in groupby(
        selection.parts, key=lambda part: (part.pack.code, part.teacher.name)
    ):
        path = folder / "data" / code / f"{stems[teacher]}.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        count = FORMS[form](path, rows(parts))
        if count:
            files.append(DataFile(code, teacher, path.relative_to(folder).as_posix(), count))
        else:
            path.unlink()
    if not files and selection.where:
        raise StageError(
            f"nothing to export: none of {selection.accepted} examples fulfils {selection.where}"
        )
    if not files:
        raise StageError(
            "nothing to export: no example was accepted; the reasons are in the rejections.jsonl "
            "of each generate stage"
        )
    per_language = {f.language: 0 for f in files}
    for file in files:
        per_language[file.language] += file.rows
    (folder / CARD).write_text(dataset_card(selection, per_language, form, name), encoding="utf-8")
    return files


@contextmanager
def in_place_of(dest: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `dest` at the end, whole or not at all.

    Args:
        dest: What the folder becomes. It may be there if it is empty.
        overwrite: It may also hold an earlier export, which is replaced.

    Raises:
        ConfigError: If `dest` holds anything else, or is a file.
        StoreError: If the disk is full or not writable.
    """
    dest = dest.resolve()
    _check_free(dest, overwrite)
    with disk_errors(dest):
        dest.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{dest.name}.", dir=dest.parent) as temporary:
            made = Path(temporary, "new")
            made.mkdir()
            yield made
            if dest.exists():
                dest.rename(Path(temporary, "old"))
            made.rename(dest)


def _check_free(dest: Path, overwrite: bool) -> None:
    if dest.exists() and not dest.is_dir():
        raise ConfigError(f"--dest {dest}: is a file, not a folder")
    if dest.is_mount():
        raise ConfigError(f"--dest {dest}: is a mount point; choose a folder below it")
    there = sorted(p.relative_to(dest).as_posix() for p in dest.rglob("*") if not p.is_dir())
    if not there:
        return
    foreign = [name for name in there if not _OURS.fullmatch(name)]
    if foreign or not _has_our_card(dest):
        raise ConfigError(
            f"--dest {dest}: holds files that are not of an export ({(foreign or there)[0]}, ...); "
            "choose another folder"
        )
    if not overwrite:
        raise ConfigError(f"--dest {dest}: holds an export; give --overwrite to replace it")


def _has_our_card(dest: Path) -> bool:
    card = dest / CARD
    return card.is_file() and f"- {TAG}\n" in card.read_text(encoding="utf-8", errors="replace")


def _stems(names: list[str]) -> dict[str, str]:
    """Return a file name for each teacher; two of them never share one."""
    stems: dict[str, str] = {}
    for name in names:
        # datasets passes over files whose name begins with a dot or two underscores
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:80]
        clash = not stem or stem.lower() in {s.lower() for s in stems.values()}
        stems[name] = f"{stem}-{digest(name)[:8]}".lstrip("-") if clash else stem
    return stems
