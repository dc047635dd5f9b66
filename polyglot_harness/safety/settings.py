"""A setting in a YAML of a stranger, and what is asked of many of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from polyglot_harness.safety.finding import Finding
from polyglot_harness.safety.templates import template_problems
from polyglot_harness.safety.yamls import every, plain


class Place(NamedTuple):
    """Where a setting stands."""

    path: Path
    node: yaml.Node

    def finding(self, problem: str, remedy: str, *, code: bool = True, below: int = 0) -> Finding:
        """Return a finding of this line, or one some lines below."""
        line = self.node.start_mark.line + 1 + below
        return Finding(self.path, line, problem, remedy, code=code)


def texts(place: Place) -> Iterator[Finding]:
    """Check every text below for what Jinja could do with it."""
    for node in every(place.node):
        if isinstance(node, yaml.ScalarNode):
            # the text of a block begins in the line after its mark
            block = 0 if node.style in ("|", ">") else -1
            for line, problem in template_problems(node.value):
                yield Place(place.path, node).finding(
                    problem, "write plain text and fields of the item", below=line + block
                )


def is_small(value: Any, most: int) -> bool:
    """Whether a value is a number from 0 to `most`."""
    return isinstance(value, int | float) and 0 <= value <= most


def listed(names: Iterable[str]) -> str:
    """Return names as a message lists them."""
    return ", ".join(sorted(names))


def one_of(value: Any, known: frozenset[str]) -> bool:
    """Whether a value is a known word."""
    return isinstance(value, str) and value in known


def is_null(node: yaml.Node) -> bool:
    """Whether nothing is given."""
    return isinstance(node, yaml.ScalarNode) and plain(node) is None
