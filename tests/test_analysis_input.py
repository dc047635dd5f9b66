"""What analyze reads, and what it prints: tables, sizes, the released results, the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from grids import grid, noise, r2s

from polyglot_harness.analysis.correlation import correlations
from polyglot_harness.analysis.frame import frame
from polyglot_harness.analysis.published import checks, published_rows
from polyglot_harness.analysis.report import analyse, as_json
from polyglot_harness.analysis.rows import Row, read_rows
from polyglot_harness.analysis.sizes import size_in_name, teacher_sizes
from polyglot_harness.errors import ConfigError, MissingDependency, StoreError

# --- sizes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Llama-3.1-70B-Instruct", 70), ("gemma-3-270m", 0.27), ("smollm2-135m-instruct", 0.135),
        ("granite-4.0-1b", 1), ("aya_expanse_32b", 32), ("Qwen3-30B-A3B", 30), ("Phi-3.5B", 3.5),
        ("OLMo-3-7B/OLMo-3-7B", 7), ("Mixtral-8x7B", None), ("3b-to-7b", None),
        ("gpt-4o-mini", None),
        ("granite-4.0-micro", None), ("gemma-3n-E4B-it", None), ("a5fd3b62", None), ("0b", None),
    ],
)  # fmt: skip
def test_size_in_name(name: str, billions: float | None) -> None:
    assert size_in_name(name) == billions


def test_where_a_size_comes_from() -> None:
    rows = [
        Row("a-7b", "de", "", {"size_b": "8"}, "f:1"),
        Row("b-7b", "de", "", {"size_b": ""}, "f:2"),
        Row("c-7b", "de", "", {}, "f:3"),
        Row("d", "de", "", {}, "f:4", model="org/d-2b"),
        Row("e", "de", "", {}, "f:5"),
    ]
    assert teacher_sizes(rows, {"c-7b": 9}) == {
        "a-7b": (8, "column size_b"), "b-7b": (7, "its name"), "c-7b": (9, "--sizes"),
        "d": (2, "the model of its card"), "e": (None, "not known"),
    }  # fmt: skip
    with pytest.raises(ConfigError, match="f:6: size_b of a-7b is 9"):
        teacher_sizes([*rows, Row("a-7b", "es", "", {"size_b": 9}, "f:6")], {})


# --- reading -----------------------------------------------------------------------------------

CSV = "teacher,language,m,raw\na,de,1.5,0.25\na,es,,0.5\nb,de,2.0,0.75\n"
VALUES = [{"m": 1.5, "raw": 0.25}, {"m": None, "raw": 0.5}, {"m": 2.0, "raw": 0.75}]


def test_tables_of_all_forms_are_the_same(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = [("a", "de"), ("a", "es"), ("b", "de")]
    rows = [{"teacher": t, "language": c, **v} for (t, c), v in zip(keys, VALUES, strict=True)]
    (tmp_path / "x.csv").write_text(CSV, encoding="utf-8-sig")
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    from polyglot_harness.analysis.rows import number

    for form in ("csv", "jsonl", "parquet"):
        read = read_rows([tmp_path / f"x.{form}"])
        assert [(r.teacher, r.language) for r in read] == keys
        assert [{n: number(r, n) for n in ("m", "raw")} for r in read] == VALUES


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", CSV + "a,de,1,2\n", r"two cells of a in de: .*x.csv:2 and .*x.csv:5; keep one"),
        ("x.csv", "teacher,m\na,1\n", r"x.csv:2: no 'language'"),
        ("x.csv", CSV + "b,es\n", r"x.csv:5: not as many fields as the header"),
        ("x.csv", "", r"no cells to analyse"),
        ("x.csv", "teacher,language\n\xff,de\n", r"x.csv: not a CSV file in UTF-8"),
        ("x.jsonl", "{}\n", r"x.jsonl:1: no 'teacher'"),
        ("x.jsonl", "[1]\n", r"x.jsonl:1: expected a JSON object"),
        ("x.parquet", "no", r"x.parquet: not a Parquet file"),
        ("x.txt", "no", r"x.txt: expected a run folder, a leaderboard.json, or a table"),
        ("leaderboard.json", "{", r"leaderboard.json: damaged or cut short"),
    ],
)
def test_broken_tables(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises((ConfigError, StoreError), match=message):
        read_rows([tmp_path / name])


def test_missing_inputs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file or folder"):
        read_rows([tmp_path / "nothing"])
    with pytest.raises(ConfigError, match="no such file$"):
        read_rows([tmp_path / "nothing.csv"])
    with pytest.raises(ConfigError, match="make it with: polyglot-harness score"):
        read_rows([tmp_path])


def a_run(folder: Path, teachers: tuple[str, ...] = ("x-1b", "y", "z-8b"), n: int = 8) -> Path:
    """A leaderboard of teachers in two languages, as a run leaves it, and the run's spec."""
    from polyglot_harness.leaderboard import rank, write_leaderboard
    from polyglot_harness.spec import Measurement, PolyglotScore

    rng = np.random.default_rng(5)
    absent = dict.fromkeys(("raw_stderr", "gain_stderr", "base", "reference", "gap", "gap_stderr",
                            "pgr_stderr", "score", "score_stderr", "stable"))  # fmt: skip
    scores = [
        PolyglotScore.model_validate({
            "teacher": teacher, "language": code, "student": "s", "signature": f"lang:{code}|n:{n}",
            "raw": rng.random(), "gain": rng.random(), "pgr": rng.random(), "z": rng.random(),
            "flags": ("anchor_weak",) if code == "es" else (), **absent,
            "measurements": tuple(
                Measurement(name=name, language=code, value=rng.random(), stderr=0.1, n=8)
                for name in ("perplexity", "prompt_length", "acceptance_rate")
            ),
        })
        for teacher in teachers
        for code in ("de", "es")
    ]  # fmt: skip
    write_leaderboard(folder, scores, rank(scores), ())
    cards = [{"name": "y", "model_args": [["pretrained", "org/y-4b"]]}]
    (folder / "run.json").write_text(json.dumps({"teachers": cards}), encoding="utf-8")
    return folder


def test_a_run_folder(tmp_path: Path) -> None:
    rows = read_rows([a_run(tmp_path)])
    data = frame(rows, outcome="pgr")
    assert data.metrics == ("prompt_length", "perplexity")[::-1]
    assert [s[1:] for s in data.size_sources] == [
        (1, "its name"), (4, "the model of its card"), (8, "its name"),
    ]  # fmt: skip
    assert any("pgr rests on an anchor that is not sound in: es" in note for note in data.notes)
    assert not any("anchor" in note for note in frame(rows).notes)
    assert frame(rows).outcome == "gain"


def test_the_csv_of_a_leaderboard_says_the_same(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    board = frame(read_rows([run]), outcome="pgr", sizes={"y": 4})
    table = frame(read_rows([run / "leaderboard.csv"]), outcome="pgr", sizes={"y": 4})
    assert as_json((analyse(board),), {}, None) == as_json((analyse(table),), {}, None)


def test_runs_of_other_conditions_are_named(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / "a"), a_run(tmp_path / "b", ("w",), n=9)]
    notes = frame(read_rows(runs)).notes
    assert "the cells were not made under the same conditions: differ in n" in notes


# --- the published results ---------------------------------------------------------------------


def test_anchors_behind_the_released_pgr() -> None:
    _, anchors = published_rows()
    gaps = {a.language: None if a.gap is None else round(a.gap, 4) for a in anchors}
    assert gaps == {
        "ar": 0.0149,
        "cs": -0.0204,
        "de": -0.019,
        "es": -0.043,
        "id": -0.0148,
        "ja": None,
    }
    (ja,) = [a for a in anchors if a.language == "ja"]
    assert ja.residual > 0.4


def test_the_released_components_and_scores() -> None:
    found = checks(published_rows()[0])
    assert found["orthonormal_to"] < 1e-12
    assert found["explained_variance_sum"] == pytest.approx(1)
    assert found["pg_score_is_half_z_half_pgr_to"] < 1e-12
    could_be = found["target"]["r2_if_target_were"]
    assert could_be["raw"] > 1  # no R2 can be: it was not the raw score
    assert could_be["pg_score"] == pytest.approx(0.664, abs=0.04)
    assert abs(could_be["pgr"] - 0.664) > 0.3
    circular = found["circular"]
    # numpy.corrcoef(z, pg_score)[0, 1] ** 2 of the released file
    assert circular["r2_of_pg_score_on_z"] == pytest.approx(0.4717600699)
    assert circular["r2_of_pg_score_on_z_if_pgr_is_shuffled"] == pytest.approx(0.2754, abs=0.01)
    assert found["r2_of_pgr_on_z"] == pytest.approx(0.0868815713)


def test_does_the_released_z_predict_the_student() -> None:
    """Golden values of scipy.stats.spearmanr and numpy.corrcoef on the released file."""
    rows, _ = published_rows()
    for outcome, rho, r2 in (
        ("raw", -0.4791169908, 0.1091168735),
        ("pgr", 0.4070408886, 0.0868815713),
    ):
        data = frame(rows, outcome=outcome, metrics=["z"])
        found = {c.language: c.rho for c in correlations(data)}
        assert found["all"] == pytest.approx(rho)
        assert found["es"] == pytest.approx({"raw": -1, "pgr": 1}[outcome] * 0.7454545455)
        ours = r2s(data, 1)
        assert ours["in_sample"] == pytest.approx(r2)
        assert ours["leave_teacher_out"] < 0  # type: ignore[operator]


# --- the command -------------------------------------------------------------------------------


def write_csv(path: Path, rows: list[Row]) -> Path:
    names = list(rows[0].values)
    lines = [",".join(["teacher", "language", *names])]
    lines += [",".join([r.teacher, r.language, *(repr(r.values[n]) for n in names)]) for r in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_command_writes_the_same_bytes(cli, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "cells.csv", grid(noise(3), teachers=6, languages=3))
    first = cli("analyze", table)
    again = cli("analyze", table, "-o", tmp_path / "again")
    assert first.returncode == again.returncode == 0, first.stderr
    folder = tmp_path / "analysis"
    names = {
        f"{n}.{form}" for n in ("pca", "outcome", "spearman", "size") for form in ("svg", "png")
    }
    assert {p.name for p in folder.iterdir()} == names | {"analysis.json"}
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    out = first.stdout
    for word in (
        "in-sample", "adjusted", "leave-one-out", "leave-teacher-out", "leave-language-out",
        "n = 18", "18 cells are few for 3 predictors", "PC3", "per doubling",
    ):  # fmt: skip
        assert word in out
    found = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    (analysis,) = found["analyses"]
    assert set(analysis["regression"]["r2"]) == {
        "in_sample", "adjusted", "leave_one_out", "leave_teacher_out", "leave_language_out",
    }  # fmt: skip
    assert found["inputs"].keys() == {"1: cells.csv"} and str(tmp_path) not in json.dumps(found)


def test_the_command_on_the_published_results(cli, tmp_path: Path) -> None:
    done = cli("analyze", "--published", "--outcome", "pg_score", "--allow_circular", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "CIRCULAR" in done.stdout and "0.47 ↺" in done.stdout and "70.63" in done.stdout
    assert "raw of" not in done.stdout
    assert "size not known, left out of its regression: cohere-command-a" in done.stdout
    found = json.loads(
        (tmp_path / "analysis-published" / "analysis.json").read_text(encoding="utf-8")
    )
    assert found["published"]["circular"]["r2_in_sample_released"] == pytest.approx(0.664, abs=1e-3)


def test_the_command_on_a_run(cli, tmp_path: Path) -> None:
    done = cli("analyze", a_run(tmp_path / "run"), "--outcome", "raw", "pgr")
    assert done.returncode == 0, done.stderr
    made = {p.name for p in (tmp_path / "run" / "analysis").iterdir()}
    assert {"analysis.json", "outcome-raw.svg", "outcome-pgr.svg", "size-pgr.png"} <= made


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["run folders or tables", "--published"]),
        (("cells.csv", "--published"), ["or else --published"]),
        (("nowhere.csv",), ["nowhere.csv", "no such file"]),
        (("cells.csv", "--outcome", "z"), ["contains the intrinsic z", "--allow_circular"]),
        (("cells.csv", "--components", "0"), ["--components", "at least 1"]),
        (("cells.csv", "--metrics", "beauty"), ["unknown metric 'beauty'", "m0, m1"]),
    ],
)
def test_bad_arguments_are_one_line(cli, tmp_path: Path, arguments, words) -> None:
    rows = [Row(r.teacher, r.language, "", {**r.values, "z": 1.0}, "") for r in grid(noise(2))]
    write_csv(tmp_path / "cells.csv", rows)
    done = cli("analyze", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["cells.csv"]


@pytest.mark.parametrize("package", ["statsmodels", "matplotlib"])
def test_a_missing_library_names_the_extra(package: str, tmp_path: Path, monkeypatch) -> None:
    from polyglot_harness.cli import build_parser

    monkeypatch.setitem(sys.modules, package, None)
    args = build_parser().parse_args(["analyze", "--published", "-o", str(tmp_path / "x")])
    with pytest.raises(MissingDependency, match=rf"{package} .*polyglot-harness\[analysis\]"):
        args.execute(args)
    assert not list(tmp_path.iterdir())
