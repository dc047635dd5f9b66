"""Results files of a leaderboard of any size, drawn from a seed and written by all cores.

A teacher has a file for each student and language, with a row for each number of examples that the
student was trained on; answers are not stored. Numbers follow from a teacher's skill, so that ranks
mean something.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from polyglot_harness.leaderboard.results import file_text, read_file

CODES = (
    "ar bg bn ca cs da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id it ja ka kk kn ko "
    "lt lv mk ml mr ms nb nl pa pl pt ro ru sk sl sq sr sv sw ta"
).split()
EXAMPLES = (8, 16, 32, 64, 128)
METRICS = {"acceptance_rate": 0.8, "perplexity": 20.0, "prompt_distinct_ri": 0.2,
           "response_distinct_ri": 0.15, "rubric_score": 3.5}  # fmt: skip
NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class Size:
    """Of a leaderboard; a board for each student and number of examples."""

    teachers: int
    languages: int
    students: int
    conditions: int = len(EXAMPLES)

    @property
    def rows(self) -> int:
        """Rows of all boards."""
        return self.teachers * self.languages * self.students * self.conditions


def size_of(rows: int) -> Size:
    """Return a leaderboard of about so many rows: up to 50 languages, 500 teachers, n students."""
    conditions = len(EXAMPLES)
    languages = min(len(CODES), max(2, round((rows / conditions / 10) ** 0.5)))
    teachers = min(500, max(2, round(rows / conditions / languages)))
    return Size(teachers, languages, max(1, round(rows / conditions / languages / teachers)))


def write_board(root: Path, size: Size, seed: int = 0) -> int:
    """Write all files below a folder; return how many."""
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        work = partial(_write_teacher, root, size, seed)
        counts = list(workers.map(work, range(size.teachers), chunksize=8))
    first = min(root.rglob("*.json"))
    if file_text(read_file(first)) != first.read_text(encoding="utf-8"):
        raise SystemExit(f"{first}: not as the program itself would write it")
    return sum(counts)


def _write_teacher(root: Path, size: Size, seed: int, number: int) -> int:
    count = 0
    for student, language, content in _files(size, seed, number):
        folder = root / f"teacher-{number:03}" / "r1" / f"student-{student}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{language}.json").write_bytes(content)
        count += 1
    return count


def _files(size: Size, seed: int, number: int) -> Iterator[tuple[int, str, bytes]]:
    rng = np.random.default_rng([seed, number])
    shape = (size.students, size.languages, size.conditions)
    skill = 0.45 + 0.04 * rng.standard_normal() + 0.02 * rng.standard_normal(shape)
    skill += 0.01 * np.arange(size.conditions)
    metrics = rng.uniform(0.8, 1.2, (*shape, len(METRICS)))
    dollars = rng.uniform(0.1, 2, shape)
    for student, language in np.ndindex(shape[:2]):
        code = CODES[language]
        rows = [
            _row(code, f"student-{student}", EXAMPLES[k], float(skill[student, language, k]),
                 metrics[student, language, k].tolist(), float(dollars[student, language, k]))
            for k in range(size.conditions)
        ]  # fmt: skip
        yield student, code, _file(f"teacher-{number:03}", f"student-{student}", code, rows)


def _row(
    language: str, student: str, n: int, raw: float, metrics: list[float], usd: float
) -> dict[str, Any]:
    base, gap, items = 0.3, 0.3, 400
    error = (raw * (1 - raw) / items) ** 0.5
    return {
        "signature": f"lang:{language}|strat:gen+tr|n:{n}|seed:0|pack:{language}00|sft:demo@2658|"
                     f"base:{student}@8f80|ref:gold|tasks:{language}5c|version:0.1.0",
        "seed": 0, "strategies": ["generate", "translate"],
        "raw": raw, "raw_stderr": error, "base": base, "reference": base + gap,
        "gain": raw - base, "gain_stderr": 0.8 * error, "gap": gap, "gap_stderr": 0.03,
        "pgr": (raw - base) / gap, "pgr_stderr": 3.5 * error, "n_items": items,
        "n_examples": n, "n_replies": 2 * n, "cost_usd": usd, "tokens_in": 2000 * n,
        "tokens_out": 1000 * n,
        "measurements": [
            {"name": name, "language": language, "value": usual * share, "stderr": usual / 50,
             "n": n}
            for (name, usual), share in zip(METRICS.items(), metrics, strict=True)
        ],
    }  # fmt: skip


def _file(teacher: str, student: str, language: str, rows: list[dict[str, Any]]) -> bytes:
    head = {
        "schema_version": 2, "sha256": NO_DIGEST,
        "teacher": {"name": teacher, "revision": "r1", "family": f"family-{teacher[-1]}",
                    "licence": "Apache-2.0", "size_b": 1.0},
        "student": {"name": student, "family": "family", "size_b": 0.3}, "language": language,
    }  # fmt: skip
    lines = b",\n".join(map(orjson.dumps, sorted(rows, key=lambda row: str(row["signature"]))))
    text = orjson.dumps(head)[:-1] + b',"rows":[\n' + lines + b"\n]}\n"
    return text.replace(NO_DIGEST.encode(), hashlib.sha256(text).hexdigest().encode(), 1)
