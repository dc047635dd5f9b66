"""``train``: data into a student."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from polyglot_harness.cli import flags


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="fine-tune a student on SFT data (TRL, PEFT LoRA)",
        description="Fine-tune a student on examples, equal per strategy. A killed training goes "
        "on from its last checkpoint.",
    )
    parser.add_argument(
        "data", nargs="+", metavar="DATA",
        help="examples.jsonl files or folders of `generate`, or gold:CODE for a pack's gold data",
    )  # fmt: skip
    flags.student_flags(parser)
    flags.recipe_flags(parser)
    flags.common_flags(parser)
    return parser


def execute(args: argparse.Namespace) -> int:
    """Train and print where the adapter lies."""
    from polyglot_harness import stages
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.training.data import choose

    shop = workshop(args)
    examples = [e for text in args.data for e in _examples(text, args.include_path)]
    recipe = shop.spec.recipe
    chosen = choose(examples, recipe.max_train_samples, seed=shop.spec.seed)
    name = "-".join(dict.fromkeys(_name(text) for text in args.data))[:60]
    done = stages.train(shop, name, shop.spec.student, chosen)
    counts = dict(done.record.counts)
    print(f"{counts['examples']} examples, {counts['steps']} steps, "  # noqa: T201
          f"loss {counts['first_loss']:.3f} -> {counts['final_loss']:.3f}")  # fmt: skip
    print(done.folder / "adapter")  # noqa: T201
    return 0


def _examples(text: str, include_path: str | None) -> Any:
    from polyglot_harness.files import EXAMPLES, read_jsonl
    from polyglot_harness.languages import load_pack
    from polyglot_harness.spec import Example
    from polyglot_harness.training.data import gold_examples

    if text.startswith("gold:"):
        return gold_examples(load_pack(text.removeprefix("gold:"), include_path))
    path = Path(text)
    return read_jsonl(path / EXAMPLES if path.is_dir() else path, Example)


def _name(text: str) -> str:
    from polyglot_harness.files import EXAMPLES

    path = Path(text)
    return path.parent.name if path.name == EXAMPLES else path.name.replace(":", "-")
