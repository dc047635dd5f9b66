"""``train``: data into a student."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli import flags
from polyglot_harness.cli.values import KeyValues, positive

if TYPE_CHECKING:
    from polyglot_harness.spec import Example, StudentCard
    from polyglot_harness.stages import Done, Workshop

EPILOG = """\
examples:
  # the embedded student on a pack's own examples: a minute on two CPU cores
  polyglot-harness train gold:de

  # a teacher's data, as arXiv 2604.11290 trains: one GPU of 80 GB
  polyglot-harness train runs/first/generate/*-de-* --student olmo-3-7b --recipe paper

  # a table of your own, a model of the hub, single fields of the recipe
  polyglot-harness train de=mine.csv --columns prompt=Frage response=Antwort \\
      --student_args pretrained=ORG/MODEL,chat_template=plain --epochs 3 --learning_rate 1e-4

  # does more data help? one student a size, the smaller ones' examples in the larger ones'
  polyglot-harness train runs/first/generate/*-de-* --scales 1000,5000,10000 --held_out 200

  # go on from an adapter; a whole model in place of an adapter
  polyglot-harness train gold:id --adapter runs/stages/train/... --save merged

DATA: a folder of `generate` or `run`, a JSONL, JSON, CSV or Parquet file (also .gz), a data set of
the hub (hf:ORG/NAME), or gold:CODE; CODE=DATA says the language of rows that do not say theirs.

The same command again finds the student finished, or goes on from the last checkpoint. Exit status:
0 trained, 2 wrong input, 3 a package is missing, 4 the training failed (out of memory, a loss that
is no number, ...), 5 the disk, 130 stopped by Ctrl-C. More: docs/training.md.
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="fine-tune a student on SFT data (TRL, PEFT)",
        description="Fine-tune a student on examples, equal per strategy. A killed training goes "
        "on from its last checkpoint.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", nargs="+", metavar="DATA", help="what to train on, see below")
    parser.add_argument(
        "--columns", nargs="+", action=KeyValues, metavar="NAME=COLUMN", default=None,
        help="where data of others have it, e.g. prompt=question response=answer; language=none "
        "passes a column over (default: as found)",
    )  # fmt: skip
    parser.add_argument("--any_language", action="store_true",
                        help="do not check that responses are in the languages that they are said "
                        "to be in (default: check)")  # fmt: skip
    flags.student_flags(parser)
    parser.add_argument("--adapter", type=Path, default=None, metavar="DIR",
                        help="go on from what `train` wrote there: it is merged into the base "
                        "first, and a whole model is made (default: from the base)")  # fmt: skip
    flags.recipe_flags(parser, fields=True)
    parser.add_argument("--save", choices=("adapter", "merged"), default="adapter",
                        help="merged: a whole model, with the adapter added to the base's weights "
                        "(default: %(default)s)")  # fmt: skip
    parser.add_argument("--scales", type=_scales, default=None, metavar="N,...",
                        help="one student for each number of examples, on nested samples, and how "
                        "their losses compare (default: one student)")  # fmt: skip
    parser.add_argument("--evaluate", action="store_true",
                        help="with --scales: also evaluate each student, and the base, on the "
                        "tasks of its languages (default: only the held-out loss)")  # fmt: skip
    flags.evaluation_flags(parser)
    flags.language_flag(parser)
    flags.common_flags(parser)
    parser.add_argument("--dry_run", action="store_true",
                        help="say what would be trained on what, and stop")  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Train; print what came of it, how to evaluate it, and where it lies."""
    from polyglot_harness import stages
    from polyglot_harness.errors import ConfigError
    from polyglot_harness.training.mixture_files import in_training_order

    if args.evaluate and not args.scales:
        raise ConfigError("--evaluate goes with --scales; one student: polyglot-harness evaluate")
    shop = _workshop(args)
    adapter = _adapter(args.adapter, shop.spec.student)
    examples = _examples(args)
    name = "-".join(dict.fromkeys(_name(text) for text in args.data))[:60]
    if args.scales:
        from polyglot_harness.cli.scaling import scale

        return scale(args, shop, name, examples, adapter)
    limit = shop.spec.recipe.max_train_samples
    chosen = in_training_order(args.data, examples, limit, seed=shop.spec.seed)
    if args.dry_run:
        from polyglot_harness.cli.train_plan import show_train_plan

        show_train_plan(shop, name, examples, chosen, adapter)
        return 0
    done = stages.train(shop, name, shop.spec.student, chosen, adapter=adapter)
    weights = stages.trained_folder(done)
    print(summary(done))  # noqa: T201
    print(f"Evaluate: {evaluate_command(args, weights, chosen)}")  # noqa: T201
    print(weights)  # noqa: T201
    return 0


def _workshop(args: argparse.Namespace) -> Workshop:
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.stages.preferring_training import check_method

    shop = workshop(args)
    check_method(shop.spec.recipe, "sft", "train")
    shop.options = flags.training_options(args)
    return shop


def _adapter(folder: Path | None, student: StudentCard) -> Path | None:
    """Return the weights that the training goes on from, if they are of the student's base."""
    from polyglot_harness import stages

    if folder is None:
        return None
    weights = stages.find_weights(folder)
    stages.check_base(student, weights)
    return weights


def _examples(args: argparse.Namespace) -> tuple[Example, ...]:
    from polyglot_harness.data_sources.examples import check_languages, own_ids, read_examples
    from polyglot_harness.data_sources.hub import ask_the_hub

    ask_the_hub(args.data)
    columns = {k: None if v is None else str(v) for k, v in (args.columns or {}).items()}
    found = own_ids(
        example
        for text in args.data
        for example in read_examples(text, include_path=args.include_path, columns=columns)
    )
    if not args.any_language:
        check_languages(found)
    return found


def _name(text: str) -> str:
    from polyglot_harness.files import EXAMPLES

    path = Path(re.sub(r"^[A-Za-z]{2,3}=", "", text))
    return path.parent.name if path.name == EXAMPLES else path.name.replace(":", "-")


def summary(done: Done) -> str:
    """Return in a line what a training did."""
    counts = dict(done.record.counts)
    parts = [
        f"{counts['examples']} examples", f"{counts['steps']} steps",
        f"loss {counts['first_loss']:.3f} -> {counts['final_loss']:.3f}",
    ]  # fmt: skip
    if counts.get("held_out"):
        before, after = counts.get("held_out_loss_before"), counts.get("held_out_loss")
        parts.append(f"held out ({counts['held_out']}) {before:.3f} -> {after:.3f}")
    if counts.get("too_long"):
        parts.append(f"{counts['too_long']} too long and left out")
    return ", ".join(parts)


def evaluate_command(args: argparse.Namespace, weights: Path, examples: Sequence[Example]) -> str:
    """Return the command that evaluates what was trained, in its languages that have a pack."""
    from polyglot_harness.languages import pack_folders

    there = pack_folders(args.include_path)
    languages = sorted({example.language for example in examples} & there.keys())
    command = ["polyglot-harness", "evaluate", "--adapter", str(weights)]
    command += ["--student", args.student] if args.student else []
    if args.student_args:
        command += ["--student_args", *(f"{k}={v}" for k, v in args.student_args.items())]
    command += ["--include_path", args.include_path] if args.include_path else []
    return shlex.join([*command, "--languages", ",".join(languages) or "CODE"])


def _scales(text: str) -> tuple[int, ...]:
    return tuple(sorted({positive(part.strip()) for part in text.split(",")}))
