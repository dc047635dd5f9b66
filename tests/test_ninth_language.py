"""A language from outside of the package, made of data alone, goes through the main job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from polyglot_harness.assets import tasks_path
from polyglot_harness.leaderboard.files import read_leaderboard

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "vi"
RUN = (
    "run", "--teacher", "gemma-3-270m", "--languages", "vi", "--strategies", "respond",
    "--limit", "6", "--gen_kwargs", "max_gen_toks=24", "temperature=0.5",
    "--recipe_args", "max_train_samples=4", "epochs=1", "batch_size=2", "micro_batch_size=2",
    "--metric_limit", "2", "--device", "cpu", "--metrics", "acceptance_rate,length,distinct_ri",
)  # fmt: skip


def fill_in(pack: Path) -> None:
    """Write what the skeleton leaves to a speaker."""
    toml = (pack / "pack.toml").read_text(encoding="utf-8")
    toml = toml.replace('prompt = "TODO"', 'prompt = "Đề bài"')
    toml = toml.replace('response = "TODO"', 'response = "Bài làm"').replace('"TODO: ', '"')
    (pack / "pack.toml").write_text(toml, encoding="utf-8")
    (pack / "seeds.jsonl").write_bytes((DATA / "seeds.jsonl").read_bytes())
    (pack / "mini" / "capitals.jsonl").write_bytes((DATA / "capitals.jsonl").read_bytes())
    (pack / "teach_templates.toml").unlink()


@pytest.fixture(scope="module")
def packs(cli, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("outside") / "packs"
    made = cli("init-language", "vi", "--output", folder)
    assert made.returncode == 0, made.stderr
    fill_in(folder / "vi")
    return folder


def test_is_data_alone_and_outside_of_the_package(packs):
    assert not (tasks_path() / "vi").exists()
    kinds = {path.suffix for path in packs.rglob("*") if path.is_file()}
    assert kinds == {".toml", ".jsonl", ".yaml", ".md", ""}


def test_validate_is_content(cli, packs):
    done = cli("validate", packs / "vi", "--format", "json")
    assert done.returncode == 0, done.stdout
    report = json.loads(done.stdout)
    # ten seeds are enough to try it, not to contribute it
    assert {f["level"] for f in report["findings"]} == {"warning"}
    assert all("seeds" in f["problem"] for f in report["findings"])
    assert report["packs"][0]["built"] == 5


def test_goes_through_the_main_job_to_the_leaderboard(cli, packs, tiny_student, tmp_path):
    student = ("--student_args", f"pretrained={tiny_student}", "name=tiny")
    done = cli(*RUN, "--include_path", packs, *student, "--output_path", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    (score,) = read_leaderboard(tmp_path / "out").scores
    assert (score.teacher, score.language) == ("gemma-3-270m", "vi")
    assert score.n_items == 8 and score.raw is not None
    assert {m.name: m for m in score.measurements}["acceptance_rate"].n == 6
    assert "lang:vi|" in score.signature
    assert "vi" in (tmp_path / "out" / "LEADERBOARD.md").read_text(encoding="utf-8")
    asked = (tmp_path / "out").glob("generate/*/examples.jsonl")
    rows = [json.loads(row) for path in asked for row in path.read_text("utf-8").splitlines()]
    seeds = (DATA / "seeds.jsonl").read_text(encoding="utf-8")
    assert rows and all(row["prompt"] in seeds for row in rows)


def test_is_made_and_used_where_there_is_no_checkout(packs, tmp_path):
    """The wheel, unpacked and first on the path; `./packs` is the place by default."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    env = {k: v for k, v in os.environ.items() if not k.startswith("POLYGLOT_T")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "polyglot_harness", *arguments], cwd=tmp_path, check=False,
            capture_output=True, text=True, env=env | {"PYTHONPATH": str(tmp_path / "site")},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    assert str(tmp_path) in run("tasks-path")
    assert "packs/vi/pack.toml" in run("init-language", "vi")
    fill_in(tmp_path / "packs" / "vi")
    made, theirs = (
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in (tmp_path / "packs", packs)
    )
    assert made == theirs
    assert "1 pack: 0 errors" in run("validate", "packs/vi")
    plan = run("run", "--include_path", "packs", "--languages", "vi", "--teacher", "gemma-3-270m",
               "--dry_run")  # fmt: skip
    assert "lang:vi|" in plan
