"""`leaderboard build` and `show`, from the command line, on results files."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from boards import results_file, row, write_file, write_folder
from conftest import Cli

from polyglot_harness.leaderboard.records import Row

HOSTILE = "=cmd|' /C calc'!A0"
SCRIPT = "<script>alert(1)</script>"


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def read(out: Path) -> list[dict[str, str]]:
    with (out / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("record") / "results"
    return write_folder(root, {"A": 0.4, "B": 0.45, "C": 0.6}, ("ar", "de"), seeds=(0, 1))


def test_build_writes_everything_and_again_the_same_bytes(
    cli: Cli, record: Path, tmp_path: Path
) -> None:
    first = cli("leaderboard", "build", record, "-o", tmp_path / "one")
    assert first.returncode == 0, first.stderr
    assert "12 rows added" in first.stdout
    made = digests(tmp_path / "one")
    assert {"LEADERBOARD.md", "leaderboard.csv", "site/index.html"} <= set(made)
    assert cli("leaderboard", "build", record, "-o", tmp_path / "two").returncode == 0
    assert digests(tmp_path / "two") == made
    again = cli("leaderboard", "build", record, "-o", tmp_path / "one")
    assert "0 rows added, 0 replaced, 12 there already" in again.stdout
    assert digests(tmp_path / "one") == made


def test_the_csv_holds_each_cell(cli: Cli, record: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("leaderboard", "build", record, "-o", out, "--no_page").returncode == 0
    assert not (out / "site").exists()
    cells = read(out)
    assert {(c["teacher"], c["language"]) for c in cells} == {
        (teacher, language) for teacher in "ABC" for language in ("ar", "de")
    }
    for cell in cells:
        assert float(cell["gain_low"]) < float(cell["gain"]) < float(cell["gain_high"])
        assert float(cell["gain"]) == pytest.approx(float(cell["raw"]) - float(cell["base"]))
        assert cell["seeds"] == "0+1"
    best = {c["teacher"] for c in cells if c["rank"] == "1"}
    assert best == {"C"}
    text = (out / "LEADERBOARD.md").read_text()
    assert "| 1 | 1 | C |" in text and "P(A better)" in text


def test_names_do_no_harm(cli: Cli, tmp_path: Path) -> None:
    for name in (HOSTILE, SCRIPT, "a|b\n## c"):
        for language in ("ar", "de"):
            write_file(tmp_path / "results", results_file(name, language))
    done = cli("leaderboard", "build", tmp_path / "results", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    names = {c["teacher"] for c in read(tmp_path / "out")}
    assert names == {f"'{HOSTILE}", SCRIPT, "a|b\n## c"}
    text = (tmp_path / "out/LEADERBOARD.md").read_text()
    assert "<script>" not in text and "\n## c" not in text
    for page in (tmp_path / "out/site").rglob("*.html"):
        assert "<script>alert" not in page.read_text()


def test_dry_run_writes_nothing(cli: Cli, record: Path, tmp_path: Path) -> None:
    done = cli("leaderboard", "build", record, "-o", tmp_path / "out", "--dry_run")
    assert done.returncode == 0 and "12 rows, 12 of them new" in done.stdout
    assert not (tmp_path / "out").exists()


def test_another_row_of_the_same_signature(cli: Cli, tmp_path: Path) -> None:
    results = write_folder(tmp_path / "out/results", ["A", "B"])
    other = tmp_path / "other"
    write_file(other, results_file("A", "de", rows=[row("de", skill=0.9, conditions={
        "base": "s@8f80"})]))  # fmt: skip
    refused = cli("leaderboard", "build", other, "-o", tmp_path / "out", "--no_page")
    assert refused.returncode == 2
    assert "another row of the same signature" in refused.stderr and "--replace" in refused.stderr
    before = digests(results)
    replaced = cli("leaderboard", "build", other, "-o", tmp_path / "out", "--no_page", "--replace")
    assert "1 replaced" in replaced.stdout and digests(results) != before


@pytest.mark.parametrize(
    ("spoil", "status", "says"),
    [
        (lambda text: text[: len(text) // 2], 5, "cut short"),
        (lambda text: text.replace('"n_examples":24', '"n_examples":25'), 5, "sha256"),
        (lambda text: "", 5, ""),
        (lambda text: "[]", 5, ""),
    ],
)
def test_a_damaged_file_adds_nothing(
    cli: Cli, record: Path, tmp_path: Path, spoil: object, status: int, says: str
) -> None:
    shutil.copytree(record, tmp_path / "results")
    path = next(p for p in sorted((tmp_path / "results").rglob("*.json")))
    text = path.read_text()
    spoilt = spoil(text)  # type: ignore[operator]
    assert spoilt != text
    path.write_text(spoilt)
    done = cli("leaderboard", "build", tmp_path / "results", "-o", tmp_path / "out")
    assert done.returncode == status
    assert done.stderr.count("\n") == 1 and str(path) in done.stderr and says in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_empty_record_says_how_to_begin(cli: Cli, tmp_path: Path) -> None:
    done = cli("leaderboard", "build", "-o", tmp_path / "out")
    assert done.returncode == 2 and "leaderboard build RUN" in done.stderr
    assert not (tmp_path / "out").exists()


def test_files_without_rows(cli: Cli, tmp_path: Path) -> None:
    write_file(tmp_path / "out/results", results_file("A", "de", rows=[]))
    done = cli("leaderboard", "build", "-o", tmp_path / "out")
    assert done.returncode == 2 and "no teacher to rank" in done.stderr
    assert not (tmp_path / "out/LEADERBOARD.md").exists()
    shown = cli("leaderboard", "show", tmp_path / "out/results")
    assert shown.returncode == 2 and "no rows in its files" in shown.stderr


def test_one_teacher_and_nothing_measured(cli: Cli, tmp_path: Path) -> None:
    numbers = ("raw", "base", "reference", "gain", "gap", "pgr")
    nothing = dict.fromkeys((*numbers, *(f"{n}_stderr" for n in numbers if n[0] in "rgp")))
    nothing.pop("reference_stderr")
    changes = {"items": (), "measurements": (), "flags": (), "missing": ("student",), **nothing}
    made = Row.model_validate({**row("de").model_dump(), **changes})
    write_file(tmp_path / "results", results_file("A", "de", rows=[made]))
    done = cli("leaderboard", "build", tmp_path / "results", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Only one teacher" in done.stdout
    (cell,) = read(tmp_path / "out")
    assert cell["raw"] == cell["stable"] == cell["rank"] == ""


def test_what_differs_is_not_ranked_together(cli: Cli, tmp_path: Path) -> None:
    results = write_folder(tmp_path / "results", ["A", "B"])
    odd = results_file("C", "de", rows=[row("de", conditions={"base": "s@8f80", "pack": "ffff"})])
    write_file(results, odd)
    done = cli("leaderboard", "build", results, "-o", tmp_path / "out", "--no_page")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out/LEADERBOARD.md").read_text()
    assert "Not ranked with these" in text and "pack" in text and "ffff" in text


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("teacher", "P(better)"),
        ("language", "Stable by language"),
        ("student", "Gain by student"),
        ("strategy", "generate+translate"),
        ("cost", "◆"),
    ],
)
def test_show(cli: Cli, record: Path, by: str, says: str) -> None:
    done = cli("leaderboard", "show", record, "--by", by, COLUMNS="100")
    assert done.returncode == 0, done.stderr
    if by == "language":
        says = says if "Stable" in done.stdout else "Polyglot by language"
    assert says in done.stdout
    tables = [line for line in done.stdout.splitlines() if "[" in line and "—" not in line[:1]]
    assert all(name in done.stdout for name in "ABC") and tables


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--board", "zzz"], "unknown board 'zzz'; valid: s-alone"),
        (["--languages", "xx"], "unknown language 'xx'"),
        (["--students", "zz"], "unknown student 'zz'"),
        (["--limit", "0"], "--limit 0"),
        (["--resamples", "3"], "--resamples"),
        (["--alpha", "2"], "--alpha"),
    ],
)
def test_show_refuses(cli: Cli, record: Path, arguments: list[str], says: str) -> None:
    done = cli("leaderboard", "show", record, *arguments)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr


def test_show_says_what_each_strategy_had_accepted(cli: Cli, tmp_path: Path) -> None:
    metrics = {"acceptance_rate_generate": 0.25, "acceptance_rate_translate": 0.75}
    for teacher in "AB":
        file = results_file(teacher, metrics=metrics)
        changed = [
            m.model_copy(update={"value": metrics[m.name]}) if m.name in metrics else m
            for m in file.rows[0].measurements
        ]
        rows = (file.rows[0].model_copy(update={"measurements": tuple(changed)}),)
        write_file(tmp_path / "results", file.model_copy(update={"rows": rows}))
    said = cli("leaderboard", "show", tmp_path / "results", "--by", "strategy").stdout
    assert said.count("25%") == said.count("75%") == 2


def test_show_of_a_leaderboard_file(cli: Cli, tmp_path: Path) -> None:
    old = Path(__file__).parent / "data" / "leaderboard_schema_1.json"
    path = tmp_path / "leaderboard.json"
    shutil.copy(old, path)
    done = cli("leaderboard", "show", path, "--by", "language")
    assert done.returncode == 0, done.stderr
    assert all(s["teacher"] in done.stdout for s in json.loads(old.read_text())["scores"])


@pytest.mark.parametrize(("teachers", "small"), [("AB", True), ("ABCDEF", False)])
def test_a_sure_order_of_few_teachers_is_no_sure_difference(
    cli: Cli, tmp_path: Path, teachers: str, small: bool
) -> None:
    """Of two teachers each z-score is -1 or 1, however small the difference."""
    skills = {name: 0.3 + 0.06 * i for i, name in enumerate(teachers)}
    results = write_folder(tmp_path / "results", skills)
    said = cli("leaderboard", "show", results).stdout.replace("\n", " ")
    assert ("compare the gains" in said) is small
    assert ("Holm's correction" in said) is not small
