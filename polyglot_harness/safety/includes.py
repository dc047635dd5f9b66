"""``include``: templates of the same folder, or beside the packs; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from polyglot_harness.assets import PACKAGE, tasks_path
from polyglot_harness.safety.files import kind_of
from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.limits import INCLUDE_DEPTH
from polyglot_harness.safety.yamls import plain

_BESIDE = "include a template of this folder, or ../_NAME_yaml beside the packs"


def include_findings(
    root: Path, path: Path, node: yaml.MappingNode
) -> tuple[list[Path], list[Path], list[Finding]]:
    """Check what a YAML includes.

    Args:
        root: The folder that is looked at.
        path: The YAML.
        node: What it holds.

    Returns:
        Included files, those of them outside of `root`, to be looked at, and what is wrong.
    """
    included, outside, found = [], [], []
    for key, value in node.value:
        if key.value != "include":
            continue
        for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            line = part.start_mark.line + 1
            name = plain(part)
            target = _target(path, name)
            if target is None:
                found.append(Finding(path, line, f"include {clip(name)} is elsewhere", _BESIDE,
                                     code=True))  # fmt: skip
            elif target.is_symlink():
                problem = f"include {clip(name)} is a link"
                found.append(Finding(path, line, problem, "copy what it leads to"))
            elif not target.is_file():
                remedy = f"cp $(polyglot-harness tasks-path)/_*yaml {target.parent}"
                found.append(Finding(path, line, f"included file {clip(name)} is missing", remedy))
            else:
                included.append(target.resolve())
                if target.parent.resolve().is_relative_to(root.resolve()):
                    continue
                outside.append(target)
                found += _shadows(target)
    return included, outside, found


def _target(path: Path, name: object) -> Path | None:
    """Return the file that an include names; None if it may not be named."""
    if not isinstance(name, str) or "\0" in name or "\\" in name or name.startswith(("/", "~")):
        return None
    parts = name.split("/")
    up = parts[0] == ".."
    if any(part in ("", ".", "..") for part in parts[up:]) or not parts[up:]:
        return None
    if up and (len(parts) != 2 or not parts[1].startswith("_")):
        return None
    target = path.resolve().parent.parent / parts[1] if up else path.parent / name
    return target if kind_of(target) == ".yaml" else None


def _shadows(template: Path) -> list[Finding]:
    """Find Python that lm-eval would take for ours: it looks beside the template first."""
    folder = template.parent / PACKAGE.name
    if not folder.exists() or folder.resolve() == PACKAGE:
        return []
    return [Finding(folder, 0, "Python that stands in for this package", "take it out", code=True)]


def is_shared(path: Path) -> bool:
    """Whether a file is byte for byte the shared one of its name."""
    return path.read_bytes() == _shared(path.name)


@cache
def _shared(name: str) -> bytes:
    return (tasks_path() / name).read_bytes()


def depth_findings(included: Mapping[Path, Sequence[Path]]) -> Iterator[Finding]:
    """Yield files that include one another in a circle, or in too long a row.

    Args:
        included: File -> what it includes.
    """
    depths: dict[Path, int] = {}
    waiting = {path: set(targets) & included.keys() for path, targets in included.items()}
    # from the leaves up; what never gets its turn is in a circle, or leads to one
    while ready := [path for path, targets in waiting.items() if not targets]:
        for path in ready:
            depths[path] = 1 + max((depths.get(t, 0) for t in included[path]), default=0)
            del waiting[path]
        for targets in waiting.values():
            targets.difference_update(ready)
        if max(depths.values()) > INCLUDE_DEPTH:
            problem = f"more than {INCLUDE_DEPTH} files that include one another"
            yield Finding(max(depths, key=lambda path: depths[path]), 0, problem, "include fewer")
            return
    for path in sorted(waiting)[:1]:
        yield Finding(path, 0, "files that include one another in a circle", "break it up")
