"""Which rows may be ranked together: from one table of all results to boards.

Rows belong to one board if they agree in student, mixture and every field of the signature but the
teacher, the seed and `PER_LANGUAGE`. What a language brings with it must agree within the language:
the variant that most teachers have stays (on a tie the one with more rows, then the one whose text
sorts last), the others are left out and named. A cell is the mean of its seeds, so a board uses the
seeds that all its cells have; if there is none, each seed is a board of its own.

Signatures are parsed once a distinct text; all else is done on integer codes, not on rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polyglot_harness.leaderboard.leftover import Leftover, describe
from polyglot_harness.leaderboard.naming import board_key, short_keys, teacher_names
from polyglot_harness.leaderboard.ranking import PER_LANGUAGE
from polyglot_harness.signature import format_signature, parse_signature

if TYPE_CHECKING:
    from polyglot_harness.leaderboard.results import ResultsTable

IntArray = npt.NDArray[np.int64]
Fields = Mapping[str, str]
NO_SEED = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Group:
    """The rows of one board."""

    key: str
    """Readable and unique; safe as a file name."""
    student: int
    """Its number in the table's students."""
    mixture: str
    conditions: tuple[tuple[str, str], ...]
    """Fields of the signature that all rows share."""
    seeds: tuple[int, ...]
    """() where the rows have none."""
    split: bool
    """Whether each seed is a board of its own."""
    signatures: tuple[str, ...]
    """By language, without the teacher."""
    teachers: tuple[int, ...]
    """Their numbers in the table's teachers."""
    names: tuple[str, ...]
    """As shown, sorted: with the revision where there are two of a name."""
    languages: tuple[str, ...]
    rows: IntArray
    """[T, L, K] numbers of rows in the table, K the seeds; -1 for a missing cell."""
    left_out: tuple[str, ...]

    @property
    def cells(self) -> int:
        """Return the number of cells that are there."""
        return int((self.rows[:, :, 0] >= 0).sum())


@dataclass(frozen=True)
class _Codes:
    """The table's columns as integers, one a row, with what the integers stand for."""

    student: IntArray
    mixture: IntArray
    mixtures: list[str]
    teacher: IntArray
    language: IntArray
    languages: list[str]
    seed: IntArray
    """The seed itself; `NO_SEED` for none."""
    condition: IntArray
    conditions: list[tuple[tuple[str, str], ...]]
    variant: IntArray
    """Of the fields that a language brings with it."""
    variants: list[dict[str, str]]
    signature: IntArray
    signatures: list[dict[str, str]]


def group_rows(
    table: ResultsTable, *, languages: Sequence[str] = (), students: Sequence[str] = ()
) -> list[Group]:
    """Return the groups of rows that make a board each, the largest first.

    Args:
        table: All results.
        languages: Only these; () for all.
        students: Only those of these names; () for all.
    """
    codes = _codes(table)
    chosen = np.ones(table.rows.num_rows, dtype=bool)
    if languages:
        wanted = [i for i, language in enumerate(codes.languages) if language in set(languages)]
        chosen &= np.isin(codes.language, wanted)
    if students:
        wanted = [i for i, student in enumerate(table.students) if student.name in set(students)]
        chosen &= np.isin(codes.student, wanted)
    rows = np.flatnonzero(chosen)
    board = codes.condition * len(codes.mixtures) + codes.mixture
    board = board * (len(table.students) + 1) + codes.student
    groups = [
        group for part in _split(rows, board[rows]) for group in _groups(table, codes, part, False)
    ]
    keys = short_keys([group.key for group in groups])
    groups = [replace(group, key=key) for group, key in zip(groups, keys, strict=True)]
    return sorted(groups, key=lambda g: (-g.cells, g.key))


def _codes(table: ResultsTable) -> _Codes:
    column = table.rows.column
    signature, texts = _dictionary(column("signature"))
    signatures = [parse_signature(text) for text in texts]
    skip = {"teacher", "seed", *PER_LANGUAGE}
    conditions = _Numbers()
    variants = _Numbers()
    condition_of = [conditions[_part(f, lambda name: name not in skip)] for f in signatures]
    local = set(PER_LANGUAGE) - {"lang"}
    variant_of = [variants[_part(f, lambda name: name in local)] for f in signatures]
    mixture, mixtures = _dictionary(column("mixture"))
    language, languages = _dictionary(column("language"))
    seeds = column("seed").fill_null(NO_SEED).to_numpy().astype(np.int64)
    signed = np.array([_seed(fields) for fields in signatures] or [0], dtype=np.int64)
    return _Codes(
        student=_take(_merged(table.students), column("student_id").to_numpy()),
        mixture=mixture,
        mixtures=mixtures,
        teacher=_take(_merged(table.teachers), column("teacher_id").to_numpy()),
        language=language,
        languages=languages,
        seed=np.where(seeds == NO_SEED, signed[signature], seeds),
        condition=_take(condition_of, signature),
        conditions=list(conditions),
        variant=_take(variant_of, signature),
        variants=[dict(variant) for variant in variants],
        signature=signature,
        signatures=signatures,
    )


class _Numbers(dict[tuple[tuple[str, str], ...], int]):
    """Numbers things in the order in which they are first asked for."""

    def __missing__(self, key: tuple[tuple[str, str], ...]) -> int:
        self[key] = len(self)
        return self[key]


def _part(fields: Fields, belongs: Any) -> tuple[tuple[str, str], ...]:
    """Return some of a signature's fields, sorted: their order means nothing."""
    return tuple(sorted((name, value) for name, value in fields.items() if belongs(name)))


def _seed(fields: Fields) -> int:
    text = fields.get("seed", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else NO_SEED


def _dictionary(column: pa.ChunkedArray) -> tuple[IntArray, list[str]]:
    """Return a column of strings as codes and what they stand for."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    array = column.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # of an empty column
        return np.zeros(0, dtype=np.int64), []
    return array.indices.to_numpy().astype(np.int64), array.dictionary.to_pylist()


def _merged(facts: Sequence[Any]) -> list[int]:
    """Return for each teacher or student the first number of that name and revision."""
    first: dict[tuple[str, str], int] = {}
    return [first.setdefault((fact.name, fact.revision), i) for i, fact in enumerate(facts)]


def _take(numbers: Sequence[int], codes: npt.NDArray[Any]) -> IntArray:
    taken: IntArray = np.array(numbers or [0], dtype=np.int64)[codes]
    return taken


def _split(rows: IntArray, by: IntArray) -> list[IntArray]:
    """Return the rows of each value, values ascending, rows in their order."""
    if not rows.size:
        return []
    order = np.argsort(by, kind="stable")
    ends = np.flatnonzero(np.diff(by[order])) + 1
    return np.split(rows[order], ends)


def _groups(table: ResultsTable, codes: _Codes, rows: IntArray, split: bool) -> Iterator[Group]:
    """Yield the board of rows of one student and condition, or one a seed if none is shared."""
    kept, out = _most_common_variant(codes, rows)
    cells, cell = np.unique(
        codes.teacher[kept] * len(codes.languages) + codes.language[kept], return_inverse=True
    )
    seeds, seed = np.unique(codes.seed[kept], return_inverse=True)
    has = np.zeros((seeds.size, cells.size), dtype=bool)
    has[seed, cell] = True
    shared = seeds[has.all(axis=1)]
    if not shared.size:
        for part in _split(rows, codes.seed[rows]):
            yield from _groups(table, codes, part, True)
        return
    common = np.isin(codes.seed[kept], shared)
    out += [Leftover(int(r), "seed") for r in kept[~common]]
    yield _group(table, codes, kept[common], shared, out, split)


def _most_common_variant(codes: _Codes, rows: IntArray) -> tuple[IntArray, list[Leftover]]:
    """Return the rows whose language's own fields are those of most teachers, and the others."""
    several = len(codes.variants)
    both = codes.language[rows] * several + codes.variant[rows]
    found, counts = np.unique(both, return_counts=True)
    languages = found // several
    if np.unique(languages).size == found.size:
        return rows, []
    teachers = int(codes.teacher.max()) + 1
    holders = np.unique(both * teachers + codes.teacher[rows]) // teachers
    held = dict(zip(*np.unique(holders, return_counts=True), strict=True))
    best: dict[int, tuple[tuple[int, int, str], int]] = {}
    for code, count in zip(found.tolist(), counts.tolist(), strict=True):
        text = format_signature(codes.variants[code % several])
        weight = (int(held[code]), count, text)
        language = code // several
        best[language] = max(best.get(language, (weight, code)), (weight, code))
    stays = np.isin(both, [code for _, code in best.values()])
    winner = {language: code % several for language, (_, code) in best.items()}
    out = [
        Leftover(int(r), "variant", winner[int(codes.language[r])]) for r in rows[~stays].tolist()
    ]
    return rows[stays], out


def _group(
    table: ResultsTable,
    codes: _Codes,
    rows: IntArray,
    seeds: IntArray,
    out: list[Leftover],
    split: bool,
) -> Group:
    teachers = np.unique(codes.teacher[rows])
    names = teacher_names([table.teachers[i] for i in teachers])
    order = np.argsort(np.array(names, dtype=object), kind="stable")
    teachers, names = teachers[order], [names[i] for i in order]
    place = np.empty(int(teachers.max()) + 1, dtype=np.int64)
    place[teachers] = np.arange(teachers.size)
    present = np.unique(codes.language[rows])
    languages = sorted((codes.languages[i], i) for i in present.tolist())
    where = np.empty(int(present.max()) + 1, dtype=np.int64)
    where[[i for _, i in languages]] = np.arange(len(languages))
    grid = np.full((teachers.size, len(languages), seeds.size), -1, dtype=np.int64)
    index = (
        place[codes.teacher[rows]],
        where[codes.language[rows]],
        np.searchsorted(seeds, codes.seed[rows]),
    )
    places, firsts = np.unique(np.ravel_multi_index(index, grid.shape), return_index=True)
    grid.flat[places] = rows[firsts]
    out += [Leftover(int(r), "twice") for r in rows[grid[index] != rows]]
    first = int(rows[0])
    known = tuple(int(seed) for seed in seeds if seed != NO_SEED)
    one_row = grid[:, :, 0].max(axis=0)
    fields = [codes.signatures[codes.signature[r]] for r in one_row.tolist()]
    shared = codes.conditions[codes.condition[first]]
    student = int(codes.student[first])
    mixture = codes.mixtures[codes.mixture[first]]
    return Group(
        key=board_key(table.students[student], mixture, shared, known if split else None),
        student=student,
        mixture=mixture,
        conditions=tuple((n, v) for n, v in fields[0].items() if (n, v) in set(shared)),
        seeds=known,
        split=split,
        signatures=tuple(_signature(f, known) for f in fields),
        teachers=tuple(teachers.tolist()),
        names=tuple(names),
        languages=tuple(name for name, _ in languages),
        rows=grid,
        left_out=describe(out, table, codes, seeds),
    )


def _signature(fields: Fields, seeds: Sequence[int]) -> str:
    shown = {name: value for name, value in fields.items() if name != "teacher"}
    if "seed" in shown and seeds:
        shown["seed"] = "+".join(map(str, seeds))
    return format_signature(shown)
