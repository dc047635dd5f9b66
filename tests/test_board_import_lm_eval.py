"""Import of lm-eval's results: those of real runs, made here by lm-eval's own command."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError, HarnessError
from polyglot_harness.leaderboard.importing import Imported, Request, read
from polyglot_harness.leaderboard.records import Row
from polyglot_harness.leaderboard.results import decode, read_files

TASKS = ("polyglot_mini_de_agreement", "polyglot_mini_de_capitals", "polyglot_mini_es_agreement")
N = 12
RUNS = """
import functools, sys, torch
import lm_eval.tasks
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from lm_eval.__main__ import cli_evaluate

# its own 14,000 tasks would be indexed anew in each run
lm_eval.tasks.TaskManager = functools.partial(lm_eval.tasks.TaskManager, include_defaults=False)

tiny, tasks, include, n = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(tiny)
for seed, name in enumerate(("student", "base", "reference")):
    torch.manual_seed(seed)
    LlamaForCausalLM(LlamaConfig.from_pretrained(tiny)).save_pretrained(name)
    tokenizer.save_pretrained(name)
    template = ["--apply_chat_template"] if name == "reference" else []
    sys.argv = ["lm-eval", "run", "--model", "hf", "--model_args", f"pretrained={name}",
                "--tasks", tasks, "--include_path", include, "--output_path", "out", "--limit", n,
                "--log_samples", "--device", "cpu", "--batch_size", "8", *template]
    cli_evaluate()
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_student: Path) -> Path:
    """What lm-eval wrote: a folder a model, results and samples."""
    folder = tmp_path_factory.mktemp("lm-eval")
    done = subprocess.run(
        [sys.executable, "-c", RUNS, tiny_student, ",".join(TASKS), tasks_path(), str(N)],
        capture_output=True, text=True, cwd=folder, check=False, timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out"


@pytest.fixture
def out(runs: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(runs, tmp_path / "out"))


def results(folder: Path, name: str) -> Path:
    (path,) = (folder / name).glob("results_*.json")
    return path


def samples(folder: Path, name: str, task: str = TASKS[0]) -> Path:
    (path,) = (folder / name).glob(f"samples_{task}_*.jsonl")
    return path


def imported(folder: Path, **more: Any) -> Imported:
    asked = {
        "files": (results(folder, "student"),), "base": (results(folder, "base"),),
        "reference": (results(folder, "reference"),), "teacher": "T",
    }  # fmt: skip
    return read("lm-eval", Request(**{**asked, **more}))


def rows(found: Imported) -> dict[str, Row]:
    return {file.language: file.rows[0] for file in found.files}


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def accuracies(folder: Path, name: str, task: str) -> np.ndarray:
    """By item, as plain JSON says."""
    lines = samples(folder, name, task).read_text(encoding="utf-8").splitlines()
    by_id = {s["doc"]["id"]: s["acc"] for s in map(json.loads, lines)}
    return np.array([by_id[key] for key in sorted(by_id)])


# --- real runs ---------------------------------------------------------------------------------


def test_numbers_are_those_of_the_answers(runs: Path) -> None:
    found = rows(imported(runs))
    assert set(found) == {"de", "es"}
    for code, row in found.items():
        tasks = [task for task in TASKS if f"_{code}_" in task]
        student, base, reference = (
            [accuracies(runs, name, task) for task in tasks]
            for name in ("student", "base", "reference")
        )
        assert row.raw == pytest.approx(np.mean([a.mean() for a in student]))
        assert row.base == pytest.approx(np.mean([a.mean() for a in base]))
        assert row.reference == pytest.approx(np.mean([a.mean() for a in reference]))
        for name, upper, lower in ("gain", student, base), ("gap", reference, base):
            apart = [a - b for a, b in zip(upper, lower, strict=True)]
            error = math.sqrt(sum(d.var(ddof=1) / d.size for d in apart)) / len(apart)
            assert getattr(row, name) == pytest.approx(np.mean([d.mean() for d in apart]))
            assert getattr(row, f"{name}_stderr") == pytest.approx(error)
        assert row.n_items == N * len(tasks) and row.source == "lm-eval"
        assert [item.task for item in row.items] == tasks
        assert decode(row.items[0].student).tolist() == student[0].tolist()
        if row.gap:
            assert row.gain is not None and row.pgr == pytest.approx(row.gain / row.gap)


def test_means_are_those_that_lm_eval_reports(runs: Path) -> None:
    said = json.loads(results(runs, "student").read_text(encoding="utf-8"))["results"]
    for row in rows(imported(runs)).values():
        for m in row.measurements:
            assert m.value == said[m.name]["acc,none"]
            assert m.stderr == said[m.name]["acc_stderr,none"] and m.n == N


def test_without_samples_errors_are_unpaired(out: Path, runs: Path) -> None:
    for path in out.glob("base/samples_*"):
        path.unlink()
    found = imported(out)
    for code, row in rows(found).items():
        paired = rows(imported(runs))[code]
        assert (row.raw, row.base, row.items) == (
            pytest.approx(paired.raw),
            pytest.approx(paired.base),
            (),
        )
        assert row.gain == pytest.approx(paired.gain) and row.gap == pytest.approx(paired.gap)
        assert row.signature != paired.signature
        assert row.raw_stderr is not None and row.gain_stderr is not None
        assert row.gain_stderr > row.raw_stderr
        assert "unpaired" in str(dict(row.provenance)["notes"])
    assert any("de: no stored answers of base" in note for note in found.notes)


def test_provenance_and_notes(runs: Path) -> None:
    found = imported(runs, seed=3)
    row = rows(found)["de"]
    said = dict(dict(row.provenance)["student"])
    assert said["file"] == results(runs, "student").name and len(said["sha256"]) == 64
    assert said["lm_eval"].startswith("0.4.") and said["date"].startswith("20")
    assert row.signature.startswith("lang:de|source:lm-eval|base:base|ref:reference|tasks:")
    assert "|seed:3|" in row.signature and row.seed == 3
    # the reference was run with a chat template
    assert any("the reference read other prompts" in note for note in found.notes)
    assert not any("the base read other prompts" in note for note in found.notes)
    assert str(runs) not in str(row.provenance)


def test_teachers_are_comparable_only_on_the_same_anchors(runs: Path) -> None:
    first = rows(imported(runs))["de"].signature
    second = rows(imported(runs, teacher="U", files=(results(runs, "reference"),)))["de"].signature
    other = rows(imported(runs, base=(results(runs, "reference"),)))["de"].signature
    assert first == second != other


def test_without_anchors(runs: Path) -> None:
    found = imported(runs, base=(), reference=(), student="s")
    row = rows(found)["de"]
    assert (row.gain, row.pgr, row.missing) == (None, None, ("base", "reference"))
    assert row.raw is not None and "no --base: gain and PGR are not known" in found.notes
    with pytest.raises(ConfigError, match="--student is needed"):
        imported(runs, base=(), reference=())


def test_tasks_of_one_language(runs: Path) -> None:
    found = rows(imported(runs, tasks=TASKS[:1]))
    assert set(found) == {"de"} and found["de"].n_items == N


def test_the_command(cli, runs: Path, tmp_path: Path) -> None:
    where = (results(runs, "student"), "--base", results(runs, "base"), "--reference",
             results(runs, "reference"), "--format", "lm-eval", "--teacher", "a/b")  # fmt: skip
    done = cli("leaderboard", "import", *where, cwd=tmp_path)
    assert done.returncode == 0 and "2 added" in done.stdout, done.stderr
    root = tmp_path / "leaderboard" / "results"
    assert {f.language for _, f in read_files(root)} == {"de", "es"}
    less = ("--tasks", TASKS[0])
    other = cli("leaderboard", "import", *where, *less, cwd=tmp_path)
    assert "1 added" in other.stdout


# --- what is refused ---------------------------------------------------------------------------


def bad_result(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], Any]:
    return lambda out: rewrite(results(out, "student"), change)


def bad_samples(change: Callable[[list[dict[str, Any]]], Any]) -> Callable[[Path], Any]:
    def rewritten(out: Path) -> None:
        path = samples(out, "student")
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        change(found)
        path.write_text("".join(json.dumps(s) + "\n" for s in found), encoding="utf-8")

    return rewritten


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


BAD: list[tuple[str, Callable[[Path], Any], str]] = [
    ("cut results", lambda out: cut(results(out, "student")), "not valid JSON"),
    ("empty", lambda out: results(out, "base").write_text(""), "results_.*: empty"),
    ("a hostile task", bad_result(lambda c: c.update(configs={"../../x\0": {}})),
     "no results, though"),
    ("no tasks", bad_result(lambda c: c.update(configs={})), "results_.*: no task in it"),
    ("other JSON", bad_result(lambda c: c.pop("n-samples")), "no 'n-samples': not a results file"),
    ("a list", lambda out: results(out, "base").write_text("[]"), "expected a JSON object, got"),
    ("NaN", bad_result(lambda c: c["results"][TASKS[0]].update({"acc,none": math.nan})),
     f"{TASKS[0]}: acc,none is nan, expected a finite number"),
    ("per cent", bad_result(lambda c: c["results"][TASKS[0]].update({"acc,none": 41.7})),
     "acc,none is 41.7, not within 0 to 1; in per cent"),
    ("no accuracy", bad_result(lambda c: c["results"].update({TASKS[0]: {"bleu,none": 1}})),
     r"none of its metrics \(bleu,none\) is known to be an accuracy; name one with --metric"),
    ("cut samples", lambda out: cut(samples(out, "student")), r"samples_.*:12: not valid JSON"),
    ("a sample gone", bad_samples(lambda s: s.pop()), "11 documents, .* say 12: cut short"),
    ("a sample twice", bad_samples(lambda s: s.append(s[0])), "samples_.*:13: document 0 a second"),
    ("a sample changed", bad_samples(lambda s: s[0].update(acc=1 - s[0]["acc"])),
     "the answers have a mean of .* the results say"),
    ("another question", bad_samples(lambda s: s[0].update(doc_hash="0")), "task_hashes differ"),
    ("no hash", bad_samples(lambda s: s[0].pop("target_hash")), "no 'target_hash'"),
    ("no metric", bad_samples(lambda s: s[1].pop("acc")), "samples_.*:2: no 'acc'"),
    ("half of the samples", lambda out: samples(out, "student").unlink(), "no such file, though"),
    ("other shots", bad_result(lambda c: c["n-shot"].update({TASKS[0]: 5})),
     "shots is 0, the student's is 5"),
    ("another version", bad_result(lambda c: c["versions"].update({TASKS[0]: 2})),
     "version is 1.0, the student's is 2"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_files(out: Path, spoil: Callable[[Path], Any], message: str) -> None:
    spoil(out)
    with pytest.raises(ConfigError, match=message) as raised:
        imported(out)
    assert "\n" not in str(raised.value)


def test_a_base_of_other_items(out: Path) -> None:
    """A base that answered another question under the same number, with digests that fit."""
    import hashlib

    path = samples(out, "base")
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found[0]["doc_hash"] = "0" * 64
    path.write_text("".join(json.dumps(s) + "\n" for s in found), encoding="utf-8")
    joined = "".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in found)
    seal = hashlib.sha256(joined.encode()).hexdigest()
    rewrite(results(out, "base"), lambda c: c["task_hashes"].update({TASKS[0]: seal}))
    with pytest.raises(ConfigError, match=rf"{TASKS[0]}: other items.*1 documents, the first: 0"):
        imported(out)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"teacher": ""}, "--teacher is needed"),
        ({"language": "es"}, "is of de, not of --language es; --tasks names"),
        ({"language": "xx"}, "--language: unknown language 'xx'"),
        ({"tasks": ("polyglot_mini_de_agreemen",)}, "did you mean 'polyglot_mini_de_agreement'"),
        ({"metrics": {"nope": "acc"}}, "unknown task of --metric 'nope'"),
        ({"metrics": {"": "f1"}}, "unknown metric of .* 'f1'; valid: acc,none"),
    ],
)
def test_what_is_said_and_does_not_fit(runs: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        imported(runs, **more)


def test_a_task_of_lm_evals_own_has_the_language_of_its_group(out: Path) -> None:
    """By the pack's group; one that packs share, or that none has, needs --language."""
    for name, language in ("belebele_deu_Latn", ""), ("hellaswag", "de"):
        for model in ("student", "base", "reference"):
            rewrite(results(out, model), lambda c, name=name: renamed(c, name))
            for path in out.glob(f"{model}/samples_*"):
                path.unlink()
        assert set(rows(imported(out, tasks=(name,), language=language))) == {"de"}
    with pytest.raises(ConfigError, match="the language of task hellaswag is not known"):
        imported(out, tasks=("hellaswag",))


def renamed(content: dict[str, Any], name: str) -> None:
    for part in ("results", "configs", "n-samples", "versions", "n-shot"):
        content[part][name] = content[part][TASKS[0]]


def test_a_base_without_the_task(out: Path) -> None:
    rewrite(results(out, "base"), lambda c: c["configs"].pop(TASKS[1]))
    with pytest.raises(ConfigError, match=rf"unknown task '{TASKS[1]}'.*valid: {TASKS[0]}"):
        imported(out)
    assert set(rows(imported(out, tasks=(TASKS[0],)))) == {"de"}


def test_the_same_file_twice(runs: Path) -> None:
    path = results(runs, "student")
    with pytest.raises(ConfigError, match="is in .* and in .*; keep one"):
        imported(runs, files=(path, path))


JUNK = (None, [], {}, "x", "../x", "\ud800", -1, 10**400, math.nan, 1e400, True, [[1]])
PLACES = (
    ("results",), ("configs",), ("n-samples",), ("versions",), ("n-shot",), ("task_hashes",),
    ("date",), ("model_name",), ("lm_eval_version",), ("results", TASKS[0]),
    ("n-samples", TASKS[0]), ("task_hashes", TASKS[0]), ("results", TASKS[0], "acc,none"),
    ("results", TASKS[0], "acc_stderr,none"), ("n-samples", TASKS[0], "effective"),
)  # fmt: skip


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_rubbish_is_refused_or_harmless(
    runs: Path, out: Path, place: tuple[str, ...], sampled: bool
) -> None:
    for file in () if sampled else out.glob("*/samples_*"):
        file.unlink()
    path = results(out, "student")
    original = results(runs, "student").read_text(encoding="utf-8")
    for junk in JUNK:
        path.write_text(original, encoding="utf-8")

        def spoil(content: dict[str, Any], junk: Any = junk) -> None:
            for key in place[:-1]:
                content = content[key]
            content[place[-1]] = junk

        rewrite(path, spoil)
        try:
            found = imported(out)
        except HarnessError as error:
            assert "\n" not in str(error)
        else:
            assert all(math.isfinite(row.raw or 0) for row in rows(found).values())
