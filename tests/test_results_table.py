"""All results files as one table, and the rows read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from boards import results_file, row, write_file, write_folder
from test_results import signed

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.leaderboard.results import (
    NUMBERS,
    TEXTS,
    read_files,
    read_items_of,
    read_rows,
    read_table,
)


def test_each_row_is_a_line_with_its_numbers(tmp_path: Path) -> None:
    write_folder(tmp_path, ["A", "B"], students=("s", "t"), seeds=(0, 1))
    table = read_table(tmp_path)
    rows = [(file, n, r) for _, file in read_files(tmp_path) for n, r in enumerate(file.rows)]
    assert table.rows.num_rows == len(rows) == 16
    for found, (file, number, r) in zip(table.rows.to_pylist(), rows, strict=True):
        assert table.teachers[found["teacher_id"]] == file.teacher
        assert table.students[found["student_id"]] == file.student
        assert (found["language"], found["row"], found["seed"]) == (file.language, number, r.seed)
        assert [found[name] for name in NUMBERS] == [getattr(r, name) for name in NUMBERS]
        assert (found["signature"], found["has_items"]) == (r.signature, True)
        assert {f"m:{m.name}": m.value for m in r.measurements}.items() <= found.items()
        assert {f"m:{m.name}:stderr": m.stderr for m in r.measurements}.items() <= found.items()
        assert found["c:perplexity:response_distinct_ri"] == -0.2
    assert read_rows(table, range(16)) == [r for *_, r in rows]


def test_missing_is_null(tmp_path: Path) -> None:
    bare = row(raw=None, seed=None, measurements=(), correlations=(), items=(), cost_usd=None,
               flags=("anchor_weak", "x"), missing=("student",))  # fmt: skip
    write_file(tmp_path, results_file("A", "cs", rows=[bare]))
    write_folder(tmp_path, ["A"])
    found = read_table(tmp_path).rows
    first = found.to_pylist()[0]
    assert first["m:perplexity"] is first["raw"] is first["seed"] is first["z"] is None
    assert first["c:perplexity:response_distinct_ri"] is first["cost_usd"] is None
    assert (first["flags"], first["missing"]) == ("anchor_weak;x", "student")
    assert (first["strategies"], first["has_items"]) == ("generate+translate", False)
    assert np.isnan(found["z"].to_numpy()).all()
    assert str(found.schema.field("m:perplexity").type) == "double"
    assert all("dictionary" in str(found.schema.field(name).type) for name in TEXTS)


def test_a_measurement_that_comes_twice_counts_once(tmp_path: Path) -> None:
    (one, *_) = row().measurements
    two = (one, one.model_copy(update={"value": 9.0}))
    write_file(tmp_path, results_file(rows=[row(seed=0, measurements=two), row(seed=1)]))
    assert read_table(tmp_path).rows["m:acceptance_rate"].to_pylist()[0] == one.value


def test_items_are_read_again_in_the_order_asked_for(tmp_path: Path) -> None:
    write_folder(tmp_path, ["A", "B"], ["de"], seeds=(0, 1, 2))
    table = read_table(tmp_path)
    asked = [5, 0, 4, 0]
    every = [r.items for _, file in read_files(tmp_path) for r in file.rows]
    assert read_items_of(table, asked) == [every[i] for i in asked]
    assert read_items_of(table, []) == []


def test_a_single_file_is_a_table_too(tmp_path: Path) -> None:
    path = write_file(tmp_path / "deep", results_file())
    moved = path.rename(tmp_path / "any.json")
    table = read_table(moved)
    assert table.rows.num_rows == 1 and len(read_items_of(table, [0])[0]) == 2


def test_a_file_that_changes_under_way(tmp_path: Path) -> None:
    path = write_file(tmp_path, results_file())
    table = read_table(tmp_path)
    write_file(tmp_path, results_file(rows=[row(seed=9)]))
    with pytest.raises(StoreError, match=f"{path}: changed while it was read"):
        read_rows(table, [0])


def test_a_bad_signature_is_named(tmp_path: Path) -> None:
    write_file(tmp_path, results_file(rows=[row(signature="no fields")]))
    with pytest.raises(StoreError, match=r"de\.json: row 0: signature 'no fields'"):
        read_table(tmp_path)


def test_one_damaged_file_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path, ["A", "B", "C"])
    bad = tmp_path / "B" / "r1" / "s" / "es.json"
    data = json.loads(bad.read_text(encoding="utf-8"))
    data["rows"][0]["n_items"] = -7
    bad.write_text(signed(json.dumps(data)), encoding="utf-8")
    with pytest.raises(StoreError, match=rf"{bad}: .*rows\.0\.n_items"):
        read_table(tmp_path)


def test_progress(tmp_path: Path) -> None:
    write_folder(tmp_path, ["A", "B"])
    heard: list[tuple[int, int]] = []
    read_table(tmp_path, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (4, 4)


def test_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no results files"):
        read_table(tmp_path)


def test_a_file_without_rows(tmp_path: Path) -> None:
    write_file(tmp_path, results_file(rows=[]))
    table = read_table(tmp_path)
    assert (table.rows.num_rows, len(table.teachers)) == (0, 1)
