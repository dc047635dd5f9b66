"""``prefer``: CroCo, a student tuned on preferences between its own responses."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from polyglot_harness.cli import flags
from polyglot_harness.cli.values import KeyValues, positive

if TYPE_CHECKING:
    from polyglot_harness.cli.preferred import Plan
    from polyglot_harness.spec import Preference
    from polyglot_harness.stages import Done, Workshop

# the names of `preference.pairs`, which would load numpy
RULES, POOLS = ("mu-2sigma", "q1", "min"), ("in_lang", "all_lang")
RECIPES = {"dpo": "croco", "sft-best": "croco-sft"}
SAMPLES = 64
SAMPLING = {"temperature": 1.0, "top_p": 1.0, "max_gen_toks": 256}
EPILOG = """\
examples:
  # what that would ask for
  polyglot-harness prefer --languages de,id --reward hf:ORG/REWARD-MODEL --dry_run

  # the embedded student on a laptop: few samples, a function of your own as reward
  polyglot-harness prefer --student smollm2-135m --languages de --limit 16 --samples 8 \\
      --reward python:./reward.py:score --learning_rate 1e-4

  # as arXiv 2605.26293: 64 samples a prompt, mean - 2 sd, candidates of all languages together;
  # the same ids in each language's file
  polyglot-harness prefer --student_args pretrained=ORG/MODEL,dtype=bfloat16 --languages de,es \\
      --prompts de=de.jsonl es=es.jsonl --pool all_lang --gen_kwargs max_gen_toks=4096 \\
      --reward http://127.0.0.1:8000

  # its baseline, and its off-policy control: the same, but ...
  polyglot-harness prefer ... --method sft-best
  polyglot-harness prefer ... --candidates_from TEACHER

--reward is hf:MODEL (a sequence classifier of one label), the address of a vLLM server of one
(vllm serve MODEL --runner pooling; with MODEL@ before it where it serves several), or
python:module:function, python:./file.py:function. The function runs here, as you wrote it:
  def score(prompts: list[str], responses: list[str], language: str) -> list[float]: ...
None or NaN in its list is a response without a reward.

Candidates, rewards, pairs and the training are each kept and found again: more --samples or other
prompts ask only for what is new, another --reward samples nothing anew, other --pairs score nothing
anew. Exit status: 0 done, 2 wrong input, 3 a package is missing, 4 a stage failed or the money is
spent, 5 the disk, 130 stopped by Ctrl-C. More: docs/croco.md.
"""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "prefer",
        help="tune a student on preferences between its own responses (CroCo, DPO)",
        description="Sample responses from a student, score them, make pairs of a chosen and a "
        "rejected one, and train the student to prefer the chosen (arXiv 2605.26293).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.language_flag(parser)
    _candidate_flags(parser)
    _pair_flags(parser)
    flags.student_flags(parser)
    parser.add_argument("--adapter", type=Path, default=None, metavar="DIR",
                        help="the policy is the student with these weights of `train`; they are "
                        "merged before training (default: the untrained student)")  # fmt: skip
    flags.recipe_flags(parser)
    parser.set_defaults(recipe=RECIPES["dpo"])
    group = parser.add_argument_group("what is made")
    group.add_argument("--method", choices=tuple(RECIPES), default="dpo",
                       help="dpo, or sft-best: fine-tune on the chosen responses alone, by the "
                       f"recipe {RECIPES['sft-best']} (default: %(default)s)")  # fmt: skip
    group.add_argument("--save", choices=("adapter", "merged"), default="adapter",
                       help="merged: a whole model (default: %(default)s)")  # fmt: skip
    group.add_argument("--no_train", action="store_true",
                       help="stop at the pairs (default: train)")  # fmt: skip
    group.add_argument("--dry_run", action="store_true",
                       help="say what would be asked, and stop")  # fmt: skip
    flags.common_flags(parser)
    return parser


def _candidate_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("candidates")
    group.add_argument(
        "--prompts", nargs="+", default=None, metavar="FILE|gold:CODE",
        help="what is answered: files with a column prompt (CODE=FILE says their language), or a "
        "pack's seeds (default: the seeds of each language)",
    )  # fmt: skip
    group.add_argument("--limit", "-L", type=positive, default=None, metavar="N",
                       help="prompts a language, the first ones by id (default: all)")  # fmt: skip
    group.add_argument("--samples", type=positive, default=SAMPLES, metavar="N",
                       help="responses to each prompt (default: %(default)s)")  # fmt: skip
    group.add_argument(
        "--gen_kwargs", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="how they are sampled (default: "
        + " ".join(f"{k}={v}" for k, v in SAMPLING.items())
        + "; the paper's code: the same, but max_gen_toks=4096)",
    )  # fmt: skip
    group.add_argument("--system_instruction", default=None, metavar="TEXT",
                       help="system prompt (default: none)")  # fmt: skip
    group.add_argument(
        "--candidates_from", default=None, metavar="TEACHER|FILE",
        help="off-policy: a teacher card, an lm-eval model type with --candidates_args, or a file "
        "or folder of responses, several to a prompt (default: the student itself)",
    )  # fmt: skip
    group.add_argument(
        "--candidates_args", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="arguments of that model type, e.g. pretrained=... or model=...,base_url=... "
        "(default: none)",
    )  # fmt: skip
    flags.cost_flag(group)


def _pair_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rewards and pairs")
    group.add_argument("--reward", required=True, metavar="REWARD",
                       help="what scores responses: hf:MODEL, URL, python:MODULE:FUNCTION; see "
                       "below")  # fmt: skip
    group.add_argument(
        "--pairs", choices=RULES, default="mu-2sigma",
        help="rejected is, of the candidates below the chosen (the best) one, that nearest to the "
        "mean less two standard deviations, to the first quartile, or the lowest (default: "
        "%(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--pool", choices=POOLS, default="in_lang",
        help="both responses in answer to one prompt, or all_lang: to the prompts of one id in all "
        "languages (default: %(default)s)",
    )  # fmt: skip


def execute(args: argparse.Namespace) -> int:
    """Sample, score, pair, train; print what came of it."""
    from polyglot_harness.cli.preferred import candidates, plan_of
    from polyglot_harness.cli.preferred_output import show_pairs, show_plan
    from polyglot_harness.stages.preferring import pair, pairs_of, reward
    from polyglot_harness.store import hold

    shop = _workshop(args)
    plan = plan_of(args, shop.spec)
    if args.dry_run:
        show_plan(shop, plan)
        return 0
    hold(shop.root)
    answered = {code: candidates(shop, plan, code) for code in plan.asked}
    scored = {
        code: reward(shop, plan.name, plan.packs[code], done, plan.scorer)
        for code, done in answered.items()
    }
    made = pair(
        shop,
        plan.name,
        [(plan.packs[code], answered[code], scored[code]) for code in answered],
        plan.ids,
        rule=args.pairs,
        pool=args.pool,
        reward_name=plan.scorer.name,
    )
    show_pairs(plan, answered, made)
    if not args.no_train:
        plan.scorer.release()
        _train(args, shop, plan, pairs_of(made))
    return 0


def _workshop(args: argparse.Namespace) -> Workshop:
    from polyglot_harness.cli.stage import workshop
    from polyglot_harness.data_sources.hub import ask_the_hub
    from polyglot_harness.stages.preferring_training import check_method

    if args.recipe == RECIPES["dpo"]:
        args.recipe = RECIPES[args.method]
    args.gen_kwargs = {**SAMPLING, **(args.gen_kwargs or {})}
    ask_the_hub([*(args.prompts or ()), *([args.candidates_from] if args.candidates_from else [])])
    # the spec's limit is of documents for teachers
    given = argparse.Namespace(**{name: v for name, v in vars(args).items() if name != "limit"})
    shop = workshop(given)
    args.output_path = given.output_path
    needed: Literal["dpo", "sft"] = "dpo" if args.method == "dpo" else "sft"
    check_method(shop.spec.recipe, needed, f"prefer --method {args.method}")
    shop.options = flags.training_options(args)
    return shop


def _train(
    args: argparse.Namespace, shop: Workshop, plan: Plan, pairs: tuple[Preference, ...]
) -> None:
    from polyglot_harness.cli.preferred_output import show_training
    from polyglot_harness.stages.preferring_training import train_best, train_preference

    work = train_preference if args.method == "dpo" else train_best
    name = f"{plan.name}-{'-'.join(plan.asked)}-{args.pairs}-{args.pool}"
    recipe, student = shop.spec.recipe, shop.spec.student
    done: Done = work(shop, name, student, pairs, recipe=recipe, adapter=plan.weights)
    show_training(args, plan, done)
