"""Which data a task of a stranger may name: those of the hub, and those of its own pack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.limits import NUMBER
from polyglot_harness.safety.names import BUILDERS, DATA_KEYS
from polyglot_harness.safety.settings import Place, is_null, is_small, listed, texts
from polyglot_harness.safety.yamls import plain

_READS = frozenset({
    "packs", "given", "folder", "config_source", "cache_dir", "download_config", "token", "sql",
    "storage_options", "data_dir", "builder", "save_infos", "num_proc", "con",
})  # fmt: skip
"""Settings by which functions of ours and of datasets read, or write, elsewhere."""
_DATA_SET = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_ELSEWHERE = re.compile(
    r"::|^file:|^[/\\~]|^[A-Za-z]:[/\\]|(^|[/\\])\.\.([/\\]|$)|^[A-Za-z][A-Za-z0-9+.-]*://"
)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_DATA = "name a data set of the hub (owner/name), or put items into mini/ and include _mini_*_yaml"


def data_set(place: Place) -> Iterator[Finding]:
    """Check ``dataset_path``, or another name of a data set."""
    if is_null(place.node):
        return
    name = str(plain(place.node))
    if not _DATA_SET.fullmatch(name) or ".." in name:
        yield place.finding(f"data set {clip(name)} is outside of the hub", _DATA)
    elif name.lower() in BUILDERS:
        yield place.finding(f"data set {clip(name)} is a format that reads any file", _DATA)
    elif Path(name).exists():
        problem = f"data set {clip(name)} is also a file or folder where you are, which would win"
        yield place.finding(problem, "run in another folder")


def data_arguments(place: Place) -> Iterator[Finding]:
    """Check ``dataset_kwargs``: arguments of datasets, or of the function of a shared template."""
    for key, _ in place.node.value if isinstance(place.node, yaml.MappingNode) else ():
        if key.value not in DATA_KEYS | _READS:
            problem = f"data setting {clip(key.value)} is none that tasks need"
            yield Place(place.path, key).finding(problem, f"take one of {listed(DATA_KEYS)}")
    yield from data_settings(place)


def data_settings(place: Place) -> Iterator[Finding]:
    """Check ``dataset_kwargs``, ``dataset_name`` and ``metadata``: no way out of the pack."""
    for name, node in _leaves(place.node):
        inner = Place(place.path, node)
        value = plain(node)
        if name == "trust_remote_code":
            if value not in (None, False):
                yield inner.finding("'trust_remote_code' runs code of a data set", "take it out")
        elif name in _READS and value is not None:
            yield inner.finding(f"setting {name!r} reads or writes elsewhere", "take it out")
        elif name in ("path", "dataset", "repo", "dataset_path"):
            yield from data_set(inner)
        elif isinstance(value, str) and _ELSEWHERE.search(value):
            yield inner.finding(f"{clip(value)} is outside of the pack", _DATA)
        elif name in ("language", "items", "strategy") and not _NAME.fullmatch(str(value)):
            yield inner.finding(f"{name} {clip(value)} is no plain name", "write a plain name")
        elif name in ("n", "first") and not is_small(value, NUMBER):
            yield inner.finding(f"{name} {clip(value)}", f"take 0 to {NUMBER}", code=False)
    yield from texts(place)


def metadata(place: Place) -> Iterator[Finding]:
    """Check ``metadata``; the data sets that it names are loaded."""
    pairs = place.node.value if isinstance(place.node, yaml.MappingNode) else ()
    for named in (node for key, node in pairs if key.value == "data_sets"):
        for entry in named.value if isinstance(named, yaml.SequenceNode) else [named]:
            if isinstance(entry, yaml.SequenceNode) and entry.value:
                yield from data_set(Place(place.path, entry.value[0]))
            else:
                wrong = Place(place.path, entry).finding
                yield wrong("data_sets", "write [[owner/name, configuration], ...]", code=False)
    yield from data_settings(place)


def _leaves(node: yaml.Node, name: str = "") -> Iterator[tuple[str, yaml.Node]]:
    """Yield each scalar below with the key that it stands under, the outermost of `_READS`."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _leaves(value, name if name in _READS else str(key.value))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _leaves(value, name)
    else:
        yield name, node
