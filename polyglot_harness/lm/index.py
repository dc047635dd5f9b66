"""Index only the lm-eval tasks that are asked for.

lm-eval parses its 13,986 YAMLs to find one. Here the packs' few are parsed and checked, lm-eval's
own are known by name (`builtin_names`), and only the files that are needed are read: those of the
names asked for, of the groups' children and the tags' members (benchmarks/task_index.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError, first_line
from polyglot_harness.lm.builtin_names import builtin_names
from polyglot_harness.lm.hub_data import hub_data, some
from polyglot_harness.lm.lazy_metrics import lazy_metrics
from polyglot_harness.lm.sandbox import sandbox_templates
from polyglot_harness.lm.task_configs import task_configs
from polyglot_harness.lm.yaml_config import Parsed, line_of, read_config, read_folder
from polyglot_harness.lm.yaml_names import Name, names

__all__ = ["load_tasks", "pack_names", "task_configs", "task_manager"]

_log = logging.getLogger(__name__)


def task_manager(
    tasks: Sequence[str],
    *,
    include_path: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Return a TaskManager that knows `tasks` and all that they are made of.

    A name of the include path wins over the same name of a pack, and that over lm-eval's, also
    where a group of lm-eval's names it; one warning says so. Templates are rendered in a sandbox
    from here on (`sandbox_templates`).

    Args:
        tasks: Names of tasks, groups or tags; none: all of the packs and of the include path.
        include_path: A further folder of YAMLs.
        metadata: Passed to the tasks.

    Raises:
        ConfigError: If a name is unknown, a group names what exists nowhere, or any YAML of the
            packs or the include path is broken, which lm-eval would drop without a word.
    """
    from lm_eval.tasks import TaskManager

    sandbox_templates()
    # each custom data set would be announced with a warning
    logging.getLogger("lm_eval.api.task").setLevel(logging.ERROR)
    known = _Names(include_path)
    index: dict[str, Any] = {}
    for name in tasks or known.own:
        if known.find(name, again=True) is None:
            raise _unknown(name, known)
        _add(name, index, known)
    manager = TaskManager(include_defaults=False, metadata=dict(metadata or {}))
    _fill(manager, index)
    return manager


def pack_names(include_path: str | None = None) -> dict[str, Name]:
    """Return the names that the packs and the include path define.

    Raises:
        ConfigError: If any of their YAMLs is broken; or the include path, if it is no folder or
            holds what could run code.
    """
    return _Names(include_path).own


def load_tasks(manager: Any, tasks: Sequence[str]) -> Any:
    """Load tasks with their data (`hub_data`); what lm-eval cannot build becomes a ConfigError."""
    from jinja2 import TemplateError

    try:
        with hub_data(), lazy_metrics():
            return manager.load(list(tasks))
    except ConfigError as error:
        raise ConfigError(f"{error} (for {some(tasks)})") from error
    except (
        ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError,
        RuntimeError, TemplateError, TypeError, ValueError,
    ) as error:  # fmt: skip
        names = ", ".join(tasks)
        raise ConfigError(f"task {names} cannot be built: {first_line(error)}") from error


class _Names:
    """What each name stands for, of all that can be asked for."""

    def __init__(self, include_path: str | None) -> None:
        self.parsed: Parsed = {}
        self.packs = names(read_folder(tasks_path(), self.parsed))
        self.included = names(_read_included(include_path, self.parsed))
        self.own = self.packs | self.included

    def find(self, name: str, *, again: bool = False) -> Name | None:
        """Return what a name stands for; None if nothing.

        Args:
            name: Of a task, a group or a tag.
            again: Scan lm-eval's files anew before it is unknown.
        """
        if name in self.packs and name not in self.included:
            return self.packs[name]
        builtin = builtin_names().get(name)
        if name in self.included:
            _tell_hidden(name, self.included[name], self.packs.get(name) or builtin)
            return self.included[name]
        gone = builtin is not None and builtin.path is not None and not Path(builtin.path).is_file()
        return builtin_names(fresh=True).get(name) if gone or (again and not builtin) else builtin


def _read_included(include_path: str | None, parsed: Parsed) -> list[tuple[str, dict[str, Any]]]:
    from polyglot_harness.safety import require_safe

    if include_path is None:
        return []
    folder = Path(include_path)
    require_safe(folder)
    return read_folder(folder, parsed)


def _tell_hidden(name: str, taken: Name, hidden: Name | None) -> None:
    if hidden is not None:
        what = [
            str(Path(found.path).resolve()) if found.path else f"the tag of {len(found.members)}"
            for found in (taken, hidden)
        ]
        if what[0] != what[1]:  # else an include path within the packs' folder
            _tell(name, *what)


@cache
def _tell(name: str, taken: str, hidden: str) -> None:
    """Say it once in a process."""
    _log.warning("%s: %s is taken in place of %s", name, taken, hidden)


def _add(name: str, index: dict[str, Any], known: _Names, above: tuple[str, ...] = ()) -> None:
    """Add lm-eval's entry of a name, and those of all that it is made of."""
    from lm_eval.tasks._index import Entry, Kind, TaskIndex

    found = known.find(name)
    if name in index or found is None:
        return
    if found.path is None:
        for member in found.members:
            _add(member, index, known, above)
        index[name] = Entry(name, Kind.TAG, None, tags=set(found.members))
        return
    config = read_config(Path(found.path), known.parsed)
    if found.kind == "group":
        for child in _children(name, config, config, found.path, known):
            if child in (*above, name):
                raise ConfigError(f"{line_of(found.path, child)}: group {child!r} contains itself")
            _add(child, index, known, (*above, name))
    # apart: a task's entry would bring its tags, with this one member
    entries: dict[str, Any] = {}
    TaskIndex.process_cfg(config, Path(found.path), entries)
    if name not in entries:  # an lm-eval that was changed in place
        builtin_names(fresh=True)
        raise ConfigError(f"{found.path}: does not define {name!r} any more; try again")
    index[name] = entries[name]


def _children(
    group: str, config: Mapping[str, Any], given: Mapping[str, Any], path: str, known: _Names
) -> Iterator[str]:
    """Yield the names that a group, and the groups written within it, refer to.

    Args:
        group: Its name.
        config: The group's.
        given: What a task written within it inherits.
        path: The file.
        known: All names.

    Raises:
        ConfigError: If one exists nowhere: lm-eval would try to make a task of its name alone.
    """
    members = config.get("task")
    for member in members if isinstance(members, list) else ():
        inline = member if isinstance(member, dict) else {}
        name = member if isinstance(member, str) else inline.get("group", inline.get("task"))
        if not isinstance(name, str):
            raise ConfigError(
                f"{line_of(path, 'task')}: group {group!r} takes names, 'task: NAME' with "
                f"settings, or 'group: NAME' with a list of tasks; got {member!r:.80}"
            )
        if known.find(name) is None and isinstance(inline.get("task"), list):
            yield from _children(name, inline, {**given, **inline}, path, known)
        elif known.find(name, again=True) is not None:
            yield name
        elif not {"dataset_path", "custom_dataset"} & {*given, *inline}:
            near = _near(name, known)
            raise ConfigError(
                f"{line_of(path, name)}: group {group!r} names {name!r}, which exists nowhere; "
                f"near it: {', '.join(near)}"
            )


def _fill(manager: Any, index: dict[str, Any]) -> None:
    """Give a manager its index, and the lists that its constructor would make of one."""
    from lm_eval.tasks._index import Kind

    def of(*kinds: Any) -> list[str]:
        return sorted(name for name, entry in index.items() if entry.kind in kinds)

    manager._index = index
    manager._all_tasks = sorted(index)
    manager._all_subtasks = of(Kind.TASK, Kind.PY_TASK)
    manager._all_groups = of(Kind.GROUP)
    manager._all_tags = of(Kind.TAG)


def _unknown(name: str, known: _Names) -> ConfigError:
    near = _near(name, known)
    return ConfigError(
        f"unknown task {name!r} (did you mean {near[0]!r}?); near it: {', '.join(near)}; all: "
        "polyglot-harness ls tasks --all"
    )


def _near(name: str, known: _Names) -> list[str]:
    """Return the names most like one, best first: thousands would bury the message."""
    from rapidfuzz.fuzz import ratio
    from rapidfuzz.process import extract

    everything = sorted({*known.own, *builtin_names()})
    return [found for found, _, _ in extract(name, everything, scorer=ratio, limit=8)]
