"""The main job for real: real teacher, real training, real lm-eval runs; kill it and go on.

The students of the kill tests are random tiny models: there only the bytes matter.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polyglot_harness.leaderboard.files import read_leaderboard
from polyglot_harness.leaderboard.results import decode, read_files

RUN = (
    "run", "--teacher", "gemma-3-270m", "--languages", "id", "--strategies", "respond,generate",
    "--limit", "6", "--chunk_size", "2", "--gen_kwargs", "max_gen_toks=24", "temperature=0.5",
    "--recipe_args", "max_train_samples=6", "epochs=3", "batch_size=2", "micro_batch_size=2",
    "save_steps=1", "--tasks", "polyglot_mini_{lang}_word_order,polyglot_mini_{lang}_capitals",
    "--eval_limit", "12", "--metric_limit", "2", "--device", "cpu",
)  # fmt: skip


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "leaderboard.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run_until(arguments: list[str], reached: Callable[[], bool], limit: float = 400) -> int | None:
    """Start the command and SIGKILL it (with its children) once `reached`; return its status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "polyglot_harness", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + limit
    while process.poll() is None and not reached():
        assert time.monotonic() < deadline, "the stage was not reached"
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


@pytest.fixture(scope="module")
def command(tiny_student) -> list[str]:
    return [*RUN, "--student_args", f"pretrained={tiny_student}", "name=tiny"]


@pytest.fixture(scope="module")
def finished(cli, command, tmp_path_factory) -> Path:
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("finished") / "out"
    done = cli(*command, "--output_path", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_leaves_what_it_promises(finished):
    board = read_leaderboard(finished)
    (score,) = board.scores
    assert score.teacher == "gemma-3-270m" and score.language == "id"
    assert score.n_items == 24 and score.raw is not None and score.raw_stderr is not None
    measured = {m.name: m for m in score.measurements}
    assert measured["acceptance_rate"].n == 12
    assert measured["perplexity"].n == 2 and measured["perplexity"].value > 1
    assert 0 < measured["response_distinct_ri"].value < 1
    assert "polyglot-harness" not in score.signature and "lang:id" in score.signature
    assert "gemma-3-270m" in (finished / "LEADERBOARD.md").read_text(encoding="utf-8")
    ((_, results),) = read_files(finished)
    (row,) = results.rows
    assert (row.raw, row.gain, row.pgr) == (score.raw, score.gain, score.pgr)
    assert (row.signature, row.n_replies) == (score.signature, 12)
    assert set(row.missing) == set(score.missing) - {"z"}
    student = np.concatenate([decode(task.student) for task in row.items])
    assert student.size == 24 and {len(task.reference or "") for task in row.items} == {12}
    generate = sorted((finished / "generate").iterdir())
    assert len(generate) == 2
    for folder in generate:
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        assert record["status"] == "complete" and record["provenance"]
        kept, lost = (
            (folder / name).read_bytes().count(b"\n")
            for name in ("examples.jsonl", "rejections.jsonl")
        )
        assert kept + lost == 6
        counts = dict(record["counts"])
        assert counts["accepted"] == kept and counts["replies"] == 6 == counts["requests"]
        assert counts["tokens_out"] > 0 and counts["tokens_estimated"] == 0
    logs = list(finished.glob("replies/gemma-3-270m-id-*/replies.jsonl"))
    assert [log.read_bytes().count(b"\n") for log in logs] == [6, 6]


def test_the_same_command_again_does_nothing_and_gives_the_same(cli, command, finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in copy.glob("*/*/*") if p.is_file()}
    started = time.monotonic()
    done = cli(*command, "--output_path", copy)
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert done.stderr.count("found finished") == 8, f"{time.monotonic() - started}: {done.stderr}"
    assert table(copy) == table(finished)


def test_changing_one_thing_computes_only_what_depends_on_it(cli, command, finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "out")
    changed = [*command, "--output_path", str(copy), "--eval_limit", "5"]
    assert cli(*changed).returncode == 2
    done = cli(*changed, "--update")
    assert done.returncode == 0, done.stderr
    assert len(list(copy.glob("generate/*/record.json"))) == 2
    assert len(list(copy.glob("train/*/record.json"))) == 2
    assert len(list(copy.glob("evaluate/*/record.json"))) == 6
    assert read_leaderboard(copy).scores[0].n_items == 10


@pytest.mark.slow
def test_sigkill_in_every_stage_then_the_same_command_gives_the_same_table(
    cli, command, finished, tmp_path
):
    out = tmp_path / "out"
    arguments = [*command, "--output_path", str(out)]

    def some_replies() -> bool:
        return any(p.stat().st_size for p in out.glob("replies/*/replies.jsonl"))

    def a_checkpoint() -> bool:
        return any(out.glob("train/*/checkpoints/checkpoint-2/trainer_state.json"))

    def evaluating() -> bool:
        return any(
            not (p / "record.json").exists() for p in out.glob("evaluate/tiny-by-gemma*") if p
        )

    for reached in (some_replies, a_checkpoint, evaluating):
        assert run_until(arguments, reached) == -signal.SIGKILL, reached.__name__
    done = cli(*arguments)
    assert done.returncode == 0, done.stderr
    assert table(out) == table(finished)
    for name in (
        "generate/*/examples.jsonl",
        "evaluate/*/items.jsonl",
        "train/*/adapter/*.safetensors",
    ):
        ours = {p.parent.name: p.read_bytes() for p in out.glob(name)}
        theirs = {p.parent.name: p.read_bytes() for p in finished.glob(name)}
        assert ours == theirs and ours, name


def test_stages_one_by_one_give_what_run_gives(cli, finished, tmp_path, tiny_student):
    """`generate`, `measure`, `train`, `evaluate` on their own, then `score` on the run's folder."""
    store = tmp_path / "store"
    data = sorted(finished.glob("generate/*"))
    again = cli("generate", "--teacher", "gemma-3-270m", "--languages", "id", "--strategies",
                "respond", "--limit", "6", "--chunk_size", "2", "--gen_kwargs", "max_gen_toks=24",
                "temperature=0.5", "--device", "cpu", "--output_path", store,
                # examples must not hold what students are tested on
                *RUN[RUN.index("--tasks"):][:2])  # fmt: skip
    assert again.returncode == 0, again.stderr
    (made,) = store.glob("generate/*-respond-*")
    (theirs,) = finished.glob("generate/*-respond-*")
    assert made.name == theirs.name
    assert (made / "examples.jsonl").read_bytes() == (theirs / "examples.jsonl").read_bytes()

    metrics = "acceptance_rate,distinct_ri"
    measured = cli(
        "measure", *data, "--languages", "id", "--metrics", metrics, "--output_path", store
    )
    assert measured.returncode == 0, measured.stderr
    assert "prompt_distinct_ri" in measured.stdout

    student = ("--student_args", f"pretrained={tiny_student}", "name=tiny", "--device", "cpu",
               "--output_path", store)  # fmt: skip
    trained = cli("train", *data, *student, "--recipe_args", "max_train_samples=4", "epochs=1",
                  "batch_size=2", "micro_batch_size=2")  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    adapter = trained.stdout.strip().splitlines()[-1]
    evaluated = cli("evaluate", *student, "--adapter", adapter, "--languages", "id", "--tasks",
                    "polyglot_mini_id_word_order", "--eval_limit", "4")  # fmt: skip
    assert evaluated.returncode == 0, evaluated.stderr
    assert "polyglot_mini_id_word_order" in evaluated.stdout

    scored = cli("score", shutil.copytree(finished, tmp_path / "out"))
    assert scored.returncode == 0, scored.stderr
    assert "gemma-3-270m" in scored.stdout


def test_a_results_file_cut_in_half_is_named_with_its_remedy(cli, command, finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "out")
    (items,) = copy.glob("evaluate/tiny-by-gemma*/items.jsonl")
    items.write_bytes(items.read_bytes()[: items.stat().st_size // 2])
    done = cli("score", copy)
    assert done.returncode == 5
    assert "items.jsonl" in done.stderr and "delete" in done.stderr
    shutil.rmtree(items.parent)
    mended = cli(*command, "--output_path", copy)
    assert mended.returncode == 0, mended.stderr
    assert table(copy) == table(finished)


def test_of_two_runs_at_once_one_works_and_the_other_says_so(cli, command, finished, tmp_path):
    out = tmp_path / "out"
    # all but the evaluations is there
    shutil.copytree(finished, out)
    shutil.rmtree(out / "evaluate")
    same = [*command, "--output_path", str(out)]
    first = subprocess.Popen(
        [sys.executable, "-m", "polyglot_harness", *same],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 400
    while not list(out.glob("evaluate/*")):
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    second = cli(*same)
    working = first.poll() is None
    _, stderr = first.communicate(timeout=600)
    assert working and second.returncode == 4
    (line,) = second.stderr.splitlines()
    assert f"{out}: another process is working on this folder" in line
    assert first.returncode == 0 and stderr.count("✓ evaluate") == 3, stderr
    assert table(out) == table(finished)


def test_a_failed_cell_is_recorded_and_the_others_are_ranked(cli, tiny_student, tmp_path):
    """Responses are longer than the recipe's max_length, so no student can be trained."""
    done = cli(*RUN, "--student_args", f"pretrained={tiny_student}", "name=tiny", "--strategies",
               "respond", "--limit", "2", "--recipe_args", "max_length=8", "--metrics", "length",
               "--output_path", tmp_path / "out")  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "no example to train on" in done.stdout
    failed = [
        json.loads(p.read_text(encoding="utf-8")) for p in tmp_path.glob("out/train/*/record.json")
    ]
    assert failed and all(record["status"] == "failed" for record in failed)
    (score,) = read_leaderboard(tmp_path / "out").scores
    assert score.raw is None and "student" in score.missing
