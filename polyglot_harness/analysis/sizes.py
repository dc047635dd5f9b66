"""How large a teacher is, in billions of parameters: given, or written in its name; never guessed.

A name says it once, as in ``Llama-3.1-8B-Instruct`` or ``smollm2-135m``. Active parameters
(``30B-A3B`` is 30) are passed over; ``8x7B`` and names with two sizes say nothing certain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from polyglot_harness.analysis.rows import Row, number
from polyglot_harness.errors import ConfigError, unknown_name

_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
_BILLIONS = {"b": 1.0, "m": 1e-3}


def size_in_name(name: str) -> float | None:
    """Return the billions of parameters that a model's name states, None unless it is one size."""
    found = {float(digits) * _BILLIONS[unit.lower()] for digits, unit in _SIZE.findall(name)}
    (size,) = found if len(found) == 1 else (None,)
    return size or None


def teacher_sizes(
    rows: Iterable[Row], given: Mapping[str, object]
) -> dict[str, tuple[float | None, str]]:
    """Return teacher -> (billions of parameters or None, where that comes from).

    Args:
        rows: The cells; a column ``size_b`` comes before names.
        given: Teacher -> size, of ``--sizes``; it comes before everything.

    Raises:
        ConfigError: If a size is not a positive number, a column contradicts itself, or `given`
            names a teacher that is not there.
    """
    sizes: dict[str, tuple[float | None, str]] = {}
    for row in rows:
        size, source = _size(row, given)
        before = sizes.setdefault(row.teacher, (size, source))
        if before[0] is None:
            sizes[row.teacher] = (size, source)
        elif size is not None and size != before[0]:
            raise ConfigError(f"{row.where}: size_b of {row.teacher} is {size:g}, before {before}")
    for teacher in given:
        if teacher not in sizes:
            raise unknown_name("teacher of --sizes", teacher, sizes)
    return sizes


def _size(row: Row, given: Mapping[str, object]) -> tuple[float | None, str]:
    if row.teacher in given:
        return _positive(given[row.teacher], f"--sizes {row.teacher}"), "--sizes"
    column = number(row, "size_b")
    if column is not None:
        return _positive(column, f"{row.where}: size_b"), "column size_b"
    for name, source in ((row.teacher, "its name"), (row.model, "the model of its card")):
        size = size_in_name(name)
        if size is not None:
            return size, source
    return None, "not known"


def _positive(value: object, where: str) -> float:
    if isinstance(value, (int, float)) and 0 < value < math.inf:
        return float(value)
    raise ConfigError(f"{where}: expected billions of parameters above 0, got {value!r}")
