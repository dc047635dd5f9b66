"""``leaderboard export``: one flat table, in four forms."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from boards import results_file, row, write_file, write_folder
from conftest import Cli
from hub_server import TOKEN, serve

from polyglot_harness.cli import main
from polyglot_harness.errors import ConfigError
from polyglot_harness.leaderboard.exporting import dataset_card, flat_table, write_dataset
from polyglot_harness.leaderboard.results import NUMBERS
from polyglot_harness.spec import Measurement


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two teachers, of which one has a name that a spreadsheet would run."""
    folder = tmp_path_factory.mktemp("board") / "results"
    write_folder(folder, ["=1+1", "B"], ["de", "es"], seeds=(0, 1))
    write_file(folder, results_file("C", "cs", rows=[row("cs", raw=None, seed=None)]))
    return folder


def export(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["leaderboard", "export", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_parquet(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = export(capsys, root, "-o", tmp_path / "x" / "b.parquet")
    assert (status, out.startswith("9 rows (teachers: 3, languages: 3): ")) == (0, True)
    rows = pq.read_table(tmp_path / "x" / "b.parquet").to_pylist()
    first = rows[0]
    assert (first["teacher"], first["teacher_licence"], first["student"]) == (
        "=1+1", "Apache-2.0", "s",
    )  # fmt: skip
    assert set(NUMBERS) <= first.keys() and isinstance(first["n_items"], int)
    assert {"perplexity", "perplexity_stderr", "corr:perplexity:response_distinct_ri"} <= (
        first.keys()
    )
    assert not {"teacher_id", "path", "row", "score"} & first.keys()
    assert [(r["raw"], r["seed"]) for r in rows if r["teacher"] == "C"] == [(None, None)]
    assert [p.name for p in (tmp_path / "x").iterdir()] == ["b.parquet"]


def test_csv_begins_no_formula(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(capsys, root, "--to", "csv", "-o", tmp_path / "b.csv")[0] == 0
    with (tmp_path / "b.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parquet = flat_table([root]).to_pylist()
    assert [r["teacher"].removeprefix("'") for r in rows] == [r["teacher"] for r in parquet]
    assert {r["teacher"] for r in rows} == {"'=1+1", "B", "C"}
    assert [float(r["gain"]) for r in rows] == [r["gain"] for r in parquet]
    assert [r["raw"] for r in rows if r["teacher"] == "C"] == [""]


def test_jsonl(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(capsys, root, "--to", "jsonl", "-o", tmp_path / "b.jsonl")[0] == 0
    lines = (tmp_path / "b.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == flat_table([root]).to_pylist()


def test_several_are_merged(root: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "run" / "results", {"D": 0.4}, ["de"])
    (tmp_path / "run" / "run.json").write_text("{}", encoding="utf-8")
    assert flat_table([root, tmp_path / "run", root]).num_rows == 10
    write_folder(tmp_path / "other", {"B": 0.9}, ["de"])
    with pytest.raises(ConfigError, match="another row of the same signature, which differs in"):
        flat_table([root, tmp_path / "other"])


def test_a_measurement_may_have_the_name_of_a_column(tmp_path: Path) -> None:
    clash = (Measurement(name="raw", language="de", value=9.0, stderr=1.0, n=1),)
    write_file(tmp_path, results_file(rows=[row(measurements=clash, correlations=())]))
    (found,) = flat_table([tmp_path]).to_pylist()
    assert (found["measured:raw"], found["measured:raw_stderr"]) == (9.0, 1.0)
    assert found["raw"] != 9.0


def test_dry_run_writes_nothing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = export(capsys, root, "--dry_run", "-o", tmp_path / "b.parquet")
    assert status == 0 and "would write 9 rows" in out and "perplexity_stderr" in out
    hub = export(capsys, root, "--to", "hub", "--repo_id", "org/name", "--dry_run")
    assert hub[0] == 0 and "to org/name; columns" in hub[1]
    assert not list(tmp_path.iterdir())


def test_the_data_set_of_the_hub(root: Path, tmp_path: Path) -> None:
    rows = flat_table([root])
    write_dataset(tmp_path, rows, "org/name")
    files = [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()]
    assert sorted(files) == ["README.md", "data/results.parquet"]
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert card == dataset_card(rows, "org/name")
    assert card.startswith("---\n") and 'load_dataset("org/name"' in card
    assert "| teachers | 3 |" in card and "| B | Apache-2.0 |" in card
    datasets = pytest.importorskip("datasets")
    found = datasets.load_dataset(str(tmp_path), split="train", cache_dir=str(tmp_path / "cache"))
    assert found.num_rows == 9 and found[0]["teacher"] == "=1+1"


def test_the_bytes_that_arrive_at_the_hub(cli: Cli, root: Path) -> None:
    with serve() as hub:
        done = cli(
            "leaderboard", "export", root, "--to", "hub", "--repo_id", "org/board", "--private",
            HF_ENDPOINT=hub.address, HF_TOKEN=TOKEN, HF_HUB_OFFLINE="0", HF_HUB_DISABLE_XET="1",
            HF_HOME="/none",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert hub.private and hub.commits == ["9 rows (teachers: 3, languages: 3)"]
    rows = pq.read_table(io.BytesIO(hub.files["data/results.parquet"]))
    assert rows.to_pylist() == flat_table([root]).to_pylist()
    assert hub.files["README.md"].decode() == dataset_card(rows, "org/board")


def test_a_file_that_is_there_is_kept(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dest = tmp_path / "b.csv"
    dest.write_text("mine", encoding="utf-8")
    status, _, err = export(capsys, root, "--to", "csv", "-o", dest)
    assert (status, dest.read_text(encoding="utf-8")) == (2, "mine")
    assert "is there already; give --overwrite" in err
    assert export(capsys, root, "--to", "csv", "-o", dest, "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("nowhere",), 2, "nowhere: no such file or folder"),
        (("--to", "hub"), 2, "--to hub needs --repo_id"),
        (("--repo_id", "a/b"), 2, "go with --to hub"),
        (("--to", "hub", "--repo_id", "a/b", "-o", "x"), 2, "--output_path goes with"),
        (("--to", "hub", "--repo_id", "a b"), 2, "--repo_id a b"),
        (("-o", "."), 2, "is a folder; name a file"),
    ],
)
def test_bad_input(
    arguments: tuple[str, ...], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = export(capsys, *arguments)
    assert (found, out) == (status, "")
    assert message in err and err.count("\n") == 1


def test_a_damaged_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_file(tmp_path, results_file()).write_text("{", encoding="utf-8")
    status, _, err = export(capsys, tmp_path, "-o", tmp_path / "b.parquet")
    assert status == 5 and "cut short or damaged" in err and not (tmp_path / "b.parquet").exists()
