"""``run``: the whole job, from teachers to a ranking."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from polyglot_harness.cli import flags
from polyglot_harness.cli.values import config_arguments

EPILOG = """\
examples:
  # two embedded teachers, two languages, the whole job on a laptop
  polyglot-harness run --teacher smollm2-135m-instruct,gemma-3-270m --languages de,id \\
      --limit 16 --eval_limit 60 --output_path runs/first

  # any lm-eval model is a teacher
  polyglot-harness run --teacher vllm --teacher_args pretrained=org/model,dtype=bfloat16 \\
      --languages cs --limit 3500 --recipe paper --student_args pretrained=org/base

  # does a pinch of a teacher's data help in de and cs, and does English hold?
  polyglot-harness run --teacher smollm2-135m-instruct --languages de,cs --english gold:en \
      --mixture pinch:0,pinch:40 --mix_budget 120 --also_evaluate en,es -o runs/pinch

  # what would be done, and what is done already
  polyglot-harness run --config examples/demo.yaml --dry_run

The same command again does only what is missing. Exit status: 0 all cells finished, 2 wrong
input, 4 a cell failed (the others are finished and ranked), 5 the disk, 130 stopped by Ctrl-C.
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "run",
        help="the whole job: generate, measure, train, evaluate, score, rank",
        description="Have teachers write SFT data, measure the data, train a student on each, "
        "evaluate the students and their anchors with lm-eval, and rank the teachers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", "-C", default=None, metavar="FILE.yaml", type=Path,
                        help="YAML file of these flags; the command line overrides it")  # fmt: skip
    flags.language_flag(parser)
    flags.teacher_flags(parser)
    flags.student_flags(parser)
    parser.add_argument(
        "--reference", default=None, metavar="MODEL",
        help="upper anchor: gold (the base trained on the pack's gold data) or a model "
        "(default: as the student's card says)",
    )  # fmt: skip
    flags.recipe_flags(parser)
    flags.mixture_flags(parser)
    flags.evaluation_flags(parser)
    flags.metric_flags(parser)
    flags.alpha_flag(parser)
    flags.common_flags(parser)
    parser.add_argument("--dry_run", action="store_true", help="say what would be done, and stop")
    parser.add_argument(
        "--update", action="store_true",
        help="allow --output_path to hold a run of another spec; what still fits is kept",
    )  # fmt: skip
    return parser


def execute(args: argparse.Namespace) -> int:
    """Run the job; return 4 if a cell failed."""
    args = _with_config(args)
    from polyglot_harness.cli.run_folder import claim, default_folder
    from polyglot_harness.cli.spec_checks import check_models
    from polyglot_harness.cli.spec_of import spec_of, spending_of
    from polyglot_harness.mixtures import check_mixtures

    spec = spec_of(args)
    spending_of(args, spec)
    check_mixtures(spec)
    root: Path = args.output_path or default_folder(spec)
    args.output_path = root
    if args.dry_run:
        from polyglot_harness.cli.generation_plan import show_generation_plan
        from polyglot_harness.cli.plan import show_plan

        show_generation_plan(spec, root, args.max_cost)
        show_plan(spec, root)
        return 0
    from polyglot_harness.stages.preferring_training import check_method
    from polyglot_harness.store import hold

    check_method(spec.recipe, "sft", "run")
    check_models(spec)
    hold(root)
    claim(root, spec, update=args.update)
    from polyglot_harness import pipeline
    from polyglot_harness.cli.present import finish
    from polyglot_harness.cli.progress import Terminal

    reporter = Terminal()
    outcome = pipeline.run(
        spec,
        root,
        reporter,
        spending=spending_of(args, spec),
        options=flags.training_options(args),
    )
    return finish(outcome, spec, root)


def _with_config(args: argparse.Namespace) -> argparse.Namespace:
    """Parse again with the flags of ``--config`` first, so that the command line wins."""
    if args.config is None:
        return args
    parser: argparse.ArgumentParser = args.parser
    known = {a.dest for a in parser._actions if a.dest not in ("help", "config", "debug")}
    from_file = config_arguments(args.config, known)
    return parser.parse_args([*from_file, *args.argv])
