"""Which files a pack may hold: data in text form, of bounded size, inside of the folder."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from polyglot_harness.errors import ConfigError
from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.limits import (
    CONFIG_BYTES,
    FILE_BYTES,
    FOLDER_BYTES,
    FOLDER_DEPTH,
    FOLDER_FILES,
    MIB,
)

_HARMLESS = (".gitignore", ".gitkeep", ".gitattributes")
_NAME = re.compile(r"[\w][\w.+-]*", re.ASCII)
_TEMPLATE = re.compile(r"_\w+_yaml", re.ASCII)
_PYTHON = (".py", ".pyc", ".pyo", ".pyi", ".so", ".pyd")


class Entry(NamedTuple):
    """A regular file that may be read."""

    path: Path
    kind: str
    """``.yaml``, ``.toml``, ``.jsonl`` or ``.md``, also for files without suffix."""


def walk(root: Path) -> Iterator[os.DirEntry[str]]:
    """Yield all that is below a folder, in order, links not followed, git's own folder left out."""
    rest = [(str(root), 0)]
    seen = 0
    while rest:
        folder, depth = rest.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be read: {error.strerror}") from None
        for entry in entries:
            if depth == 0 and entry.name == ".git" and not _read_in_git(entry):
                continue
            seen += 1
            yield entry
            # the first file too many has been told of
            if seen > FOLDER_FILES:
                return
            # names that must not be printed are told of; what is below them would be printed, too
            if not is_plain(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False) and depth < FOLDER_DEPTH:
                rest.append((entry.path, depth + 1))


def is_plain(name: str) -> bool:
    """Whether a name can be printed as it is."""
    return bool(_NAME.fullmatch(name)) or name in _HARMLESS


def _read_in_git(git: os.DirEntry[str]) -> bool:
    """Whether git's own folder holds what would be read: tasks are looked for everywhere."""
    below = os.walk(git.path) if git.is_dir(follow_symlinks=False) else ()
    return any(name.endswith((".yaml", ".toml")) for _, _, names in below for name in names)


def sort_files(root: Path) -> tuple[list[Entry], list[Finding]]:
    """Return the files that may be read, and what is wrong with the others."""
    entries: list[Entry] = []
    findings: list[Finding] = []
    size = settings = 0
    for number, item in enumerate(walk(root), 1):
        path = Path(item.path)
        if number > FOLDER_FILES:
            findings.append(Finding(root, 0, f"more than {FOLDER_FILES} files", "keep fewer"))
        try:
            status = item.stat(follow_symlinks=False)
        except OSError as error:
            findings.append(Finding(path, 0, f"cannot be read: {error.strerror}", "take it out"))
            continue
        size += status.st_size if stat.S_ISREG(status.st_mode) else 0
        settings += status.st_size if kind_of(path) in (".yaml", ".toml") else 0
        if wrong := _wrong(root, path, status):
            findings.append(wrong)
        elif stat.S_ISREG(status.st_mode) and item.name not in _HARMLESS:
            entries.append(Entry(path, kind_of(path) or ""))
    if size > FOLDER_BYTES:
        problem = f"{size // MIB} MiB in all, more than {FOLDER_BYTES // MIB}"
        findings.append(Finding(root, 0, problem, "keep less"))
    if settings > CONFIG_BYTES:
        problem = f"more than {CONFIG_BYTES // MIB} MiB of YAML and TOML in all"
        findings.append(Finding(root, 0, problem, "keep less"))
    return entries, findings


def kind_of(path: Path) -> str | None:
    """Return how a file is to be read; None if a pack does not hold such files."""
    if path.suffix in FILE_BYTES:
        return path.suffix
    if path.suffix == "" and _TEMPLATE.fullmatch(path.name):
        return ".yaml"
    return ".md" if re.fullmatch(r"(LICEN[CS]E|NOTICE|COPYING)(\.txt)?", path.name) else None


def _wrong(root: Path, path: Path, status: os.stat_result) -> Finding | None:
    """Say what is wrong with an entry of a folder, going by its name and status alone."""
    name, mode = path.name, status.st_mode
    if not is_plain(name):
        hidden = name.startswith(".")
        what = f"{'hidden file' if hidden else 'name'} {clip(name)}"
        remedy = "take it out" if hidden else "use letters, digits, '-', '_' and '.' of ASCII"
        # the name itself may hold what must not be printed
        return Finding(path.parent, 0, what, remedy)
    if stat.S_ISLNK(mode):
        return Finding(path, 0, "a link may lead anywhere", "copy what it leads to")
    if stat.S_ISDIR(mode):
        if name == "__pycache__":
            return Finding(path, 0, "compiled Python", "take it out", code=True)
        if path.suffix in FILE_BYTES:
            return Finding(path, 0, "a folder with the name of a file", "rename it")
        if len(path.relative_to(root).parts) > FOLDER_DEPTH:
            return Finding(path, 0, f"more than {FOLDER_DEPTH} folders deep", "move it up")
        return None
    if not stat.S_ISREG(mode):
        return Finding(path, 0, "no regular file", "take it out")
    if path.suffix in _PYTHON:
        remedy = "a pack is data only: take it out"
        return Finding(path, 0, "Python runs when a task names it", remedy, code=True)
    if path.suffix == ".yml":
        return Finding(path, 0, "lm-eval does not read .yml", "rename it to .yaml")
    kind = kind_of(path)
    if kind is None:
        remedy = f"keep {', '.join(FILE_BYTES)}, templates named _*_yaml and LICENSE"
        # such a file is not read by anything; what trusted code reads is its own affair
        return Finding(path, 0, "a kind of file that packs do not hold", remedy, code=True)
    if os.name == "posix" and mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
        return Finding(path, 0, "an executable file", f"chmod -x {name}")
    if status.st_size > FILE_BYTES[kind]:
        problem = f"{status.st_size} bytes, more than {FILE_BYTES[kind]}"
        return Finding(path, 0, problem, "make it smaller")
    return None
