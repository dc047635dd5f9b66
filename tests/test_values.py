"""Values of examples on disk: resumed, and joined into one table."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from measuring import ListData, given, measured, sample

from polyglot_harness.errors import StoreError
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.intrinsic.table import VALUES, write_table
from polyglot_harness.intrinsic.values import ROWS, Values


def test_what_was_added_is_found_again(tmp_path: Path) -> None:
    values = Values(tmp_path)
    assert (values.rows, values.columns, list(values.blocks()), list(values.array("x"))) == (
        0, (), [], [],
    )  # fmt: skip
    values.add(x=[1.0, None], y=[math.nan, 4.0])
    values.add(x=[5.0], y=[6.0])
    again = Values(tmp_path)
    assert (again.rows, again.columns) == (3, ("x", "y"))
    assert np.array_equal(again.array("x"), [1.0, math.nan, 5.0], equal_nan=True)
    assert np.array_equal(next(iter(again.blocks("y", "x")))[2], [6.0, 5.0])


@pytest.mark.parametrize("torn", [0, 1, 7, 8, 16, 17, 16 * 100])
def test_a_torn_block_is_made_anew(torn: int, tmp_path: Path) -> None:
    values = Values(tmp_path)
    block = np.arange(float(BLOCK))
    values.add(x=block, y=block)
    with (tmp_path / ROWS).open("ab") as file:
        file.write(b"\1" * torn)
    again = Values.resume(tmp_path)
    assert again.rows == BLOCK
    assert (tmp_path / ROWS).stat().st_size == BLOCK * 16
    again.add(x=[7.0], y=[8.0])
    assert Values(tmp_path).array("y")[-1] == 8.0


def test_a_metric_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    rows = [sample(i, "a b", "c " * (i % 7)) for i in range(2 * BLOCK + 5)]
    whole, _ = measured("length", given(rows), tmp_path / "whole")
    seen: list[int] = []

    class Torn(ListData):
        def samples(self, start: int = 0):  # type: ignore[no-untyped-def]
            seen.append(start)
            for i, row in enumerate(super().samples(start), start):
                if i == stop:
                    raise KeyboardInterrupt
                yield row

    for stop in (BLOCK - 1, 2 * BLOCK + 3, -1):
        data = given(rows)
        object.__setattr__(data, "data", Torn(rows))
        if stop >= 0:
            with pytest.raises(KeyboardInterrupt):
                measured("length", data, tmp_path / "torn")
        else:
            found, values = measured("length", data, tmp_path / "torn")
    assert seen == [0, 0, 2 * BLOCK]
    assert found == whole
    assert values.rows == len(rows)


def test_a_full_disk_is_an_error_of_the_store(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    values = Values(tmp_path)
    values.add(x=[1.0])
    (tmp_path / ROWS).unlink()
    (tmp_path / ROWS).symlink_to("/dev/full")
    with pytest.raises(StoreError, match="no space left on the disk"):
        values.add(x=[2.0])


def test_the_table_has_a_row_an_example_and_a_column_a_value(tmp_path: Path) -> None:
    rows = [sample(i, "p", "r", "translate" if i % 2 else "respond") for i in range(BLOCK + 2)]
    for name in "ab":
        (tmp_path / name).mkdir()
    a, b, nothing = Values(tmp_path / "a"), Values(tmp_path / "b"), Values(tmp_path / "c")
    for start in (0, BLOCK):
        numbers = [float(i) for i in range(start, min(start + BLOCK, len(rows)))]
        a.add(x=numbers)
        b.add(y=[-n for n in numbers], z=[None if n == BLOCK else 1.0 for n in numbers])
    write_table(tmp_path / VALUES, ListData(rows), "de", [a, b, nothing])
    table = pq.read_table(tmp_path / VALUES)
    assert table.column_names == ["id", "language", "strategy", "x", "y", "z"]
    assert table.num_rows == len(rows)
    assert table["id"].to_pylist() == [row.id for row in rows]
    assert set(table["language"].to_pylist()) == {"de"}
    assert table["strategy"].to_pylist() == [row.strategy for row in rows]
    assert table["y"].to_pylist() == [-float(i) for i in range(len(rows))]
    assert [i for i, z in enumerate(table["z"].to_pylist()) if z is None] == [BLOCK]
    assert not list(tmp_path.glob("*.tmp"))
