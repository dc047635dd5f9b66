"""What a task or group of a stranger may say to lm-eval: nothing that runs or reads beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from polyglot_harness.safety.data_sets import data_arguments, data_set, data_settings, metadata
from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.limits import BEAMS, NUMBER, REGEX_BYTES, REPEATS
from polyglot_harness.safety.names import (
    AGGREGATIONS,
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
from polyglot_harness.safety.settings import Place, is_null, is_small, listed, one_of, texts
from polyglot_harness.safety.yamls import plain

_ONLY_CODE = ("class", "custom_dataset", "process_docs", "process_results")
"""Keys whose values are functions; a shared template of ours brings them."""
_OVERRIDES = ("dataset_path", "dataset_name", "dataset_kwargs")
"""What a group must not give to others' tasks: some of lm-eval's run what their data say."""
_MAPPINGS = ("dataset_kwargs", "generation_kwargs", "fewshot_config", "metadata")
_DATA_NAMES = ("dataset_path", "dataset_name")
_APART = ("group", "include")
"""Of a group no part is elsewhere: what is handed down to its members is to be seen."""
_TASK_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w.+-]{0,127}", re.ASCII)


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
        elif name in _APART and "group" in given and (name == "include" or path.suffix == ""):
            remedy = "write groups in full, in files of their own"
            yield key.finding("a group that includes, or is included", remedy)
        elif (inside or "group" in given) and (wrong := _override(name, value.node, inside)):
            yield key.finding(wrong, "write a task in a file of its own, and name it here")
        elif name in _ONLY_CODE and not is_null(value.node):
            yield key.finding(f"key {name!r} is for code",
                              "include a shared template that brings the function")  # fmt: skip
        elif name in _MAPPINGS and not (is_null(value.node) or _is_mapping(value.node)):
            yield key.finding(f"{name!r} takes 'key: value' lines", "write it so", code=False)
        elif name in _DATA_NAMES and not isinstance(value.node, yaml.ScalarNode):
            yield key.finding(f"{name!r} takes a name", "write one", code=False)
        elif check := _CHECKS.get(name):
            yield from check(value)
        else:
            yield from texts(value)


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def _override(name: str, node: yaml.Node, inside: bool) -> str:
    """Say what a group, or a member of it, would do to tasks of lm-eval's that it names."""
    if name in _OVERRIDES and not is_null(node):
        return f"{name!r} in a group gives data to others' tasks, some of which run what data say"
    keys = {key.value for key, _ in node.value} if isinstance(node, yaml.MappingNode) else set()
    # of a group in a file of its own they are not handed down
    if name == "metadata" and inside and not keys <= {"version"}:
        return "'metadata' of a member goes to others' functions, some of which fetch code by it"
    if name == "fewshot_config" and "samples" in keys:
        return "'samples' in a group gives data to others' tasks, some of which run what data say"
    return ""


def _members(place: Place) -> Iterator[Finding]:
    """Check ``task``: a name, or the members of a group, each a name or a configuration."""
    if isinstance(place.node, yaml.ScalarNode):
        yield from _name(place)
    elif isinstance(place.node, yaml.SequenceNode):
        for node in place.node.value:
            if isinstance(node, yaml.MappingNode):
                yield from config_findings(place.path, node, inside=True)
    elif isinstance(place.node, yaml.MappingNode):
        yield from config_findings(place.path, place.node, inside=True)


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
        if not one_of(aggregation, AGGREGATIONS):
            valid = ", ".join(sorted(AGGREGATIONS))
            yield place.finding(f"unknown aggregation {clip(aggregation)}", f"take one of {valid}")
        for name, value in entry.items():
            yield from _patterns(place, value) if "regex" in str(name) else ()
    yield from texts(place)


def _group_metrics(place: Place) -> Iterator[Finding]:
    for entry in _entries(place.node):
        if entry.get("aggregation", "mean") != "mean":
            problem = f"aggregation {clip(entry['aggregation'])}"
            yield place.finding(problem, "groups only know mean")
    yield from texts(place)


def _filters(place: Place) -> Iterator[Finding]:
    for entry in _entries(place.node):
        steps = entry.get("filter")
        for step in steps if isinstance(steps, list) else [steps]:
            name = step.get("function") if isinstance(step, Mapping) else step
            if not one_of(name, FILTERS) or name == "custom":
                valid = ", ".join(sorted(FILTERS - {"custom"}))
                yield place.finding(f"filter {clip(name)} is for code or unknown",
                                    f"take one of {valid}")  # fmt: skip
            elif isinstance(step, Mapping):
                for key, value in step.items():
                    yield from _patterns(place, value) if "regex" in str(key) else ()
    yield from texts(place)


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
        elif key.value == "process_docs" and not is_null(node):
            yield value.finding("key 'process_docs' is for code", "take it out")
        elif key.value == "sampler" and not one_of(plain(node), SAMPLERS):
            remedy = f"take one of {', '.join(sorted(SAMPLERS))}"
            yield value.finding(f"unknown sampler {clip(plain(node))}", remedy)
        else:
            yield from texts(value)


def _generation(place: Place) -> Iterator[Finding]:
    for key, node in place.node.value if isinstance(place.node, yaml.MappingNode) else ():
        value, inner = plain(node), Place(place.path, node)
        if key.value not in GENERATION:
            yield Place(place.path, key).finding(
                f"generation setting {clip(key.value)} is none that tasks need, and may run code",
                f"take one of {listed(GENERATION)}",
            )
        elif isinstance(node, yaml.MappingNode) or (
            isinstance(value, list) and not all(isinstance(part, str) for part in value)
        ):
            yield inner.finding(f"{key.value} {clip(value)}", "write a number, text or texts")
        elif isinstance(value, int | float) and key.value != "seed":
            most = BEAMS if key.value == "num_beams" else NUMBER
            if not is_small(abs(value), most):
                yield inner.finding(f"{key.value} {clip(value)}", f"at most {most}", code=False)


def _output_type(place: Place) -> Iterator[Finding]:
    if not one_of(plain(place.node), OUTPUT_TYPES):
        remedy = f"take one of {', '.join(sorted(OUTPUT_TYPES))}"
        problem = f"unknown output_type {clip(plain(place.node))}"
        yield place.finding(problem, remedy, code=False)


def _repeats(place: Place) -> Iterator[Finding]:
    value = plain(place.node)
    if not isinstance(value, int) or not 1 <= value <= REPEATS:
        yield place.finding(f"repeats {clip(value)}", f"take 1 to {REPEATS}", code=False)


def _use_prompt(place: Place) -> Iterator[Finding]:
    if not is_null(place.node):
        yield place.finding("'use_prompt' reads a file or runs a package",
                            "write the prompt into doc_to_text")  # fmt: skip


def _unsafe(place: Place) -> Iterator[Finding]:
    # also a no: of a group it would take the mark from tasks of lm-eval's
    yield place.finding("'unsafe_code' marks, or unmarks, what runs what a model writes",
                        "take it out")  # fmt: skip


def _off(place: Place) -> Iterator[Finding]:
    if plain(place.node) not in (None, False):
        yield place.finding("decontamination reads files of its own", "take it out")


def _name(place: Place) -> Iterator[Finding]:
    """Check a name of a task, which becomes one of files and is printed."""
    value = plain(place.node)
    for name in value if isinstance(value, list) else [value]:
        if isinstance(name, str) and not _TASK_NAME.fullmatch(name):
            yield place.finding(f"name {clip(name)}", "use letters, digits and '_-+.' of ASCII",
                                code=False)  # fmt: skip


_CHECKS = {
    "include": lambda place: (),  # followed by the caller, which knows the folders
    "task": _members,
    "group": _name,
    "tag": _name,
    "dataset_path": data_set,
    "dataset_name": data_settings,
    "dataset_kwargs": data_arguments,
    "metadata": metadata,
    "metric_list": _metrics,
    "aggregate_metric_list": _group_metrics,
    "filter_list": _filters,
    "fewshot_config": _fewshot,
    "generation_kwargs": _generation,
    "output_type": _output_type,
    "repeats": _repeats,
    "use_prompt": _use_prompt,
    "unsafe_code": _unsafe,
    "should_decontaminate": _off,
}
