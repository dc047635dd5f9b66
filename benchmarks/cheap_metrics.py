"""Claim: metrics without a model measure a million examples in bounded memory.

``polyglot-harness measure FILE.jsonl --metrics ...`` in a process of its own, for growing numbers
of examples: real sentences (web, human rights, seeds of the packs), drawn so that no two examples
are the same; a prompt is one sentence, a response three to eight. Examples per second of each
metric are by its stage's own clock. The total is that of the command, with start-up, reading, and
the table of values; also per second of processor time, which a busy machine leaves as it is. Memory
is the peak of the process, as the kernel tells it.

    python benchmarks/cheap_metrics.py [--sizes 10000 100000 1000000] [--language de]
        [--metrics length repetition] [--folder DIR]

With --folder, data and results stay there: what an interrupted run has finished is not measured
again (the total then says little).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import tempfile
from pathlib import Path

from _language_texts import sentences
from _timing import machine
from _watch import watch

from polyglot_harness.cli.measure_plan import MODELS
from polyglot_harness.files import json_line
from polyglot_harness.intrinsic import METRICS

TRANSLATIONS = ("translationese", "translation_overlap")
"""They look at sources, which these data have not."""
JOINED = {"ja": ""}


def cheap_metrics() -> list[str]:
    """Return the metrics that need no model."""
    return [name for name in METRICS if name not in (*MODELS, *TRANSLATIONS) and _there(name)]


def _there(name: str) -> bool:
    return importlib.util.find_spec(METRICS[name]) is not None


def write_examples(path: Path, language: str, count: int) -> None:
    """Write so many different examples; the first ones are the same for any number."""
    texts = [t for (_, code), found in sentences(10_000).items() if code == language for t in found]
    draw, space = random.Random(0), JOINED.get(language, " ")  # noqa: S311 (no secret)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            prompt, *response = draw.choices(texts, k=draw.randint(4, 9))
            row = {"id": str(number), "prompt": prompt, "response": space.join(response)}
            file.write(json_line(row))


def measure(folder: Path, language: str, count: int, metrics: list[str]) -> None:
    """Measure so many examples, and print a line a metric."""
    data, out = folder / f"{language}-{count}.jsonl", folder / f"out-{language}-{count}"
    if not data.exists():
        write_examples(data, language, count)
    run = watch(
        [sys.executable, "-m", "polyglot_harness", "measure", data, "--languages", language,
         "--metrics", *metrics, "--output_path", out, "--format", "csv"],
        folder / f"{count}.log",
        env={"OMP_NUM_THREADS": "1"},
        timeout=6 * 3600,
    )  # fmt: skip
    print(f"\n{count:,} examples of {data.stat().st_size / count:.0f} bytes")
    if run.status:
        raise SystemExit(run.log)
    for metric in metrics:
        (path,) = out.glob(f"metrics/*-{metric}-*/record.json")
        seconds = json.loads(path.read_text(encoding="utf-8"))["seconds"]
        print(f"  {metric:<20} {count / seconds:10,.0f} examples/s")
    for name, seconds in (("all", run.wall), ("all, processor time", run.cpu)):
        print(f"  {name:<20} {count / seconds:10,.0f} examples/s  ({seconds:.0f} s)")
    print(f"  {'peak memory':<20} {run.peak:10,.0f} MB", flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--language", default="de")
    parser.add_argument("--metrics", nargs="+", default=cheap_metrics())
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for count in args.sizes:
            measure(folder, args.language, count, args.metrics)


if __name__ == "__main__":
    main()
