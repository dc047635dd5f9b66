"""Results files on disk: their place, their bytes, and the digest that guards them.

A file is JSON with one row a line, so that it diffs well, and without fields at their defaults. Its
``sha256`` is that of its bytes with 64 zeros in the place of the digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from pydantic import ValidationError

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.files import explain
from polyglot_harness.leaderboard.migrations import migrated
from polyglot_harness.leaderboard.records import SCHEMA_VERSION, Accuracies, ResultsFile
from polyglot_harness.scoring.items import FloatArray
from polyglot_harness.spec import digest

RESULTS = "results"
"""Folder of the results files in a run folder, and in a leaderboard."""
MARKS = ("run.json", "leaderboard.json", "LEADERBOARD.md")
"""What a folder holds that has its results files in the folder `RESULTS`."""
REMEDY = "write it anew from its run: polyglot-harness leaderboard build RUN --replace"
NO_DIGEST = "0" * 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._@+-]+")
# names of devices, which Windows cannot have as files
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MOST = 100
"""Characters of a part of a path."""


def results_path(file: ResultsFile) -> Path:
    """Return ``<teacher>/<revision>/<student>/<language>.json``, to be put below a root.

    A student of a pinned revision is ``<student>@<revision>``.
    """
    student = file.student
    taught = f"{student.name}@{student.revision}" if student.revision else student.name
    parts = [_safe(part) for part in (file.teacher.name, file.teacher.revision, taught)]
    return Path(*parts, f"{file.language}.json")


def _safe(name: str) -> str:
    """Return a name as a part of a path; one that had to be changed gets a digest of its own."""
    safe = _UNSAFE.sub("-", name)[:_MOST].strip(".-")
    if safe == name and not _DEVICE.fullmatch(name):
        return name
    return f"{safe}-{digest(name)[:8]}".lstrip("-")


def file_text(file: ResultsFile) -> str:
    """Return the text of a results file, with its digest.

    Raises:
        StoreError: If a number in it is NaN or infinite.
    """
    bare = file.model_copy(update={"rows": (), "sha256": NO_DIGEST})
    fields = {
        "schema_version": SCHEMA_VERSION,
        **bare.model_dump(exclude_defaults=True),
    }
    head = _json({**fields, "rows": []}, file)
    rows = ",\n".join(_json(row.model_dump(exclude_defaults=True), file) for row in
                      sorted(file.rows, key=lambda row: row.signature))  # fmt: skip
    text = f"{head.removesuffix(']}')}\n{rows}\n]}}\n"
    return text.replace(NO_DIGEST, hashlib.sha256(text.encode()).hexdigest(), 1)


def _json(data: dict[str, Any], file: ResultsFile) -> str:
    try:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        who = f"{file.teacher.name}, {file.student.name}, {file.language}"
        raise StoreError(
            f"results of {who}: a number is NaN or infinite; missing is None"
        ) from None


def read_file(path: Path) -> ResultsFile:
    """Read a results file.

    Raises:
        ConfigError: If there is none.
        StoreError: If it is damaged, edited by hand, of an unknown schema, or no results file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        file = ResultsFile.model_validate_json(data)
    except ValidationError as error:
        file = _older(path, data, error)
    written = file.sha256.encode()
    if hashlib.sha256(data.replace(written, NO_DIGEST.encode(), 1)).hexdigest() != file.sha256:
        raise StoreError(
            f"{path}: sha256 does not fit what is in it: it was edited or reformatted; {REMEDY}"
        )
    return file


def _older(path: Path, data: bytes, error: ValidationError) -> ResultsFile:
    """Read a file of an older schema, or say what is wrong with it."""
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as bad:
        raise StoreError(f"{path}: cut short or damaged ({bad}); {REMEDY}") from None
    if isinstance(content, dict) and "scores" in content:
        raise StoreError(f"{path}: a run's leaderboard, no results file; name the run's folder")
    if not isinstance(content, dict) or "rows" not in content or "teacher" not in content:
        raise StoreError(f"{path}: not a results file; take it out of the folder")
    if content.get("schema_version") == SCHEMA_VERSION:
        _refuse(path, error)
    try:
        return ResultsFile.model_validate_json(json.dumps(migrated("results", content, path)))
    except ValidationError as bad:
        _refuse(path, bad)


def _refuse(path: Path, error: ValidationError) -> NoReturn:
    raise StoreError(f"{path}: {explain(error)}; {REMEDY}") from None


def read_files(path: Path) -> Iterator[tuple[Path, ResultsFile]]:
    """Yield (path, content) of results files, in sorted order.

    Args:
        path: One file, a folder of them, a run folder or a leaderboard.

    Raises:
        ConfigError: If there is none.
        StoreError: As `read_file`; and if a file of a folder is not where it belongs.
    """
    root, paths = find_files(path)
    for found in paths:
        yield found, read_in(root, found)


def read_in(root: Path, path: Path) -> ResultsFile:
    """Read a file below a root and check its place; the root itself may be a file, anywhere."""
    file = read_file(path)
    if path != root:
        check_place(root, path, file)
    return file


def check_place(root: Path, path: Path, file: ResultsFile) -> None:
    """Raise StoreError if a file is not where its content belongs.

    The root may also be a part of a larger one, e.g. the folder of one teacher.
    """
    where, place = below(root, path), str(results_path(file))
    if where == place:
        return
    inside = place.endswith(os.sep + where) and str(path.resolve()).endswith(os.sep + place)
    if not inside:
        raise StoreError(f"{path}: its content belongs to {place} below {root}; move it there")


def below(root: Path, path: Path) -> str:
    """Return the part of a path below its root; a root has ``.`` below itself."""
    # Path.relative_to takes seconds for a hundred thousand files
    return "." if path == root else str(path).removeprefix(f"{root}{os.sep}")


def find_files(path: Path) -> tuple[Path, list[Path]]:
    """Return the root of results files and their paths, sorted; a single file is its own root.

    Raises:
        ConfigError: If there is none.
    """
    if path.is_file():
        return path, [path]
    if not path.is_dir():
        raise ConfigError(f"{path}: no such file or folder")
    root = path / RESULTS if any((path / mark).is_file() for mark in MARKS) else path
    paths = sorted(json_files(root))
    if not paths:
        advice = "make them with: polyglot-harness score RUN, or leaderboard build RUN"
        raise ConfigError(f"{root}: no results files in it; {advice}")
    return root, paths


def json_files(root: Path) -> Iterator[Path]:
    """Yield what may be results files below a folder; names with a dot in front are passed over."""
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            if name.endswith(".json") and not name.startswith("."):
                yield Path(folder, name)


def decode(accuracies: Accuracies) -> FloatArray:
    """Return stored accuracies as an array, one an item."""
    if isinstance(accuracies, str):
        return (np.frombuffer(accuracies.encode(), dtype=np.uint8) - 48.0).astype(np.float64)
    return np.array(accuracies, dtype=np.float64)


def encode(values: Iterable[float] | Sequence[float] | FloatArray) -> Accuracies:
    """Return accuracies as they are stored: text where each is 0 or 1."""
    numbers = tuple(float(value) for value in values)
    if numbers and all(value in (0.0, 1.0) for value in numbers):
        return "".join("1" if value else "0" for value in numbers)
    return numbers
