"""The data sets of lm-eval tasks: pinned, taken from a mirror where there is one, and recorded.

lm-eval gets its data by ``datasets.load_dataset("owner/name", ...)``, at the newest revision.
Inside `hub_data` that function is ours: it adds the revision of ``tasks/_data_revisions.toml``,
reads a local mirror in place of the hub (``--offline_data DIR`` or ``POLYGLOT_DATA``), notes what
was loaded, and says in one line what to do where that fails. See docs/offline-data.md.
"""

from __future__ import annotations

import copy
import inspect
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.lm.hub_errors import one_line
from polyglot_harness.lm.hub_mirror import mirror, mirror_cache, mirrored, places, whole
from polyglot_harness.lm.hub_pins import COMMIT, current_name, pin
from polyglot_harness.spec import canonical_json

MODELS_ONLY = "POLYGLOT_MODELS_ONLY_OFFLINE"
"""Set where we, not the user, switched the hub off, since no model of the run is from it."""
PLAIN = ("path", "name", "revision", "split")
HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


@dataclass(frozen=True)
class Source:
    """A data set that tasks load."""

    path: str
    config: str | None
    options: Mapping[str, Any]
    """Further arguments of ``load_dataset``: revision, data_files, data_dir, split."""
    tasks: tuple[str, ...]
    function: bool = False
    """A function loads it, and gets the options; which of its files is not known."""

    @property
    def current(self) -> str:
        """The name of the data set on the hub today."""
        return current_name(self.path)

    @property
    def revision(self) -> str:
        """The revision that the task asks for, or else the pinned one; "" for the newest."""
        return str(self.options.get("revision") or pin(self.path).revision)

    def identity(self) -> list[Any]:
        """Return what stands for the data in a digest.

        Raises:
            ConfigError: If there is a mirror that does not hold them.
        """
        options = {k: v for k, v in self.options.items() if k != "revision"}
        content = self.revision or "newest"
        if mirror() and self.function:
            content = whole(self.path)
        elif mirror():
            content = mirrored(self.path, self.config, **places(self.options))[1]
        return [self.current, self.config, options, content]


@dataclass
class Loaded:
    """What was loaded inside `hub_data`."""

    sets: dict[tuple[str, str], tuple[str, bool]] = field(default_factory=dict)
    """(path, configuration) -> (commit, or digest of the mirror's files; whether it was fixed)."""

    def rows(self) -> list[list[str]]:
        """Return path, configuration, and the commit or the digest, sorted."""
        return sorted([path, config, what] for (path, config), (what, _) in self.sets.items())

    def note(self) -> str:
        """Return a line on what was loaded at its newest revision, "" where all is fixed."""
        newest = {path: what for (path, _), (what, fixed) in sorted(self.sets.items()) if not fixed}
        names = [f"{path}@{what[:7] or '?'}" for path, what in newest.items()]
        return f"not pinned, the newest was taken: {', '.join(names)}" if names else ""


def data_sources(configs: Mapping[str, Mapping[str, Any]]) -> tuple[Source, ...]:
    """Return the data sets of the hub that tasks load, as far as their configuration says.

    Args:
        configs: Static configuration by name of task, as `index.task_configs` gives it. Where a
            function loads several, ``metadata: data_sets: [[path, configuration], ...]`` says
            which.

    Returns:
        Each data set once for each configuration and way of loading, with its tasks.
    """
    found: dict[str, Source] = {}
    for task, config in configs.items():
        for path, name, options, function in _calls(config):
            key = canonical_json([path, name, options, function])
            tasks = (*found[key].tasks, task) if key in found else (task,)
            found[key] = Source(path, name, options, tasks, function)
    return tuple(found.values())


def _calls(
    config: Mapping[str, Any],
) -> Iterator[tuple[str, str | None, dict[str, Any], bool]]:
    metadata, path = config.get("metadata"), config.get("dataset_path")
    options = dict(config.get("dataset_kwargs") or {})
    options.pop("trust_remote_code", None)
    named = metadata.get("data_sets", ()) if isinstance(metadata, Mapping) else ()
    for other, *name in named:
        own = {"revision": options["revision"]} if other == path and "revision" in options else {}
        yield str(other), (name[0] if name else None), own, False
    if named or not isinstance(path, str) or not is_hub_name(path):
        return
    yield path, config.get("dataset_name"), options, bool(config.get("custom_dataset"))


def is_hub_name(path: str) -> bool:
    """Whether ``load_dataset`` would look for this on the hub."""
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES as BUILDERS

    if not HUB_NAME.fullmatch(path) or path in BUILDERS:
        return False
    return mirror() is not None or not Path(path).is_dir()


def fetch(sources: Sequence[Source]) -> Loaded:
    """Load data sets, to have them in the cache, or to know at once that they cannot be had.

    What functions load is left to them.

    Raises:
        ConfigError: If one cannot be loaded; the tasks that need it are named.
    """
    import datasets

    with hub_data() as loaded:
        for source in sources:
            if source.function:
                continue
            try:
                datasets.load_dataset(source.path, source.config, **source.options)
            except ConfigError as error:
                raise ConfigError(f"{error} (for {some(source.tasks)})") from error
    return loaded


def some(names: Sequence[str]) -> str:
    """Return the first names: a group may have hundreds."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


@contextmanager
def hub_data() -> Iterator[Loaded]:
    """Have ``datasets.load_dataset`` pin, mirror, record and explain, until the context ends.

    Contexts may be nested: each hears of what was loaded inside it.
    """
    import datasets

    loaded = Loaded()
    with _lock:
        if not _listeners:
            _real["load_dataset"] = datasets.load_dataset
            datasets.load_dataset = _load_dataset
            _set_network()
        _listeners.append(loaded)
    try:
        yield loaded
    finally:
        with _lock:
            # by identity: two that heard the same are equal
            _listeners[:] = [other for other in _listeners if other is not loaded]
            if not _listeners:
                datasets.load_dataset = _real["load_dataset"]
                _reset_network()


_lock = threading.RLock()
_listeners: list[Loaded] = []
_once_loaded: dict[str, Any] = {}
_real: dict[str, Any] = {}
"""What was replaced: the function, and the libraries' switches."""


def _load_dataset(*args: Any, **kwargs: Any) -> Any:
    # modules that are first imported in a context may keep this function beyond it
    load = _real["load_dataset"]
    call = dict(inspect.signature(load).bind(*args, **kwargs).arguments)
    options = call.pop("config_kwargs", {})
    path, config = str(call["path"]), call.get("name")
    if not is_hub_name(path):
        return load(**call, **options)
    wanted = str(call.get("revision") or pin(path).revision)
    if mirror():
        folder, what = mirrored(path, config, **places(call))
        # the library's own cache does not see that a local file has changed
        call |= {"path": str(folder), "cache_dir": str(mirror_cache() / what)}
        call.pop("revision", None)
    else:
        folder, what = None, ""
        call |= {"path": current_name(path), "revision": wanted or None}
    try:
        found = _once(load, {**call, **options})
    except Exception as error:  # of the network, the hub, the files: the library has no base class
        raise ConfigError(one_line(error, path, config, wanted, folder, pin(path).note)) from error
    what = f"files {what}" if folder else _commit(found)
    if COMMIT.fullmatch(wanted) and not folder and what and what != wanted:
        raise ConfigError(
            f"data set {path}: the hub cannot be reached, and the cache holds revision {what}, not "
            f"{wanted}; try again with a network, or use a mirror (--offline_data DIR)"
        )
    for listener in _listeners:
        listener.sets[path, config or ""] = what, bool(wanted or folder)
    return found


def _once(load: Any, call: dict[str, Any]) -> Any:
    """Load a data set once a process.

    So base, reference and students see one revision even where none is pinned, and a hub that fails
    in the middle of a run does no harm.
    """
    import datasets

    key = repr(sorted(call.items()))
    if key not in _once_loaded:
        found = _from_cache(load, call)
        found = load(**call) if found is None else found
        if not isinstance(found, (datasets.Dataset, datasets.DatasetDict)):
            return found
        _once_loaded[key] = found
    found = _once_loaded[key]
    # shallow: the tables are mapped from the disk, but who asks may set formats or add splits
    if isinstance(found, datasets.DatasetDict):
        return datasets.DatasetDict({split: copy.copy(table) for split, table in found.items()})
    return copy.copy(found)


def _from_cache(load: Any, call: Mapping[str, Any]) -> Any:
    """Return a commit that the library has in its cache without asking the hub; None if it has not.

    The library itself asks the hub some ten questions for each data set, and waits for half a
    minute where there is no answer.
    """
    import datasets

    wanted, config = str(call.get("revision")), call.get("name")
    if not (COMMIT.fullmatch(wanted) and config) or call.keys() - {*PLAIN}:
        return None
    if not any(Path(datasets.config.HF_DATASETS_CACHE).glob(f"*/{escape(config)}/*/{wanted}")):
        return None
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = True
    try:
        found = load(**call)
    except Exception:  # a cache that is damaged is made anew
        return None
    finally:
        datasets.config.HF_HUB_OFFLINE = before
    # the library takes the commit that was cached last
    return found if _commit(found) == wanted else None


def _commit(found: Any) -> str:
    """Return the commit of what the hub gave: the library names a folder of its cache after it."""
    table = next(iter(found.values()), None) if isinstance(found, dict) else found
    files = getattr(table, "cache_files", None)
    name = Path(files[0]["filename"]).parent.name if files else ""
    return name if COMMIT.fullmatch(name) else ""


def _set_network() -> None:
    """Switch the hub off where a mirror stands for it, and on where only the models need none."""
    import datasets
    from huggingface_hub import constants

    _real["switches"] = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if mirror():
        datasets.config.HF_HUB_OFFLINE = True
    elif os.environ.get(MODELS_ONLY) and "HF_DATASETS_OFFLINE" not in os.environ:
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = False


def _reset_network() -> None:
    import datasets
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = _real["switches"]
