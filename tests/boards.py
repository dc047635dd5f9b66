"""Seeded results files for tests: synthetic, but each number follows from the stored answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from polyglot_harness.leaderboard.records import (
    ResultsFile,
    Row,
    StudentFacts,
    TaskItems,
    TeacherFacts,
)
from polyglot_harness.leaderboard.results import encode, file_text, merge_results, results_path
from polyglot_harness.scoring.items import Arrays, estimate, subtract
from polyglot_harness.scoring.pgr import anchor_flags, recovered
from polyglot_harness.signature import format_signature
from polyglot_harness.spec import Measurement, digest

METRICS = {
    "acceptance_rate": 0.8, "perplexity": 20.0, "prompt_distinct_ri": 0.2,
    "response_distinct_ri": 0.15, "rubric_score": 3.5,
}  # fmt: skip
TASKS = {"mmlu": 120, "mgsm": 60}


def signature(language: str = "de", **fields: object) -> str:
    """A signature as runs write it, with some fields changed (or added)."""
    usual: dict[str, object] = {
        "lang": language, "strat": "gen+tr", "n": 16, "seed": 0, "pack": digest(language)[:4],
        "ask": "5b11", "checks": "9d0c", "sft": "demo@2658", "base": "s@8f80", "ref": "gold",
        "tasks": digest([language, "tasks"])[:4], "intr": "fd54", "version": "0.1.0",
    }  # fmt: skip
    return format_signature({k: str(v) for k, v in {**usual, **fields}.items()})


def answers(
    language: str, skill: float, seed: int = 0, who: str = "", tasks: Mapping[str, int] = TASKS
) -> Arrays:
    """Right or wrong, one array a task; items are hard or easy for all models alike."""
    hard = [np.random.default_rng(_seed(language, task)).normal(0, 0.15, n)
            for task, n in tasks.items()]  # fmt: skip
    rng = np.random.default_rng(_seed(language, who, seed))
    return tuple((rng.random(h.size) < np.clip(skill + h, 0, 1)).astype(float) for h in hard)


def _seed(*key: object) -> int:
    return int(digest([str(part) for part in key]), 16)


def row(
    language: str = "de",
    *,
    teacher: str = "A",
    skill: float = 0.45,
    base: float = 0.3,
    reference: float = 0.55,
    seed: int = 0,
    items: bool = True,
    tasks: Mapping[str, int] = TASKS,
    metrics: Mapping[str, float] | None = None,
    conditions: Mapping[str, object] | None = None,
    **changes: object,
) -> Row:
    """A row whose numbers are those of drawn answers; `changes` come last."""
    names = sorted(tasks)
    sizes = {task: tasks[task] for task in names}
    student = answers(language, skill, seed, teacher, sizes)
    low = answers(language, base, 0, "base", sizes)
    high = answers(language, reference, 0, "reference", sizes)
    raw, gain, gap = (estimate(a) for a in (student, subtract(student, low), subtract(high, low)))
    pgr = recovered(student, low, high, resamples=200)
    rng = np.random.default_rng(_seed(language, teacher, seed, "metrics"))
    drawn = {n: v * float(rng.uniform(0.8, 1.2)) for n, v in METRICS.items()}
    values = {**drawn, **(metrics or {})}
    fields: dict[str, object] = {
        "signature": signature(language, seed=seed, **(conditions or {})),
        "seed": seed,
        "strategies": ("generate", "translate"),
        "raw": raw.value, "raw_stderr": raw.stderr,
        "base": estimate(low).value, "reference": estimate(high).value,
        "gain": gain.value, "gain_stderr": gain.stderr,
        "gap": gap.value, "gap_stderr": gap.stderr,
        "pgr": pgr.value, "pgr_stderr": pgr.stderr,
        "flags": anchor_flags(low, high),
        "n_items": sum(tasks.values()),
        "n_examples": 24,
        "n_replies": 32,
        "cost_usd": round(float(rng.uniform(0.5, 2)), 4),
        "tokens_in": 32_000,
        "tokens_out": 16_000,
        "measurements": tuple(
            Measurement(name=n, language=language, value=v, stderr=v / 50, n=24, low=v * 0.96,
                        high=v * 1.04)
            for n, v in sorted(values.items())
        ),
        "correlations": (("perplexity", "response_distinct_ri", -0.2),),
        "rejections": (("too_short", 5), ("wrong_language", 3)),
        "items": tuple(
            TaskItems(task=t, ids=digest([language, t]), student=encode(s), base=encode(b),
                      reference=encode(r))
            for t, s, b, r in zip(names, student, low, high, strict=True)
        ) if items else (),
    }  # fmt: skip
    return Row.model_validate({**fields, **changes})


def results_file(
    teacher: str = "A",
    language: str = "de",
    student: str = "s",
    *,
    revision: str = "r1",
    rows: Sequence[Row] | None = None,
    facts: Mapping[str, object] | None = None,
    **of_row: object,
) -> ResultsFile:
    """A file of the given rows, or of one made by `row`; `facts` are of the teacher."""
    own = {"model": f"hf:{teacher}", "family": "family", "licence": "Apache-2.0", "size_b": 1.0}
    made = rows if rows is not None else (row(language, teacher=teacher, **of_row),)  # type: ignore[arg-type]
    return ResultsFile(
        teacher=TeacherFacts.model_validate(
            {"name": teacher, "revision": revision, **own, **(facts or {})}
        ),
        student=StudentFacts(name=student, family="family", size_b=0.3),
        language=language,
        rows=tuple(made),
    )


def write_folder(
    root: Path,
    teachers: Mapping[str, float] | Sequence[str],
    languages: Sequence[str] = ("de", "es"),
    *,
    students: Sequence[str] = ("s",),
    seeds: Sequence[int] = (0,),
    **of_row: object,
) -> Path:
    """Write a file for each teacher (name -> skill), language and student; return the root."""
    skills = teachers if isinstance(teachers, Mapping) else {
        name: 0.35 + 0.05 * i for i, name in enumerate(teachers)
    }  # fmt: skip
    merge_results(
        root,
        (
            results_file(
                teacher, language, student,
                rows=[row(language, teacher=teacher, skill=skill, seed=seed,
                          conditions={"base": f"{student}@8f80"}, **of_row)  # type: ignore[arg-type]
                      for seed in seeds],
            )
            for teacher, skill in skills.items()
            for language in languages
            for student in students
        ),
    )  # fmt: skip
    return root


def write_file(root: Path, file: ResultsFile) -> Path:
    """Write one file where it belongs, without any checks."""
    path = root / results_path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(file_text(file), encoding="utf-8")
    return path
