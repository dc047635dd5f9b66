"""Import of released scores: what is read, what the audit finds, what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from polyglot_harness.analysis.published import CELLS, FOLDER
from polyglot_harness.errors import ConfigError, HarnessError
from polyglot_harness.leaderboard.importing import Request, read
from polyglot_harness.leaderboard.importing.anchor_line import back_out
from polyglot_harness.leaderboard.results import read_files
from polyglot_harness.scoring.items import FloatArray

FORMAT = "polyglot-teachers"
COLUMNS = {"teacher_model": "teacher", "target_lang": "language", "result": "raw", "pgr": "pgr",
           "z_score": "z", "pg_score": "pg_score"}  # fmt: skip


def released() -> list[dict[str, Any]]:
    """The released file, as the numbers in the package hold it."""
    with (FOLDER / CELLS).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {new: row[old] if new in ("teacher_model", "target_lang") else float(row[old])
         for new, old in COLUMNS.items()}
        for row in rows
    ]  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def imported(path: Path, student: str = "olmo3-7b-base"):
    return read(FORMAT, Request(files=(path,), student=student))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("released") / "pg_scores.jsonl", released())


# --- anchors -----------------------------------------------------------------------------------


def test_the_released_anchors_come_back(file: Path) -> None:
    files = imported(file).files
    gaps = {f.language: f.rows[0].gap for f in files}
    assert {code: gap and round(gap, 4) for code, gap in gaps.items()} == {
        "ar": 0.0149, "cs": -0.0204, "de": -0.019, "es": -0.043, "id": -0.0148, "ja": None,
    }  # fmt: skip
    flags = {f.language: f.rows[0].flags for f in files}
    # no standard error is released: that the Arabic gap is above two of them cannot be known
    assert flags == {"ar": ("anchor_weak",), "ja": ("anchor_inconsistent",)} | dict.fromkeys(
        ("cs", "de", "es", "id"), ("anchor_inverted",)
    )
    for f in files:
        (row,) = f.rows
        if row.gap is not None:
            assert row.gain is not None and row.raw is not None and row.base is not None
            assert row.gain / row.gap == pytest.approx(row.pgr, abs=1e-6)
            assert row.reference == pytest.approx(row.base + row.gap)
        else:
            assert (row.base, row.reference, row.gain) == (None, None, None)
            assert row.missing == ("base", "reference")


def line(base: float, gap: float, n: int, digits: int = 10) -> tuple[FloatArray, FloatArray]:
    raw = np.random.default_rng(n).uniform(0.3, 0.5, n)
    return raw.round(digits), ((raw - base) / gap).round(digits)


@pytest.mark.parametrize(
    ("base", "gap", "n", "digits"),
    [(0.4, 0.02, 10, 10), (0.4, -0.02, 3, 10), (0.4, 0.3, 10, 4), (0.0, -0.005, 50, 6),
     (0.9, 1e-3, 10, 12)],
)  # fmt: skip
def test_anchors_are_found_to_the_rounding(base: float, gap: float, n: int, digits: int) -> None:
    found = back_out("de", *line(base, gap, n, digits))
    assert not found.inconsistent
    assert found.gap == pytest.approx(gap, rel=10.0 ** (3 - digits), abs=10.0 ** (1 - digits))
    assert found.base == pytest.approx(base, abs=10.0 ** (1 - digits) / abs(gap))


def test_one_cell_off_the_line_is_seen() -> None:
    raw, pgr = line(0.4, 0.02, 10)
    pgr[3] += 1e-4
    found = back_out("de", raw, pgr)
    assert found.inconsistent and found.gap is None and found.whole_gap is None
    assert found.residual == pytest.approx(1e-4, rel=0.3)


def test_whole_numbers_taken_off_are_seen() -> None:
    raw, pgr = line(0.4, -0.02, 10)
    found = back_out("de", raw, pgr % 1)
    assert found.inconsistent and found.whole_gap == pytest.approx(-0.02)
    assert back_out("de", raw, np.random.default_rng(1).random(10)).whole_gap is None


@pytest.mark.parametrize("raw", [[], [0.4], [0.4, 0.4, 0.4], [0.4, 0.5]])
def test_too_few_results_tell_nothing(raw: list[float]) -> None:
    found = back_out("de", np.array(raw), np.arange(len(raw), dtype=float))
    assert found.gap is None and not found.inconsistent


def test_a_constant_pgr_has_no_anchors() -> None:
    assert back_out("de", np.array([0.1, 0.2, 0.4]), np.ones(3)).inconsistent


# --- audit -------------------------------------------------------------------------------------


def test_the_order_by_the_stable_score(file: Path) -> None:
    """Against a plain reckoning: gains are standardised by language, z is as given."""
    rows = released()
    by = {(r["teacher_model"], r["target_lang"]): r for r in rows}
    teachers = sorted({r["teacher_model"] for r in rows})
    stable, published = np.zeros(len(teachers)), np.zeros(len(teachers))
    languages = ("ar", "cs", "de", "es", "id")
    for code in languages:
        raw = np.array([by[t, code]["result"] for t in teachers])
        z = np.array([by[t, code]["z_score"] for t in teachers])
        stable += (z + (raw - raw.mean()) / raw.std()) / 2 / len(languages)
        published += np.array([by[t, code]["pg_score"] for t in teachers]) / len(languages)
    found = imported(file)
    _, order = found.tables
    shown = {row[0]: row for row in order.rows}
    for i, teacher in enumerate(teachers):
        assert shown[teacher][4] == f"{published[i]:+.3f}"
        assert shown[teacher][6] == f"{stable[i]:+.3f}"
    rho = spearmanr(stable, published).statistic
    assert any(f"Spearman of {rho:+.2f}" in note for note in found.notes)
    assert [row[0] for row in order.rows][:2] == ["gemma-3-27b-it", "aya-expanse-32b"]
    assert shown["granite-4.0-micro"][5] == "1" and shown["granite-4.0-micro"][7] == "+6"


@pytest.mark.parametrize(
    "words",
    ["missing or incomplete: none", "pg_score is z / 2 + PGR / 2 in every cell",
     "cs: the reference is 2.04 points below", "ja: no pair of anchors", "a gap of -0.53 points",
     "37 have a positive PGR though the student is worse", "from -0.45 to +0.47"],
)  # fmt: skip
def test_what_the_audit_says(file: Path, words: str) -> None:
    assert any(words in note for note in imported(file).notes)


def test_faults_of_a_file_are_found(tmp_path: Path) -> None:
    rows = released()
    rows[0]["pg_score"] += 0.25
    rows[1]["z_score"] = None
    gone = rows.pop(7)
    notes = " ".join(imported(write(tmp_path / "x.jsonl", rows)).notes)
    first, second = rows[0], rows[1]
    assert f"in 1 cells, most of all in {first['teacher_model']} ({first['target_lang']})" in notes
    assert f"{gone['teacher_model']} ({gone['target_lang']})" in notes
    assert f"{second['teacher_model']} ({second['target_lang']})" in notes


def test_one_cell_is_a_row(tmp_path: Path) -> None:
    found = imported(write(tmp_path / "x.jsonl", released()[:1]))
    (only,) = found.files
    assert only.rows[0].gain is None and only.rows[0].flags == ()
    assert any("too few different results" in note for note in found.notes)


def test_the_page_shows_what_is_found(file: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "importing.md").read_text(encoding="utf-8")
    found = imported(file)
    lines = [" ".join(line.split()) for line in page.splitlines()]
    for note in found.notes:
        assert f"note: {note}" in lines
    for row in (row for table in found.tables for row in table.rows):
        assert " ".join(row) in lines


def test_a_board_of_the_languages_that_fit(file: Path, tmp_path: Path) -> None:
    from polyglot_harness.leaderboard.boards import BoardOptions, make_boards
    from polyglot_harness.leaderboard.results import merge_results, read_table

    found = imported(file)
    merge_results(tmp_path, found.files)
    options = BoardOptions(languages=("ar", "cs", "de", "es", "id"), resamples=10)
    (board,) = make_boards(read_table(tmp_path), options)
    by_place = sorted(found.tables[1].rows, key=lambda row: int(row[5]))
    assert [row.teacher for row in board.ranking.rows] == [row[0] for row in by_place]
    assert board.ranking.ranked_by == "stable"


# --- command -----------------------------------------------------------------------------------


def test_the_command(cli: Callable[..., Any], file: Path, tmp_path: Path) -> None:
    where = ("leaderboard", "import", "--format", FORMAT, file, "--student", "olmo3-7b-base")
    dry = cli(*where, "--dry_run", cwd=tmp_path)
    assert dry.returncode == 0 and not list(tmp_path.iterdir()), dry.stderr
    assert "rows: 60, teachers: 10, languages: ar, cs, de, es, id, ja" in dry.stdout
    done = cli(*where, "--report", "sub/audit.md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "60 added" in done.stdout
    again = cli(*where, cwd=tmp_path)
    assert "0 added, 60 already there" in again.stdout
    root = tmp_path / "leaderboard" / "results"
    found = [f for _, f in read_files(root)]
    assert len(found) == 60
    one = next(f for f in found if f.teacher.name == "gemma-3-4b-it" and f.language == "de")
    assert one.rows[0].source == FORMAT and one.teacher.size_b == 4
    assert dict(one.rows[0].provenance)["file"] == "pg_scores.jsonl"
    assert one.rows[0].signature.startswith(
        f"lang:de|source:{FORMAT}|base:olmo3-7b-base|file:"
    )  # fmt: skip
    report = (tmp_path / "sub" / "audit.md").read_text(encoding="utf-8")
    assert "| ja | 10 | 10 | — | — | — |" in report and str(tmp_path) not in report


def test_the_flag_knows_all_formats() -> None:
    from polyglot_harness.cli import board_import
    from polyglot_harness.leaderboard import importing

    assert board_import.FORMATS == tuple(importing.FORMATS)


def changed(**values: Any) -> Callable[[list[dict[str, Any]]], Any]:
    return lambda rows: rows[2].update(values)


BAD: list[tuple[str, Callable[[list[dict[str, Any]]], Any], str]] = [
    ("a number missing", lambda rows: rows[2].pop("pgr"), "x.jsonl:3: no 'pgr'; each row has"),
    ("no name", changed(teacher_model=" "), "x.jsonl:3: teacher_model is ' ', expected a name"),
    ("half a letter", changed(teacher_model="x\ud800"), "x.jsonl:3: teacher_model: holds half of"),
    ("a name that is none", changed(target_lang=7), "x.jsonl:3: target_lang is 7, expected a name"),
    ("NaN", changed(pgr=float("nan")), "x.jsonl:3: pgr is nan, expected a finite number"),
    ("infinite", changed(z_score=float("inf")), "x.jsonl:3: z_score is inf"),
    ("text", changed(result="0.3"), "x.jsonl:3: result is '0.3', expected a finite number"),
    ("per cent", changed(result=33.6), "result is 33.6, not within 0 to 1; in per cent"),
    ("huge", changed(pgr=10**400), "x.jsonl:3: pgr is 1000000000000"),
    ("yes", changed(pgr=True), "x.jsonl:3: pgr is True, expected a finite number or null"),
    ("negative", changed(result=-0.1), "result is -0.1, not within 0 to 1$"),
    ("a language", changed(target_lang="dee"), "x.jsonl:3: unknown language 'dee'.*valid: ar, cs"),
    ("twice", lambda rows: rows.append(rows[0]), "two cells of .*: lines 1 and 61"),
    ("nothing", lambda rows: rows.clear(), "x.jsonl: empty"),
]


@pytest.mark.parametrize(("change", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_rows(tmp_path: Path, change: Callable[..., Any], message: str) -> None:
    rows = released()
    change(rows)
    with pytest.raises(ConfigError, match=message):
        imported(write(tmp_path / "x.jsonl", rows))


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"teacher_model": "a", "targ', "x.jsonl:1: not valid JSON"), ("\n \n", "no rows in it"),
     ("[1]\n", "x.jsonl:1: expected a JSON object"), ("\xff", "x.jsonl:1: not UTF-8")],
)  # fmt: skip
def test_files_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.jsonl").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=message):
        imported(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--student is needed"),
        (("other.jsonl", "--student", "s"), "one file at a time"),
        (("--student", "s", "--teacher", "t"), "--teacher has no use here"),
        (("--student", "s", "--metric", "acc"), "--metric has no use here"),
        (("--student", "s", "--metric", "=acc"), "expected NAME, once, or TASK=NAME"),
    ],
)
def test_flags_that_do_not_fit(cli, file: Path, tmp_path: Path, arguments, words: str) -> None:
    done = cli("leaderboard", "import", file, *arguments, "--format", FORMAT, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "message"),
    [(".", "no file, but a folder"), ("nowhere.jsonl", "no such file"),
     ("x" * 300, "name too long"),
     ("/dev/null", "no file, but a folder or a device"), ("a\0b", "no such file")],
)  # fmt: skip
def test_no_file(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        imported(tmp_path / path)


def test_names_of_others_do_no_harm(cli, tmp_path: Path) -> None:
    rows = released()[::6][:3]
    names = ("../../../etc/x", "<script>|[bold]", "=1+1")
    for row, name in zip(rows, names, strict=True):
        row["teacher_model"] = name
    path = write(tmp_path / "x.jsonl", rows)
    done = cli("leaderboard", "import", "--format", FORMAT, path, "--student", "a|b\nc",
               "--report", "r.md", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in names)
    root = tmp_path / "leaderboard" / "results"
    assert len([f for _, f in read_files(root)]) == len(rows)
    assert {p.name for p in tmp_path.iterdir()} == {"x.jsonl", "r.md", "leaderboard"}
    assert "<script" not in (tmp_path / "r.md").read_text(encoding="utf-8")
