"""Claim: a leaderboard of 1,000,000 rows builds in under 60 s and under 2 GB, with its page.

A million rows are 200,000 files: 500 teachers x 50 languages x 8 students, each trained on five
numbers of examples, which makes 40 boards of 500 x 50. ``leaderboard build`` runs in a fresh
process that notes the seconds of its phases; memory is that of it and its children.

Beside it, at a size at which it ends, the plain way: ``json`` and a pandas ``groupby`` for the
means, and a loop of resamples, one board at a time, for the 95 % intervals of three means. Ours
makes the same, and more: z-scores, ranks with intervals, and all pairs. Both must agree: means to
1e-9, ends of intervals to a tenth of their width.

    python benchmarks/leaderboard_scale.py [--rows 1000000] [--plain_rows 20000] [--repeats 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _board_files import size_of, write_board
from _timing import interleave, machine, report
from _watch import watch

MEANS = ("raw", "gain", "pgr")
ENDS = [2.5, 97.5]
ALIKE = 0.1
"""Of the width of an interval."""
PHASES = {
    "read results": ("results", "read_table"),
    "group": ("boards", "board_groups"),
    "score and rank": ("boards", "score_group"),
    "intervals": ("boards", "uncertainty"),
    "LEADERBOARD.md": ("document", "Document.add"),
    "leaderboard.csv": ("document", "CellsFile.add"),
    "page": ("site", "write_site"),
}
"""Name -> module of the leaderboard and function; of one within another only its own time."""


def build(arguments: list[str]) -> int:
    """Run ``leaderboard build`` here; print the seconds of each phase, as JSON, at the end."""
    from importlib import import_module

    from polyglot_harness.cli import main as command

    spent: Counter[str] = Counter()
    stack: list[str] = ["else"]
    last = time.perf_counter()

    def switch() -> None:
        nonlocal last
        now = time.perf_counter()
        spent[stack[-1]] += now - last
        last = now

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            switch()
            stack.append(name)
            try:
                return function(*args, **options)
            finally:
                switch()
                stack.pop()

        return wrapped

    for name, (module, path) in PHASES.items():
        *parents, attribute = path.split(".")
        owner: Any = import_module(f"polyglot_harness.leaderboard.{module}")
        for parent in parents:
            owner = getattr(owner, parent)
        setattr(owner, attribute, timed(name, getattr(owner, attribute)))
    status = command(["leaderboard", "build", *arguments])
    switch()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": spent, "own_peak": peak}))
    return int(status or 0)


def measured_build(results: Path, out: Path) -> None:
    """Build in a fresh process; print wall, memory and phases."""
    log = out.with_suffix(".log")
    command = [sys.executable, __file__, "--build", "--results", results, "--output_path", out]
    run = watch(command, log, timeout=540)
    if run.status:
        raise SystemExit(f"leaderboard build ended with {run.status}:\n{run.log}")
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    found = json.loads(run.log.splitlines()[-1])
    print(f"  wall {run.wall:.1f} s, processor {run.cpu:.1f} s, peak {run.peak:.0f} MB with "
          f"children; {len(files)} files of {size:.0f} MB")  # fmt: skip
    for name, seconds in sorted(found["seconds"].items(), key=lambda s: -s[1]):
        print(f"    {name:<16} {seconds:6.1f} s")


Board = dict[tuple[str, str], tuple[float, float, float]]
"""(Teacher, quantity) -> mean, and the ends of its interval."""


def ours(results: Path, resamples: int) -> dict[tuple[str, str], Board]:
    """Return the means of all boards, by (student, number of examples)."""
    from polyglot_harness.leaderboard.boards import BoardOptions, make_boards
    from polyglot_harness.leaderboard.results import read_table

    found = {}
    for board in make_boards(read_table(results), BoardOptions(resamples=resamples)):
        key = (board.student.name, dict(board.conditions)["n"])
        found[key] = {
            (row.teacher, name): (getattr(row, name), low, high)
            for row in board.ranking.rows
            for name, low, high in row.intervals
            if name in MEANS
        }
    return found


def plain(results: Path, resamples: int) -> dict[tuple[str, str], Board]:
    """Return the same, as one writes it by hand."""
    rows = []
    for path in results.rglob("*.json"):
        file = json.loads(path.read_bytes())
        names = {"teacher": file["teacher"]["name"], "student": file["student"]["name"]}
        for row in file["rows"]:
            fields = dict(part.split(":", 1) for part in row["signature"].split("|"))
            rows.append({**names, "language": file["language"], "n": fields["n"], **row})
    found = {}
    for (student, n), board in pd.DataFrame(rows).groupby(["student", "n"]):
        rng, draws = np.random.default_rng(0), {name: [] for name in MEANS}  # type: ignore[var-annotated]
        board = board.sort_values("teacher")
        means = board.groupby("teacher")[list(MEANS)].mean()
        count = board.groupby("teacher").size()
        starts = np.concatenate([[0], count.cumsum()[:-1]])
        for name in MEANS:
            values, errors = board[name].to_numpy(), board[f"{name}_stderr"].to_numpy()
            for _ in range(resamples):
                drawn = values + errors * rng.standard_normal(len(values))
                draws[name].append(np.add.reduceat(drawn, starts) / count.to_numpy())
        ends = {name: np.percentile(draws[name], ENDS, axis=0) for name in MEANS}
        found[str(student), str(n)] = {
            (teacher, name): (float(means.loc[teacher, name]), *ends[name][:, i].tolist())
            for i, teacher in enumerate(means.index)
            for name in MEANS
        }
    return found


def check(results: Path, resamples: int) -> None:
    """Stop unless both agree."""
    one, other = ours(results, resamples), plain(results, resamples)
    if one.keys() != other.keys() or any(one[k].keys() != other[k].keys() for k in one):
        raise SystemExit("not the same boards and teachers")
    keys = [(board, key) for board in one for key in one[board]]
    mine = np.array([one[board][key] for board, key in keys])
    theirs = np.array([other[board][key] for board, key in keys])
    width = theirs[:, 2] - theirs[:, 1]
    means = np.abs(mine - theirs)[:, 0].max()
    ends = (np.abs(mine - theirs)[:, 1:] / width[:, None]).max()
    print(f"  {len(one)} boards, {len(keys)} means: differ by at most {means:.1e}, ends of "
          f"intervals by {ends:.1%} of the width")  # fmt: skip
    if means > 1e-9 or ends > ALIKE:
        raise SystemExit("they do not agree")


def main() -> None:
    """Measure the large build, then compare at a size at which the plain way ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--plain_rows", type=int, default=20_000)
    parser.add_argument("--resamples", type=int, default=10_000, help="of the comparison")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if args.rows:
            size, started = size_of(args.rows), time.perf_counter()
            files = write_board(root / "large", size)
            print(f"\n{size.rows:,} rows in {files:,} files ({size}; written in "
                  f"{time.perf_counter() - started:.0f} s)")  # fmt: skip
            measured_build(root / "large", root / "built")
        if args.plain_rows:
            size = size_of(args.plain_rows)
            write_board(root / "small", size)
            print(f"\n{size.rows:,} rows ({size}), {args.resamples:,} resamples")
            check(root / "small", args.resamples)
            variants = {"ours": ours, "plain": plain}
            seconds = interleave(
                {n: lambda f=f: f(root / "small", args.resamples) for n, f in variants.items()},
                args.repeats,
            )  # fmt: skip
            report("read, group, means, intervals", seconds, "ours")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if sys.argv[1:2] == ["--build"]:
        sys.exit(build(sys.argv[2:]))
    main()
