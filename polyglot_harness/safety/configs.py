"""What a task or group of a stranger may say to lm-eval: nothing that runs or reads beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.limits import REGEX_BYTES, REPEATS
from polyglot_harness.safety.names import (
    AGGREGATIONS,
    BUILDERS,
    FEWSHOT_KEYS,
    FILTERS,
    GENERATION,
    GROUP_KEYS,
    METRICS,
    OUTPUT_TYPES,
    SAMPLERS,
    TASK_KEYS,
)
from polyglot_harness.safety.patterns import pattern_problem
from polyglot_harness.safety.templates import template_problems
from polyglot_harness.safety.yamls import plain

_ONLY_CODE = ("class", "custom_dataset", "process_docs", "process_results")
"""Keys whose values are functions; a shared template of ours brings them."""
_READS = frozenset({
    "packs", "given", "folder", "config_source", "cache_dir", "download_config", "token", "sql",
    "storage_options", "data_dir", "builder", "save_infos", "num_proc", "con",
})  # fmt: skip
"""Settings by which functions of ours and of datasets read, or write, elsewhere."""
_DATA_SET = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_ELSEWHERE = re.compile(
    r"^[/\\~]|^[A-Za-z]:[/\\]|(^|[/\\])\.\.([/\\]|$)|^[A-Za-z][A-Za-z0-9+.-]*://"
)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_DATA = "name a data set of the hub (owner/name), or put items into mini/ and include _mini_*_yaml"


class Place(NamedTuple):
    """Where a setting stands."""

    path: Path
    node: yaml.Node

    def finding(self, problem: str, remedy: str, *, code: bool = True, below: int = 0) -> Finding:
        """Return a finding of this line, or one some lines below."""
        line = self.node.start_mark.line + 1 + below
        return Finding(self.path, line, problem, remedy, code=code)


def config_findings(
    path: Path, node: yaml.MappingNode, *, inside: bool = False
) -> Iterator[Finding]:
    """Check one configuration: a file, or a member of a group that is written out in place.

    Args:
        path: The file.
        node: The mapping.
        inside: It is the member of a group.
    """
    given = {key.value: (Place(path, key), Place(path, value)) for key, value in node.value}
    valid = TASK_KEYS | GROUP_KEYS | {"class"} | (set() if inside else {"include"})
    for name, (key, value) in given.items():
        if name not in valid:
            yield key.finding(f"unknown key {clip(name)}", "put own settings under metadata",
                              code=False)  # fmt: skip
        elif name in _ONLY_CODE and not _is_null(value.node):
            yield key.finding(f"key {name!r} is for code",
                              "include a shared template that brings the function")  # fmt: skip
        elif check := _CHECKS.get(name):
            yield from check(value)
        else:
            yield from _texts(value)


def _texts(place: Place) -> Iterator[Finding]:
    """Check every text below for what Jinja could do with it."""
    rest = [place.node]
    while rest:
        node = rest.pop()
        if isinstance(node, yaml.MappingNode):
            rest += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            rest += node.value
        elif isinstance(node, yaml.ScalarNode):
            # the text of a block begins in the line after its mark
            block = 0 if node.style in ("|", ">") else -1
            for line, problem in template_problems(node.value):
                yield Place(place.path, node).finding(
                    problem, "write plain text and fields of the item", below=line + block
                )


def _members(place: Place) -> Iterator[Finding]:
    """Check ``task``: a name, or the members of a group, each a name or a configuration."""
    if isinstance(place.node, yaml.SequenceNode):
        for node in place.node.value:
            if isinstance(node, yaml.MappingNode):
                yield from config_findings(place.path, node, inside=True)
    elif isinstance(place.node, yaml.MappingNode):
        yield from config_findings(place.path, place.node, inside=True)


def _data_set(place: Place) -> Iterator[Finding]:
    if _is_null(place.node):
        return
    name = str(plain(place.node))
    if not _DATA_SET.fullmatch(name) or ".." in name:
        yield place.finding(f"data set {clip(name)} is outside of the hub", _DATA)
    elif name.lower() in BUILDERS:
        yield place.finding(f"data set {clip(name)} is a format that reads any file", _DATA)
    elif Path(name).exists():
        problem = f"data set {clip(name)} is also a file or folder where you are, which would win"
        yield place.finding(problem, "run in another folder")


def _data_settings(place: Place) -> Iterator[Finding]:
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
            yield from _data_set(inner)
        elif isinstance(value, str) and _ELSEWHERE.search(value):
            yield inner.finding(f"{clip(value)} is outside of the pack", _DATA)
        elif name in ("language", "items", "strategy") and not _NAME.fullmatch(str(value)):
            yield inner.finding(f"{name} {clip(value)} is no plain name", "write a plain name")
    yield from _texts(place)


def _leaves(node: yaml.Node, name: str = "") -> Iterator[tuple[str, yaml.Node]]:
    """Yield each scalar below with the key that it stands under."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _leaves(value, str(key.value))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _leaves(value, name)
    else:
        yield name, node


def _metrics(place: Place) -> Iterator[Finding]:
    for entry in _entries(place.node):
        metric = str(entry.get("metric"))
        if metric not in METRICS:
            yield place.finding(
                f"metric {clip(metric)} is none of lm-eval's and would be fetched as a script",
                f"take one of {', '.join(sorted(METRICS))}",
            )
        if entry.get("hf_evaluate") not in (None, False):
            yield place.finding("'hf_evaluate' fetches a script and runs it", "take it out")
        aggregation = entry.get("aggregation", "mean")
        if not _one_of(aggregation, AGGREGATIONS):
            valid = ", ".join(sorted(AGGREGATIONS))
            yield place.finding(f"unknown aggregation {clip(aggregation)}", f"take one of {valid}")
        for name, value in entry.items():
            yield from _patterns(place, value) if "regex" in str(name) else ()
    yield from _texts(place)


def _group_metrics(place: Place) -> Iterator[Finding]:
    for entry in _entries(place.node):
        if entry.get("aggregation", "mean") != "mean":
            problem = f"aggregation {clip(entry['aggregation'])}"
            yield place.finding(problem, "groups only know mean")
    yield from _texts(place)


def _filters(place: Place) -> Iterator[Finding]:
    for entry in _entries(place.node):
        steps = entry.get("filter")
        for step in steps if isinstance(steps, list) else [steps]:
            name = step.get("function") if isinstance(step, Mapping) else step
            if not _one_of(name, FILTERS) or name == "custom":
                valid = ", ".join(sorted(FILTERS - {"custom"}))
                yield place.finding(f"filter {clip(name)} is for code or unknown",
                                    f"take one of {valid}")  # fmt: skip
            elif isinstance(step, Mapping):
                yield from _patterns(place, step.get("regex_pattern"))
    yield from _texts(place)


def _patterns(place: Place, value: Any) -> Iterator[Finding]:
    for pattern in value if isinstance(value, list) else [value]:
        if isinstance(pattern, str) and (problem := pattern_problem(pattern, REGEX_BYTES)):
            yield place.finding(f"pattern {clip(pattern)}: {problem}", "write a simpler one",
                                code=False)  # fmt: skip


def _entries(node: yaml.Node) -> Iterator[dict[str, Any]]:
    """Yield the mappings of a list, or the only one."""
    value = plain(node)
    for entry in value if isinstance(value, Sequence) and not isinstance(value, str) else [value]:
        if isinstance(entry, Mapping):
            yield dict(entry)


def _fewshot(place: Place) -> Iterator[Finding]:
    if not isinstance(place.node, yaml.MappingNode):
        return
    for key, node in place.node.value:
        value = Place(place.path, node)
        if key.value not in FEWSHOT_KEYS:
            yield value.finding(f"unknown key {clip(key.value)} of fewshot_config", "take it out",
                                code=False)  # fmt: skip
        elif key.value == "process_docs" and not _is_null(node):
            yield value.finding("key 'process_docs' is for code", "take it out")
        elif key.value == "sampler" and not _one_of(plain(node), SAMPLERS):
            remedy = f"take one of {', '.join(sorted(SAMPLERS))}"
            yield value.finding(f"unknown sampler {clip(plain(node))}", remedy)
        else:
            yield from _texts(value)


def _generation(place: Place) -> Iterator[Finding]:
    for key, _ in place.node.value if isinstance(place.node, yaml.MappingNode) else ():
        if key.value not in GENERATION:
            yield Place(place.path, key).finding(
                f"generation setting {clip(key.value)} is none that tasks need, and may run code",
                f"take one of {', '.join(sorted(GENERATION))}",
            )


def _output_type(place: Place) -> Iterator[Finding]:
    if not _one_of(plain(place.node), OUTPUT_TYPES):
        remedy = f"take one of {', '.join(sorted(OUTPUT_TYPES))}"
        problem = f"unknown output_type {clip(plain(place.node))}"
        yield place.finding(problem, remedy, code=False)


def _repeats(place: Place) -> Iterator[Finding]:
    value = plain(place.node)
    if not isinstance(value, int) or not 1 <= value <= REPEATS:
        yield place.finding(f"repeats {clip(value)}", f"take 1 to {REPEATS}", code=False)


def _use_prompt(place: Place) -> Iterator[Finding]:
    if not _is_null(place.node):
        yield place.finding("'use_prompt' reads a file or runs a package",
                            "write the prompt into doc_to_text")  # fmt: skip


def _unsafe(place: Place) -> Iterator[Finding]:
    if plain(place.node) not in (None, False):
        yield place.finding("marked as one that runs what a model writes", "take it out")


def _one_of(value: Any, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and plain(node) is None


_CHECKS = {
    "include": lambda place: (),  # followed by the caller, which knows the folders
    "task": _members,
    "dataset_path": _data_set,
    "dataset_name": _data_settings,
    "dataset_kwargs": _data_settings,
    "metadata": _data_settings,
    "metric_list": _metrics,
    "aggregate_metric_list": _group_metrics,
    "filter_list": _filters,
    "fewshot_config": _fewshot,
    "generation_kwargs": _generation,
    "output_type": _output_type,
    "repeats": _repeats,
    "use_prompt": _use_prompt,
    "unsafe_code": _unsafe,
    "should_decontaminate": _unsafe,
}
