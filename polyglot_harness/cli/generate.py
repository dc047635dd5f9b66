"""``generate``: have teachers write SFT data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.cli import flags

if TYPE_CHECKING:
    from polyglot_harness.stages import Done

EPILOG = """\
examples:
  # an embedded teacher, on a laptop
  polyglot-harness generate --teacher smollm2-135m-instruct --languages es,ja --limit 20 \\
      --output_path OUT

  # any OpenAI-compatible server (vllm serve, transformers serve, llama.cpp, a hosted API)
  polyglot-harness generate --teacher openai-compatible \\
      --teacher_args model=NAME,base_url=http://127.0.0.1:8000/v1,price_in=0.1,price_out=0.4 \\
      --languages de --limit 3500 --max_cost 2 --output_path OUT

  # what that would cost
  polyglot-harness generate ... --dry_run

Keys come from the environment only (OPENAI_API_KEY, or the variable named by api_key_env=NAME).
Every reply is kept as it arrives, in OUT/replies; the same command again, after a kill or with a
larger --limit, asks only for what is missing. Exit status: 0 all finished, 2 wrong input, 4 a cell
failed, the money is spent, or another process is at work here, 5 the disk, 130 stopped by Ctrl-C.
Next: polyglot-harness export --output_path OUT --to parquet
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "generate",
        help="have teachers write SFT data in the languages",
        description="Have teachers write SFT data; accepted examples and rejections with their "
        "reasons are kept as JSONL. A killed run goes on where it was.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.language_flag(parser)
    flags.teacher_flags(parser)
    flags.tasks_flag(parser)
    flags.common_flags(parser)
    parser.add_argument(
        "--dry_run", action="store_true", help="print requests, tokens and cost, and stop"
    )
    return parser


def execute(args: argparse.Namespace) -> int:
    """Run the stage for every teacher, language and strategy."""
    from polyglot_harness import stages
    from polyglot_harness.cli.run_folder import remember_generated
    from polyglot_harness.cli.spec_checks import check_teachers
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.executors.local import LocalExecutor
    from polyglot_harness.languages import load_pack
    from polyglot_harness.store import hold

    if args.dry_run:
        return _dry_run(args)
    shop = workshop(args)
    spec = shop.spec
    check_teachers(spec)
    hold(shop.root)
    remember_generated(shop.root, spec)
    cells = {
        f"{teacher.name} {code} {strategy}": (teacher, load_pack(code, spec.include_path), strategy)
        for teacher in spec.teachers
        for code in spec.languages
        for strategy in spec.strategies
    }
    executor = LocalExecutor(shop.reporter)
    finished = executor.map("generate", lambda cell: stages.generate(shop, *cell), cells)
    _show(finished, shop.root)
    return 4 if executor.errors else 0


def _dry_run(args: argparse.Namespace) -> int:
    from polyglot_harness.cli.generation_plan import show_generation_plan
    from polyglot_harness.cli.spec_of import spec_of, spending_of
    from polyglot_harness.cli.stage import default_root

    spec = spec_of(args)
    spending_of(args, spec)
    show_generation_plan(spec, args.output_path or default_root(), args.max_cost)
    return 0


def _show(finished: dict[str, Done], root: Path) -> None:
    """Print what became of the replies, a line a cell, and where the data are."""
    from polyglot_harness.files import EXAMPLES

    for done in finished.values():
        counts = dict(done.record.counts)
        reasons = {k.removeprefix("rejected_"): n for k, n in counts.items() if "rejected_" in k}
        rejected = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()))
        cost = f"  ${counts['cost_usd']:.4f}" if "cost_usd" in counts else ""
        line = f"{counts['accepted']}/{counts['replies']} accepted{cost}"
        print(f"{line}  {done.folder}/{EXAMPLES}" + (f"  ({rejected})" if rejected else ""))  # noqa: T201
    if any("rejected_backend_error" in dict(done.record.counts) for done in finished.values()):
        print("Some requests got no answer; the same command again asks for them.")  # noqa: T201
    if finished:
        print(f"Every reply, as it arrived: {root}/replies/*/replies.jsonl")  # noqa: T201
