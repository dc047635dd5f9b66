"""``mix``: a pinch of other languages in an English instruction set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli.values import KeyValues, Names, positive

if TYPE_CHECKING:
    from polyglot_harness.data_sources.examples import Loaded
    from polyglot_harness.spec import Example, Mixture
    from polyglot_harness.training.mixing import Mixed

ENGLISH = "en"
EPILOG = """\
examples:
  polyglot-harness mix --english gold:en --from de=mine.csv cs=tymy.jsonl --pinch 40 \\
      --output_path mixes/pinch-40.jsonl
  polyglot-harness mix --english runs/en --from runs/teacher --pinch 0,10,40 --output_path mixes
  polyglot-harness mix --english alpaca.json --from hf:org/aya --languages de,cs,ja \\
      --share 1,10,50,100 --budget 4640 --output_path mixes
  polyglot-harness mix --english gold:en --from de=mine.csv --columns prompt=Frage \\
      response=Antwort --pinch 40 --output_path mixes --dry_run

then, for each file (the control pinch-0 is the same English set untouched):
  polyglot-harness train mixes/pinch-40.jsonl --student ... --output_path runs/pinch

DATA: a CSV, JSONL, JSON or Parquet file (also .gz), a folder of `generate`, `run` or save_to_disk,
a data set of the hub (hf:ORG/NAME), or gold:CODE for a language pack's own examples. CODE=DATA says
the language of rows that do not say theirs. Columns that are found: see `measure --help`.

Mixtures of one --seed are nested: what pinch:10 replaces, pinch:40 replaces too, at the same lines.
Your files are read, never written. Beside each NAME.jsonl, NAME.mixture.json says what was mixed
from what. Walk-through: docs/pinch.md.
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "mix",
        help="replace a pinch of an English instruction set by examples of other languages",
        description="Of an English instruction set of a fixed size, replace a number or a share of "
        "the examples by\nones of other languages, split evenly over them (arXiv 2401.01854: 40 of "
        "4,640 made a difference).\nWrites training files for `train`. Runs no model.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    group = parser.add_argument_group("data")
    group.add_argument("--english", nargs="+", required=True, metavar="DATA",
                       help="the English set; rows in other languages are passed over")  # fmt: skip
    group.add_argument("--from", nargs="+", default=[], action="extend", metavar="DATA",
                       dest="sources", help="examples of other languages, e.g. de=mine.csv "
                       "gold:cs; English rows are passed over")  # fmt: skip
    group.add_argument("--languages", nargs="+", action=Names, default=None, metavar="CODE",
                       help="those of --from to mix in (default: all that there are)")  # fmt: skip
    group.add_argument(
        "--columns", nargs="+", action=KeyValues, metavar="NAME=COLUMN", default=None,
        help="what columns are called, e.g. prompt=Frage response=Antwort; language=none "
        "passes a column over; a source with none of these columns is read as it is (default: as "
        "found)",
    )  # fmt: skip
    group.add_argument("--any_language", action="store_true",
                       help="do not check that examples are in the languages that they are said to "
                       "be in (default: check)")  # fmt: skip
    group = parser.add_argument_group("mixture")
    amount = group.add_mutually_exclusive_group(required=True)
    amount.add_argument("--pinch", nargs="+", action=Names, metavar="N",
                        help="so many examples in all; several, e.g. 0,10,40, for a file each; 0 "
                        "is the English control")  # fmt: skip
    amount.add_argument("--share", nargs="+", action=Names, metavar="P",
                        help="so many per cent, 0-100; 100 leaves no English")  # fmt: skip
    group.add_argument("--budget", type=positive, default=None, metavar="N",
                       help="examples of a mixture, drawn from --english equally per strategy "
                       "(default: all)")  # fmt: skip
    group.add_argument("--strict", action="store_true",
                       help="an error where a language has too few for an equal part (default: the "
                       "others make up for it)")  # fmt: skip
    group.add_argument("--seed", type=int, default=0, help="seed of every draw (default: 0)")
    group = parser.add_argument_group("output")
    group.add_argument("--output_path", "-o", type=Path, required=True, metavar="FILE.jsonl|DIR",
                       help="a file for one mixture, or a folder: DIR/pinch-40.jsonl, ...; other "
                       "data there are never overwritten")  # fmt: skip
    group.add_argument("--dry_run", action="store_true",
                       help="say what would be mixed, and stop (default: write)")  # fmt: skip
    group.add_argument("--include_path", default=None, metavar="DIR",
                       help="further folder of packs, for gold:CODE (default: none)")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Mix, print the table, write the files."""
    from polyglot_harness.data_sources.examples import check_languages
    from polyglot_harness.training.mixing import mix
    from polyglot_harness.training.mixture_files import check_free, write_mixture

    wanted = _mixtures(args)
    paths = _paths(args.output_path, wanted)
    sources = _load(args)
    examples = _distinct(example for _, loaded in sources for example in loaded.examples)
    data = {code: [e for e in examples if e.language == code] for code in _codes(args, examples)}
    if not args.any_language:
        check_languages([example for group in data.values() for example in group])
    foreign = {code: group for code, group in data.items() if code != ENGLISH}
    mixtures = [
        mix(data[ENGLISH], foreign, m, budget=args.budget, seed=args.seed, strict=args.strict)
        for m in wanted
    ]
    for path, mixed in zip(paths, mixtures, strict=True):
        check_free(path, mixed)
    _show(mixtures, data)
    if args.dry_run:
        print("Nothing was written.")  # noqa: T201
        return 0
    said = [
        {"of": role, "data": loaded.name, **_contents(loaded), "taken": len(loaded.examples)}
        for role, loaded in sources
    ]
    for path, mixed in zip(paths, mixtures, strict=True):
        write_mixture(path, mixed, seed=args.seed, sources=said)
        print(path)  # noqa: T201
    return 0


def _mixtures(args: argparse.Namespace) -> list[Mixture]:
    from polyglot_harness.training.mixing import parse_mixture

    kind = "pinch" if args.pinch else "share"
    return [parse_mixture(f"{kind}:{amount}") for amount in args.pinch or args.share]


def _paths(output: Path, mixtures: Sequence[Mixture]) -> list[Path]:
    """Return a path for each mixture."""
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.training.mixture_files import SUFFIX

    if output.suffix != SUFFIX:
        return [output / f"{str(mixture).replace(':', '-')}{SUFFIX}" for mixture in mixtures]
    if len(mixtures) > 1:
        raise ConfigError(f"--output_path {output}: several mixtures need a folder, not a file")
    return [output]


def _load(args: argparse.Namespace) -> list[tuple[str, Loaded]]:
    """Read all sources; of each only what it is there for."""
    from dataclasses import replace

    from polyglot_harness.data_sources.examples import load_examples
    from polyglot_harness.errors import ConfigError

    columns = {k: None if v is None else str(v) for k, v in (args.columns or {}).items()}
    how: dict[str, Any] = {"include_path": args.include_path, "columns": columns}
    found = [("english", load_examples(text, language=ENGLISH, **how)) for text in args.english]
    found += [("other", load_examples(text, **how)) for text in args.sources]
    sources = []
    for role, loaded in found:
        for note in loaded.notes:
            _say(f"{loaded.name}: {note}")
        kept = tuple(e for e in loaded.examples if (e.language == ENGLISH) == (role == "english"))
        if not kept:
            other = "none in English" if role == "english" else "English only"
            raise ConfigError(f"{loaded.name}: holds examples, but {other}")
        if len(kept) < len(loaded.examples):
            _say(f"{loaded.name}: {len(loaded.examples) - len(kept)} rows are passed over, for "
                 f"{'another language' if role == 'english' else 'being English'}")  # fmt: skip
        sources.append((role, replace(loaded, examples=kept)))
    return sources


def _contents(loaded: Loaded) -> dict[str, Any]:
    """Return what stands for a source: digests of files, or what the library calls its state."""
    library = loaded.identity[0] == "datasets"
    return {"fingerprint" if library else "sha256": loaded.identity[1 if library else 0 :]}


def _distinct(examples: Iterable[Example]) -> tuple[Example, ...]:
    """Return examples with ids of their own; copies are left out, and counted."""
    from polyglot_harness.data_sources.examples import own_ids

    every = list(examples)
    found: dict[tuple[str, str, str], Example] = {}
    for example in every:
        found.setdefault((example.language, example.prompt, example.response), example)
    if copies := len(every) - len(found):
        _say(f"{copies} examples are copies of others, and left out")
    return own_ids(found.values())


def _codes(args: argparse.Namespace, examples: Sequence[Example]) -> list[str]:
    """Return English, and the languages to mix in.

    Raises:
        ConfigError: If one that was asked for is not there.
    """
    from polyglot_harness.errors import unknown_name

    there = sorted({e.language for e in examples} - {ENGLISH})
    for code in args.languages or ():
        if code not in there:
            raise unknown_name("language of --from:", code, there)
    return [ENGLISH, *(code for code in there if code in (args.languages or there))]


def _show(mixtures: Sequence[Mixed], available: dict[str, list[Example]]) -> None:
    """Print how many examples of each language are in each mixture."""
    from rich.table import Table

    from polyglot_harness.cli.console import table_console

    table = Table("language", title="Examples by language")
    for name in ("available", *(str(mixed.mixture) for mixed in mixtures)):
        table.add_column(name, justify="right")
    for code, group in available.items():
        counts = [mixed.counts.get(code, 0) for mixed in mixtures]
        table.add_row(code, str(len(group)), *map(str, counts))
    table.add_section()
    table.add_row("all", "", *(str(len(mixed.examples)) for mixed in mixtures))
    table_console().print(table)
    for mixed in mixtures:
        given = {code: mixed.counts.get(code, 0) for code in available if code != ENGLISH}
        for code, count in given.items():
            if count < max(given.values()) - 1:
                _say(f"{mixed.mixture}: {code} has only {count}; the others make up for it")


def _say(line: str) -> None:
    print(f"polyglot-harness: {line}", file=sys.stderr)  # noqa: T201
