"""What lm-eval's own tasks, groups and tags are called, and where their YAMLs lie.

A scan of lm-eval's folder (`yaml_names`), kept in the user's cache.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from functools import cache
from pathlib import Path

from polyglot_harness.errors import StoreError
from polyglot_harness.lm.yaml_names import Name, scan
from polyglot_harness.spec import digest

FORMAT = 1
"""Of the cached file; another number, another file."""


@cache
def builtin_root() -> Path:
    """Return the folder of lm-eval's YAMLs, found without importing lm-eval."""
    found = importlib.util.find_spec("lm_eval")
    if found is None or not found.origin:  # pragma: no cover - a core dependency
        raise ModuleNotFoundError("lm_eval")
    return Path(found.origin).parent / "tasks"


@cache
def _version() -> str:
    return importlib.metadata.version("lm_eval")


def cache_file() -> Path:
    """Return where the names are kept: one file for each version and place of lm-eval."""
    from polyglot_harness.models import home_folder

    key = digest([FORMAT, _version(), str(builtin_root())])[:12]
    return home_folder() / "lm_eval_names" / f"{_version()}-{key}.json"


def builtin_names(*, fresh: bool = False) -> dict[str, Name]:
    """Return every name that lm-eval's own index knows, with the same kind, file and members.

    Args:
        fresh: Scan again, for an lm-eval whose files were changed in place.

    A cache that is missing or damaged is made anew; one that cannot be written is done without.
    """
    file = cache_file()
    if fresh or file not in _known:
        found = None if fresh else _read(file)
        _known[file] = _write(file, scan(builtin_root())) if found is None else found
    return _known[file]


_known: dict[Path, dict[str, Name]] = {}


def _read(file: Path) -> dict[str, Name] | None:
    try:
        kept = json.loads(file.read_bytes())
        root, shots = f"{builtin_root()}/", kept["shots"]
        names = {tag: Name("tag", None, tuple(members)) for tag, members in kept["tags"].items()}
        names |= {name: Name("group", root + path) for name, path in kept["groups"].items()}
        names |= {
            name: Name("task", root + path, (), shots.get(name))
            for name, path in kept["tasks"].items()
        }
    except (OSError, LookupError, ValueError, TypeError, AttributeError):
        return None
    return names


def _write(file: Path, names: dict[str, Name]) -> dict[str, Name]:
    from polyglot_harness.store import write_atomically

    start = len(str(builtin_root())) + 1

    def paths(kind: str) -> dict[str, str]:
        return {name: n.path[start:] for name, n in names.items() if n.path and n.kind == kind}

    kept = {
        "tasks": paths("task"),
        "groups": paths("group"),
        "tags": {name: n.members for name, n in names.items() if n.kind == "tag"},
        "shots": {name: n.num_fewshot for name, n in names.items() if n.num_fewshot is not None},
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(kept))
    except (OSError, StoreError):
        pass
    return names
