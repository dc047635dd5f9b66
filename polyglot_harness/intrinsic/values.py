"""Values of each example by one metric: rows of doubles on disk, NaN where there is none.

Appended by blocks; a block that a kill tore is made anew, finished ones are found again. So no
metric keeps a list of what it computed, and none computes it twice.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.store import disk_errors, write_atomically

ROWS, COLUMNS = "values.f64", "columns.json"
Floats = NDArray[np.float64]


class Values:
    """The rows of one metric, in the order of the samples."""

    def __init__(self, folder: Path) -> None:
        """Open the rows of a folder; there are none in a new one."""
        self._folder = folder
        self.columns: tuple[str, ...] = ()
        self.rows = 0
        """How many there are: the number of the sample to go on with."""
        if (folder / COLUMNS).exists():
            self.columns = tuple(json.loads((folder / COLUMNS).read_text(encoding="utf-8")))
            self.rows = self._size() // (8 * len(self.columns))

    @classmethod
    def resume(cls, folder: Path, block: int = BLOCK) -> Values:
        """Open the rows that an interrupted run may have left, cut back to whole blocks."""
        values = cls(folder)
        values.rows -= values.rows % block
        if values.columns and values._size():
            os.truncate(folder / ROWS, values.rows * 8 * len(values.columns))
        return values

    def _size(self) -> int:
        path = self._folder / ROWS
        return path.stat().st_size if path.exists() else 0

    def add(self, **columns: Sequence[float | None] | Floats) -> None:
        """Append a block of rows; None and NaN stand for a missing value.

        Args:
            columns: Column -> its values, as many as the block has samples; the same columns in
                each call.
        """
        block = np.column_stack([np.asarray(values, dtype=float) for values in columns.values()])
        with disk_errors(self._folder):
            if not self.columns:
                self.columns = tuple(columns)
                write_atomically(self._folder / COLUMNS, json.dumps(self.columns))
            assert tuple(columns) == self.columns, "each block has the same columns"
            with (self._folder / ROWS).open("ab") as file:
                file.write(np.ascontiguousarray(block).tobytes())
                file.flush()
                os.fsync(file.fileno())
        self.rows += len(block)

    def blocks(self, *names: str) -> Iterator[Floats]:
        """Yield the values of columns (all by default), arrays of shape (at most BLOCK, k)."""
        if not self.rows:
            return
        chosen = [self.columns.index(name) for name in names or self.columns]
        width = len(self.columns)
        with (self._folder / ROWS).open("rb") as file:
            while len(flat := np.fromfile(file, dtype=np.float64, count=BLOCK * width)):
                yield flat.reshape(-1, width)[:, chosen]

    def array(self, name: str) -> Floats:
        """Return a whole column (8 bytes a sample)."""
        parts = [block[:, 0] for block in self.blocks(name)]
        return np.concatenate([np.empty(0), *parts])
