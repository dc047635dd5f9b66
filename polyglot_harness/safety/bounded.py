"""Jinja for templates of strangers: sandboxed, and bounded in rounds and in characters.

The sandbox keeps a template from what is private; it does not keep a loop over a long text from
writing that text once for each of its letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from jinja2 import Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROUNDS = 2_000
"""Of one loop."""
CHARACTERS = 4_000_000
"""Of all that a template writes."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """Renders no more than `CHARACTERS`, by loops of no more than `ROUNDS`.

    What is more raises ``jinja2.exceptions.SecurityError``, a ``TemplateError``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what Jinja's environment takes."""
        super().__init__(*args, **kwargs)
        self.filters["_rounds"] = _rounds

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "_rounds", [], [], None, None, lineno=loop.lineno)
        return tree

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join what a template writes."""
        return "".join(_counted(parts))


def _rounds(value: Any) -> Any:
    if isinstance(value, Undefined):
        return value
    found = list(islice(value, ROUNDS + 1))
    if len(found) > ROUNDS:
        raise SecurityError(f"a loop of more than {ROUNDS} rounds")
    return found


def _counted(parts: Iterable[str]) -> Iterator[str]:
    size = 0
    for part in parts:
        size += len(part)
        if size > CHARACTERS:
            raise SecurityError(f"a text of more than {CHARACTERS} characters")
        yield part
