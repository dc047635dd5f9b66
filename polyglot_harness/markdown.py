"""Markdown of cards: tables and texts that a name cannot break."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

Table = tuple[Sequence[str], Iterable[Sequence[Any]]]
"""Headers and rows."""


def table(content: Table) -> str:
    """Return a table, its cells escaped."""
    headers, rows = content
    lines = [[escape(str(cell)) for cell in line] for line in (headers, *rows)]
    return "\n".join(
        f"| {' | '.join(line)} |" for line in (lines[0], ["---"] * len(headers), *lines[1:])
    )


def escape(text: str) -> str:
    """Return a text as one line that means nothing but itself."""
    one_line = " ".join(text.replace("<", "&lt;").split())
    return re.sub(r"([\\`*\[\]|])", r"\\\1", one_line)


def front_matter(data: dict[str, Any]) -> str:
    """Return the YAML at the head of a card; what is empty is left out."""
    import yaml

    told = {name: value for name, value in data.items() if value not in ("", None, [], ())}
    return f"---\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}---"
