"""Results of several runs in one folder: nothing lost, nothing twice."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path

import pytest
from boards import results_file, row, write_file

from polyglot_harness.errors import ConfigError, StoreError
from polyglot_harness.leaderboard.records import ResultsFile
from polyglot_harness.leaderboard.results import (
    merge_results,
    read_file,
    read_files,
    results_path,
    write_results,
)


def tree(root: Path) -> dict[str, bytes]:
    files = (p for p in sorted(root.rglob("*")) if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


def test_rows_are_added_by_signature(tmp_path: Path) -> None:
    first = merge_results(tmp_path, [results_file(rows=[row(seed=0)])])
    assert (first.added, first.unchanged, first.replaced) == (1, 0, 0)
    again = merge_results(tmp_path, [results_file(rows=[row(seed=0), row(seed=1)])])
    assert (again.added, again.unchanged, again.replaced) == (1, 1, 0)
    assert first.written == again.written == [tmp_path / "A" / "r1" / "s" / "de.json"]
    assert [r.seed for r in read_file(first.written[0]).rows] == [0, 1]


def test_the_same_again_changes_no_byte(tmp_path: Path) -> None:
    files = [results_file(t, lang) for t in "AB" for lang in ("de", "es")]
    merge_results(tmp_path / "x", files)
    before = tree(tmp_path / "x")
    # other times and machines do not make another result
    other = [
        row(f.language, teacher=f.teacher.name, provenance=(("date", "later"),)) for f in files
    ]
    later = [f.model_copy(update={"rows": (r,)}) for f, r in zip(files, other, strict=True)]
    again = merge_results(tmp_path / "x", later)
    assert (again.written, again.unchanged, again.added) == ([], 4, 0)
    assert tree(tmp_path / "x") == before
    merge_results(tmp_path / "y", reversed(files))
    assert tree(tmp_path / "y") == before


def test_another_row_of_the_same_signature(tmp_path: Path) -> None:
    merge_results(tmp_path, [results_file(rows=[row(), row(seed=3)])])
    before = tree(tmp_path)
    new = row(n_examples=9)
    with pytest.raises(ConfigError, match=r"de\.json: .*differs in n_examples \(24, not 9\): lang"):
        merge_results(tmp_path, [results_file(rows=[new])])
    assert tree(tmp_path) == before
    merged = merge_results(tmp_path, [results_file(rows=[new])], replace=True)
    assert (merged.replaced, merged.added) == (1, 0)
    assert [r.n_examples for r in read_file(merged.written[0]).rows] == [9, 24]


def test_a_row_with_gaps_gives_way_to_one_with_fewer(tmp_path: Path) -> None:
    whole, broken = row(), row(items=False, raw=None, pgr=None, missing=("student", "pgr"))
    merge_results(tmp_path, [results_file(rows=[broken])])
    assert merge_results(tmp_path, [results_file(rows=[whole])]).replaced == 1
    with pytest.raises(ConfigError, match="differs in raw"):
        merge_results(tmp_path, [results_file(rows=[broken])])


def test_the_last_facts_count(tmp_path: Path) -> None:
    merge_results(tmp_path, [results_file()])
    merge_results(tmp_path, [results_file(facts={"licence": "MIT"})])
    ((_, file),) = read_files(tmp_path)
    assert file.teacher.licence == "MIT"


def test_a_damaged_file_is_written_anew_only_if_asked(tmp_path: Path) -> None:
    path = write_file(tmp_path, results_file())
    path.write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="cut short"):
        merge_results(tmp_path, [results_file()])
    merge_results(tmp_path, [results_file()], replace=True)
    assert len(read_file(path).rows) == 1


def _add(root: Path, seeds: list[int], barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    for seed in seeds:
        merge_results(root, [results_file(rows=[row(seed=seed)])])


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    halves = ([0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9])
    both = [context.Process(target=_add, args=(tmp_path, half, barrier)) for half in halves]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    ((_, file),) = read_files(tmp_path)
    assert sorted(r.seed or 0 for r in file.rows) == list(range(10))


def _many(count: int) -> list[ResultsFile]:
    one = row()
    return [results_file(f"t{n}", rows=[one]) for n in range(count)]


def _add_many(root: Path, count: int) -> None:
    merge_results(root, _many(count))


def test_a_kill_leaves_whole_files_and_is_made_good(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_add_many, args=(tmp_path, 400))
    process.start()
    while process.is_alive() and len(list(tmp_path.glob("t*/r1/s/de.json"))) < 5:
        pass
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    left = len(list(read_files(tmp_path)))
    merged = merge_results(tmp_path, _many(400))
    assert 5 <= left < 400 and (merged.unchanged, merged.added) == (left, 400 - left)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        merge_results(tmp_path / "file" / "results", [results_file()])


def test_a_run_has_its_own_results_and_no_others(tmp_path: Path) -> None:
    old: list[ResultsFile] = [results_file("A"), results_file("gone")]
    write_results(tmp_path, old)
    written = write_results(tmp_path, [results_file("A", rows=[row(seed=7)])])
    assert list(tree(tmp_path)) == [str(results_path(old[0]))]
    assert written == [tmp_path / results_path(old[0])]
    assert [r.seed for r in read_file(written[0]).rows] == [7]
