"""Which rows are ranked together, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from boards import results_file, row, write_file, write_folder

from polyglot_harness.errors import ConfigError
from polyglot_harness.leaderboard.boards import BoardOptions, board_groups, board_titles
from polyglot_harness.leaderboard.grouping import Group
from polyglot_harness.leaderboard.leftover import MOST_LINES
from polyglot_harness.leaderboard.records import ResultsFile, Row
from polyglot_harness.leaderboard.results import ResultsTable, read_table

SMALL: Mapping[str, int] = {"mmlu": 8}


def made(
    teacher: str, language: str = "de", *, rows: Sequence[Row] | None = None, **of: object
) -> ResultsFile:
    """A small file; `conditions` are fields of the signature that are not as usual."""
    return results_file(teacher, language, rows=rows, tasks=SMALL, **of)


def rows(*seeds: int, teacher: str = "A", language: str = "de", **of: object) -> list[Row]:
    return [row(language, teacher=teacher, seed=seed, tasks=SMALL, **of) for seed in seeds]  # type: ignore[arg-type]


def table_of(root: Path, *files: ResultsFile) -> ResultsTable:
    for file in files:
        write_file(root, file)
    return read_table(root)


def groups_of(root: Path, *files: ResultsFile, **options: object) -> list[Group]:
    return board_groups(table_of(root, *files), BoardOptions(**options))  # type: ignore[arg-type]


def test_teachers_and_languages_make_one_board(tmp_path: Path) -> None:
    table = read_table(write_folder(tmp_path, "BCA", ("es", "de"), tasks=SMALL))
    (group,) = board_groups(table)
    assert (group.names, group.languages, group.seeds) == (("A", "B", "C"), ("de", "es"), (0,))
    assert (group.cells, group.left_out, group.split) == (6, (), False)
    for t, name in enumerate(group.names):
        for j, language in enumerate(group.languages):
            line = table.rows.slice(int(group.rows[t, j, 0]), 1).to_pylist()[0]
            assert table.teachers[line["teacher_id"]].name == name
            assert line["language"] == language
    assert [table.teachers[i].name for i in group.teachers] == ["A", "B", "C"]
    assert ("n", "16") in group.conditions
    assert not {"lang", "seed", "tasks", "pack"} & {name for name, _ in group.conditions}


def test_a_missing_cell(tmp_path: Path) -> None:
    (group,) = groups_of(tmp_path, made("A"), made("A", "es"), made("B", "es"))
    assert group.rows[1, 0, 0] == -1 and group.cells == 3


@pytest.mark.parametrize("field", ["n", "sft", "ref", "intr", "version", "new"])
def test_conditions_that_differ_make_boards_of_their_own(tmp_path: Path, field: str) -> None:
    files = made("A"), made("B"), made("C", conditions={field: "other"})
    table = table_of(tmp_path, *files)
    groups = board_groups(table)
    assert [group.names for group in groups] == [("A", "B"), ("C",)]
    assert len({group.key for group in groups}) == 2
    usual, other = board_titles(table, groups)
    assert usual != other and other == f"s · {field} other"


def test_students_and_mixtures_make_boards_of_their_own(tmp_path: Path) -> None:
    half = made("A", student="t").student.model_copy(update={"name": "s", "revision": "2" * 40})
    table = table_of(
        tmp_path,
        made("A"), made("A", student="t"), made("B", student="t"),
        made("A").model_copy(update={"student": half}),
        made("B", rows=rows(0, teacher="B", mixture="pinch:40")),
    )  # fmt: skip
    groups = board_groups(table)
    titles = dict(zip(board_titles(table, groups), (g.names for g in groups), strict=True))
    assert titles == {
        "t": ("A", "B"), "s@222222222222": ("A",), "s@? · alone": ("A",),
        "s@? · pinch:40": ("B",),
    }  # fmt: skip


def test_the_variant_that_most_teachers_have_stays(tmp_path: Path) -> None:
    old = {"pack": "b235"}
    (group,) = groups_of(
        tmp_path,
        made("A", conditions=old), made("B", conditions={"pack": "91fe"}),
        made("C", conditions={"pack": "91fe"}), made("A", "es", conditions=old),
    )  # fmt: skip
    assert group.left_out == ("A (de): pack b235, the board has 91fe",)
    assert (group.rows[:, :, 0] >= 0).tolist() == [[False, True], [True, False], [True, False]]
    assert "pack:91fe" in group.signatures[0] and "pack:b235" in group.signatures[1]


def test_every_differing_field_of_a_variant_is_named(tmp_path: Path) -> None:
    (group,) = groups_of(
        tmp_path, made("A"), made("B"), made("C", conditions={"tasks": "ffff", "pool": "v1"})
    )
    usual = dict(part.split(":", 1) for part in group.signatures[0].split("|"))["tasks"]
    assert group.left_out == (
        f"C (de): pool v1, the board has none; tasks ffff, the board has {usual}",
    )
    assert group.names == ("A", "B")


@pytest.mark.parametrize("order", ["AB", "BA"])
def test_a_tie_of_variants_does_not_depend_on_order(tmp_path: Path, order: str) -> None:
    packs = {"A": "1111", "B": "2222"} if order == "AB" else {"B": "1111", "A": "2222"}
    (group,) = groups_of(tmp_path, *(made(t, conditions={"pack": packs[t]}) for t in order))
    assert group.names == (order[1],) and "pack:2222" in group.signatures[0]


def test_revisions_are_teachers_of_their_own(tmp_path: Path) -> None:
    long = "0123456789ab" + "c" * 28
    (group,) = groups_of(
        tmp_path, made("A", revision=long), made("A", revision="main"), made("B", revision=long)
    )
    assert group.names == ("A@0123456789ab", "A@main", "B")


def test_revisions_that_begin_alike_are_shown_whole(tmp_path: Path) -> None:
    one, other = "0123456789ab1", "0123456789ab2"
    (group,) = groups_of(tmp_path, made("A", revision=one), made("A", revision=other))
    assert group.names == (f"A@{one}", f"A@{other}")


def test_names_stay_unique(tmp_path: Path) -> None:
    files = made("A", revision="x"), made("A", revision="y"), made("A@x", revision="z")
    (group,) = groups_of(tmp_path, *files)
    assert len(set(group.names)) == 3


def test_seeds_in_common(tmp_path: Path) -> None:
    (group,) = groups_of(
        tmp_path,
        made("A", rows=rows(0, 1, 2)), made("B", rows=rows(2, 1, 3, teacher="B")),
        made("B", "es", rows=rows(1, 2, teacher="B", language="es")),
    )  # fmt: skip
    assert group.seeds == (1, 2) and group.rows.shape == (2, 2, 2)
    assert group.left_out == (
        "A (de): seed 0, which not all cells have (shared: 1, 2)",
        "B (de): seed 3, which not all cells have (shared: 1, 2)",
    )
    assert "seed:1+2" in group.signatures[0]


def test_no_seed_in_common(tmp_path: Path) -> None:
    table = table_of(
        tmp_path, made("A", rows=rows(0)), made("B", rows=rows(1, teacher="B")),
        made("C", rows=rows(1, teacher="C")),
    )  # fmt: skip
    groups = board_groups(table)
    assert [(g.names, g.seeds, g.left_out) for g in groups] == [
        (("B", "C"), (1,), ()), (("A",), (0,), ()),
    ]  # fmt: skip
    assert board_titles(table, groups) == ["s · seed 1", "s · seed 0"]


@pytest.mark.parametrize("seed", [None, 0])
def test_rows_without_a_seed(tmp_path: Path, seed: int | None) -> None:
    foreign = [r.model_copy(update={"seed": None, "signature": "lang:de|n:16"}) for r in rows(0)]
    foreign = [r.model_copy(update={"seed": seed}) for r in foreign]
    (group,) = groups_of(tmp_path, made("A", rows=foreign))
    assert group.seeds == (() if seed is None else (0,))
    assert group.signatures == ("lang:de|n:16",)


def test_a_row_that_comes_twice(tmp_path: Path) -> None:
    """Rows of one condition may differ in the order of their fields."""
    (first,) = rows(0)
    turned = "|".join(reversed(first.signature.split("|")))
    again = first.model_copy(update={"signature": turned, "raw": 0.9})
    table = table_of(tmp_path, made("A", rows=[first, again]))
    (group,) = board_groups(table)
    assert group.left_out == ("A (de): there twice, the first is used",)
    assert table.rows.column("raw")[int(group.rows[0, 0, 0])].as_py() == first.raw


def test_many_left_out_rows_are_counted(tmp_path: Path) -> None:
    one = {"pack": "1111"}
    winners = [made(f"w{i}") for i in range(MOST_LINES + 8)]
    losers = [made(f"x{i:03}", conditions=one) for i in range(MOST_LINES + 7)]
    (group,) = groups_of(tmp_path, *winners, *losers)
    assert len(group.left_out) == MOST_LINES + 1 and group.left_out[-1] == "and 7 more"


def test_filters(tmp_path: Path) -> None:
    files = [made(t, l, student=s) for t in "AB" for l in ("de", "es") for s in ("s", "t")]  # noqa: E741
    table = table_of(tmp_path, *files)
    (group,) = board_groups(table, BoardOptions(languages=("es",), students=("t",)))
    assert (group.languages, table.students[group.student].name) == (("es",), "t")
    for options, message in [
        (BoardOptions(languages=("es", "xx")), "language 'xx'.*de, es"),
        (BoardOptions(students=("S",)), "student 'S'.*s, t"),
    ]:
        with pytest.raises(ConfigError, match=message):
            board_groups(table, options)


def test_a_key_is_safe_and_depends_on_nothing_but_its_board(tmp_path: Path) -> None:
    files = [made("A", student="../Ü <b>"), made("A", student="../Ü  b")]
    alone = {groups_of(tmp_path / str(i), file)[0].key for i, file in enumerate(files)}
    both = {group.key for group in groups_of(tmp_path / "both", *files)}
    assert alone == both and len(both) == 2
    assert all(key.isascii() and not set(key) & set("/\\<> ") and key[0] != "." for key in both)


def test_nothing_to_group(tmp_path: Path) -> None:
    table = table_of(tmp_path, made("A"))
    empty = ResultsTable(table.rows.slice(0, 0), table.teachers, table.students, tmp_path)
    assert board_groups(empty) == []
    assert board_titles(empty, []) == []


def test_chunks_of_a_table_are_one(tmp_path: Path) -> None:
    table = read_table(write_folder(tmp_path, "ABC", tasks=SMALL))
    parts = [table.rows.slice(i, 1) for i in range(table.rows.num_rows)]
    cut = ResultsTable(pa.concat_tables(parts), table.teachers, table.students, tmp_path)
    (whole,), (group,) = board_groups(table), board_groups(cut)
    assert np.array_equal(whole.rows, group.rows) and whole.key == group.key
