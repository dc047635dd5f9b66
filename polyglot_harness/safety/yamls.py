"""Read a YAML of a stranger: bounded, without anchors, tags and duplicate keys, nothing built.

The events of the parser are counted before anything is composed of them: an alias can stand for
exponentially many nodes, and libyaml's composer recurses without a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from polyglot_harness.safety.characters import hidden
from polyglot_harness.safety.finding import Finding, clip
from polyglot_harness.safety.limits import YAML_DEPTH, YAML_NODES

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_PLAIN = frozenset(_CORE + name for name in ("str", "int", "float", "bool", "null", "seq", "map"))


def read_yaml(path: Path, text: str) -> tuple[yaml.MappingNode | None, list[Finding]]:
    """Compose a file.

    Args:
        path: The file, for findings.
        text: What it holds.

    Returns:
        The root, None if it cannot be composed safely, and what is wrong.
    """
    try:
        found = list(_events(path, text))
        if any(not finding.code for finding in found):
            return None, found
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        problem = getattr(error, "problem", None) or "unreadable"
        return None, [Finding(path, line, f"not valid YAML: {problem}", "mend it")]
    if not isinstance(root, yaml.MappingNode):
        problem = "holds no mapping of keys to values"
        return None, [*found, Finding(path, 1, problem, "write a task or a group, or take it out")]
    if unreadable := list(_unreadable(path, root)):
        return None, [*found, *unreadable]
    return root, [*found, *_repeated_keys(path, root)]


def _events(path: Path, text: str) -> Iterator[Finding]:
    """Go through the events; stop at the first that makes the file too large to go on."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            yield Finding(path, line, "an anchor or alias", "write the value out")
            return
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                yield Finding(path, line, "a second document", "keep one document a file")
                return
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            depth += isinstance(event, yaml.CollectionStartEvent)
            tag = getattr(event, "tag", None)
            if tag is not None and tag not in _PLAIN:
                yield _tagged(path, line, str(tag))
            if depth > YAML_DEPTH or nodes > YAML_NODES:
                problem = f"more than {YAML_DEPTH} levels or {YAML_NODES} values"
                yield Finding(path, line, problem, "make it smaller")
                return


def _tagged(path: Path, line: int, tag: str) -> Finding:
    name = tag.replace(_CORE, "!!")
    if name == "!function":
        remedy = "include a shared template of $(polyglot-harness tasks-path) that has the function"
        return Finding(path, line, "'!function' runs code", remedy, code=True)
    # no loader in use knows such a tag: trust would not make it work
    return Finding(path, line, f"tag {clip(name)} may run code", "write a plain value")


def _unreadable(path: Path, root: yaml.Node) -> Iterator[Finding]:
    """Yield keys that are no text, and values that no loader can read."""
    for node in every(root):
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            try:
                plain(node)
            # "!!bool x" and "!!int ''" are a KeyError and an IndexError
            except (LookupError, ValueError, OverflowError, yaml.YAMLError):
                yield Finding(path, line, f"value {clip(node.value)} cannot be read", "quote it")
            # what stands in the text itself has been seen
            if node.style == '"' and (sign := hidden(node.value, prose=False)):
                yield Finding(path, line, f"hidden character {sign[1]}", "write it without")
        elif isinstance(node, yaml.MappingNode):
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                    line = key.start_mark.line + 1
                    yield Finding(path, line, "a key that is no plain word", "write a plain word")


def _repeated_keys(path: Path, root: yaml.Node) -> Iterator[Finding]:
    """Yield keys that come twice: which of them counts is for the loader to say."""
    for node in every(root):
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value in seen:
                line = key.start_mark.line + 1
                yield Finding(path, line, f"key {clip(key.value)} comes twice", "keep one of them")
            seen.add(key.value)


def every(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield a node and all below it."""
    rest = [node]
    while rest:
        node = rest.pop()
        yield node
        if isinstance(node, yaml.MappingNode):
            rest += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            rest += node.value


def plain(node: yaml.Node) -> Any:
    """Return what a node of a file that `read_yaml` took stands for; a function as its name."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(value) for value in node.value]
    if node.tag.startswith(_CORE):
        # one for each: it keeps what it has seen
        return yaml.constructor.SafeConstructor().construct_object(node)
    return node.value
