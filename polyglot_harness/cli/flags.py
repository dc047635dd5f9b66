"""Flags that several subcommands share. Names are lm-eval's where the meaning is the same."""

from __future__ import annotations

import argparse
from pathlib import Path

from polyglot_harness.cli.recipe_flags import DEFAULT_RECIPE, recipe_flags, training_options
from polyglot_harness.cli.values import (
    KeyValues,
    Names,
    batch_size,
    concurrency,
    fraction,
    money,
    positive,
)

__all__ = ["DEFAULT_RECIPE", "recipe_flags", "training_options"]
DEFAULT_STUDENT = "smollm2-135m"
DEFAULT_METRICS = (
    "acceptance_rate", "format", "length", "language_fidelity", "code_switching", "known_words",
    "repetition", "lexical_diversity", "distinct_ri", "vendi", "perplexity",
)  # fmt: skip
DEFAULT_STRATEGIES = ("generate", "translate", "respond")
DEFAULT_PERPLEXITY_MODEL = "gemma-3-270m"
DEFAULT_EMBEDDER = "multilingual-e5-small"


def teacher_flags(parser: argparse.ArgumentParser) -> None:
    """Which teachers, and how they are asked."""
    group = parser.add_argument_group("teachers")
    group.add_argument(
        "--teacher", "--model", "-M", nargs="+", action=Names, metavar="NAME", default=None,
        help="cards (see: ls teachers), TOML files, or one lm-eval model type (hf, vllm, "
        "local-chat-completions, ...) together with --teacher_args",
    )  # fmt: skip
    group.add_argument(
        "--teacher_args", "--model_args", "-a", nargs="+", action=KeyValues, metavar="KEY=VALUE",
        default=None,
        help="arguments of the model type, e.g. pretrained=...,dtype=float32; form=completion for "
        "a base model without chat template",
    )  # fmt: skip
    group.add_argument(
        "--strategies", nargs="+", action=Names, metavar="NAME", default=DEFAULT_STRATEGIES,
        help="generate, translate, respond, refine (default: the first three)",
    )  # fmt: skip
    group.add_argument(
        "--limit", "-L", type=positive, default=64, metavar="N",
        help="documents per teacher, language and strategy (default: %(default)s; the paper: "
        "3500); a larger one later asks only for what is new",
    )  # fmt: skip
    group.add_argument(
        "--max_attempts", type=positive, default=1, metavar="N",
        help="ask a document up to so often while its reply is rejected (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--gen_kwargs", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="generation settings (default: temperature=0.8 top_p=0.9 max_gen_toks=256)",
    )  # fmt: skip
    group.add_argument(
        "--apply_chat_template", nargs="?", const=True, default=None, metavar="TRUE|FALSE",
        type=_boolean, help="override what the teacher's card says of the chat template",
    )  # fmt: skip
    group.add_argument("--system_instruction", default=None, metavar="TEXT", help="system prompt")
    group.add_argument(
        "--chunk_size", type=positive, default=16, metavar="N",
        help="requests per chunk of a model in this process, the unit of seeding and what an "
        "interruption can lose (default: %(default)s); servers and vllm are fed continuously",
    )  # fmt: skip
    group.add_argument(
        "--concurrency", type=concurrency, default=None, metavar="auto|N",
        help="requests in flight at a server (default: auto, which finds out what it bears)",
    )  # fmt: skip
    cost_flag(group)
    group.add_argument(
        "--instruction_language", choices=("en", "own"), default="en",
        help="instruct teachers in English, or in the language itself (default: en)",
    )  # fmt: skip
    group.add_argument(
        "--given", nargs="+", action=KeyValues, metavar="STRATEGY=FILE.jsonl", default=None,
        help="what translate (English prompts, with a human translation as reference where there "
        "is one), respond (prompts) or refine (prompts and responses) start from in place of the "
        "pack's, e.g. respond=prompts-{lang}.jsonl",
    )  # fmt: skip
    group.add_argument(
        "--checks", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="what a reply must pass to become an example (see: ls checks), e.g. "
        "near_duplicate=0.7 contamination=0",
    )  # fmt: skip


def cost_flag(parser: argparse._ActionsContainer) -> None:
    """What teachers and judges may cost."""
    parser.add_argument(
        "--max_cost", type=money, default=None, metavar="USD",
        help="stop cleanly before teachers and judges cost more, by the prices of their cards (or "
        "--teacher_args, --judge_args price_in=...,price_out=... in dollars per million tokens)",
    )  # fmt: skip


def student_flags(parser: argparse.ArgumentParser) -> None:
    """Which student, and how it is trained."""
    group = parser.add_argument_group("students")
    group.add_argument(
        "--student", default=None, metavar="NAME",
        help=f"student card or TOML file (see: ls students; default: {DEFAULT_STUDENT})",
    )  # fmt: skip
    group.add_argument(
        "--student_args", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="fields of the card, e.g. pretrained=ORG/MODEL dtype=bfloat16 chat_template=plain (a "
        "template, or the name of one: chatml, plain, plain-ko); behind a server: "
        "model=local-chat-completions,base_url=URL,pretrained=ITS_NAME (evaluate only)",
    )  # fmt: skip


def mixture_flags(parser: argparse.ArgumentParser) -> None:
    """What part of a student's data is a teacher's, beside English."""
    group = parser.add_argument_group("mixtures with English (arXiv 2401.01854)")
    group.add_argument(
        "--mixture", nargs="+", action=Names, metavar="MIXTURE", default=("alone",),
        help="alone: a student a language, of the teacher's data (default); pinch:40: one student "
        "of all languages, on English data in which 40 examples are replaced by the teacher's; "
        "share:10: 10 per cent; pinch:0: English alone, to compare with. Several make a dimension "
        "of the grid",
    )  # fmt: skip
    group.add_argument(
        "--english", nargs="+", metavar="DATA", default=(),
        help="the English instruction set: files, folders of `generate`, data sets of the hub, or "
        "gold:en for the pack's own",
    )  # fmt: skip
    group.add_argument(
        "--mix_budget", type=positive, default=None, metavar="N",
        help="examples of a mixture, English and others (default: all English ones, at most the "
        "recipe's max_train_samples)",
    )  # fmt: skip
    group.add_argument(
        "--also_evaluate", nargs="+", action=Names, metavar="CODE", default=None,
        help="further languages that students of mixtures are evaluated in, e.g. en,ja (default: "
        "en)",
    )  # fmt: skip


def tasks_flag(parser: argparse._ActionsContainer) -> None:
    """Which tasks students are evaluated on, and which teachers' data must not contain."""
    parser.add_argument(
        "--tasks", "-t", nargs="+", action=Names, metavar="TASK", default=(),
        help="lm-eval tasks or groups of the students in place of those that the packs name; "
        "{lang} stands for the code",
    )  # fmt: skip


def evaluation_flags(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """How students are evaluated; `several` allows more than one number of examples."""
    group = parser.add_argument_group("evaluation")
    tasks_flag(group)
    group.add_argument(
        "--num_fewshot", "-f", type=_shots if several else _whole, default=None,
        metavar="N,..." if several else "N",
        help="examples in the prompts of student tasks (default: as each task says; a task that "
        "says 0 keeps it)" + ("; of several, e.g. 0,5,10,50, each is evaluated" * several),
    )  # fmt: skip
    group.add_argument(
        "--eval_limit", type=positive, default=None, metavar="N",
        help="items per student task (default: all)",
    )  # fmt: skip


def metric_flags(parser: argparse.ArgumentParser) -> None:
    """How the data are measured."""
    group = parser.add_argument_group("intrinsic metrics")
    group.add_argument(
        "--metrics", nargs="+", action=Names, metavar="NAME", default=DEFAULT_METRICS,
        help="see: ls metrics (default: those that need no judge, reward model or COMET)",
    )  # fmt: skip
    group.add_argument(
        "--metric_limit", type=positive, default=None, metavar="N",
        help="examples per teacher and language that metrics with a language model read "
        "(default: all)",
    )  # fmt: skip
    group.add_argument(
        "--embedder", default=DEFAULT_EMBEDDER, metavar="NAME",
        help="vectors for distinct_ri and vendi: multilingual-e5-small (embedded), "
        "sentence-transformers:MODEL, vllm:MODEL, or openai:MODEL@BASE_URL for a server (default: "
        "%(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--perplexity_model", default=DEFAULT_PERPLEXITY_MODEL, metavar="MODEL",
        help="base LM for perplexity: embedded name, path or hub name (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--perplexity_backend", default="hf", metavar="TYPE",
        help="lm-eval model type that gives its log-likelihoods: hf, vllm, local-completions, ... "
        "(default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--perplexity_args", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="further arguments of that model type, e.g. dtype=bfloat16",
    )  # fmt: skip
    group.add_argument(
        "--perplexity_form", choices=("plain", "chat"), default="plain",
        help="chat: prompt and response in the model's chat template (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--perplexity_max_length", type=positive, default=None, metavar="N",
        help="tokens of prompt and response that are read (default: what the model bears)",
    )  # fmt: skip
    group.add_argument(
        "--judge", nargs="+", action=Names, metavar="NAME", default=None,
        help="judges of the metrics rubric and difficulty: teacher cards, TOML files, or one "
        "lm-eval model type with --judge_args; two or more show how far they agree",
    )  # fmt: skip
    group.add_argument(
        "--judge_args", nargs="+", action=KeyValues, metavar="KEY=VALUE", default=None,
        help="arguments of the judge's model type, e.g. model=...,base_url=...",
    )  # fmt: skip
    group.add_argument(
        "--judge_attempts", type=positive, default=3, metavar="N",
        help="ask so often while a judgement cannot be read (default: %(default)s)",
    )  # fmt: skip
    group.add_argument(
        "--reward_model", default="", metavar="MODEL",
        help="sequence-classification model of the metric reward: path or hub name",
    )  # fmt: skip
    group.add_argument(
        "--comet_model", nargs="+", action=Names, metavar="MODEL", default=(),
        help="COMET models of the metric comet: names or checkpoint files",
    )  # fmt: skip


def language_flag(parser: argparse.ArgumentParser) -> None:
    """Which languages."""
    parser.add_argument(
        "--languages", nargs="+", action=Names, metavar="CODE", default=None,
        help="ISO 639-1 codes, e.g. de,id (see: ls languages; default: all but English)",
    )  # fmt: skip


def common_flags(parser: argparse.ArgumentParser) -> None:
    """Machine, seed, folders."""
    group = parser.add_argument_group("common")
    group.add_argument(
        "--batch_size", "-b", type=batch_size, default="16", metavar="N",
        help="a number, auto or auto:N (default: %(default)s)",
    )  # fmt: skip
    group.add_argument("--device", default=None, help="cpu, cuda, cuda:0, mps (default: as found)")
    group.add_argument("--seed", type=int, default=0, help="seed of every draw (default: 0)")
    group.add_argument(
        "--include_path", default=None, metavar="DIR", help="further folder of packs and YAMLs"
    )
    group.add_argument(
        "--trust_pack", action="store_true",
        help="let code of --include_path run, and say which (default: refused; never in CI)",
    )  # fmt: skip
    group.add_argument(
        "--trust_remote_code", action="store_true",
        help="let cards ask for code that comes with a model (default: refused)",
    )  # fmt: skip
    offline_data_flag(group)
    group.add_argument(
        "--output_path", "-o", type=Path, required=False, default=None, metavar="DIR",
        help="folder of the run; finished work in it is found again (default: runs/<names>)",
    )  # fmt: skip


def offline_data_flag(parser: argparse._ActionsContainer) -> None:
    """Where data sets of tasks are, where there is no hub."""
    parser.add_argument(
        "--offline_data", type=Path, default=None, metavar="DIR",
        help="read the tasks' data sets from DIR/OWNER/NAME, never from the hub (default: the "
        "environment variable POLYGLOT_DATA; see: ls data)",
    )  # fmt: skip


def alpha_flag(parser: argparse.ArgumentParser, default: float | None = 0.5) -> None:
    """Weight of the intrinsic part; a default of None stands for the run's own."""
    parser.add_argument(
        "--alpha", type=fraction, default=default, metavar="A",
        help="Polyglot Score = alpha * z + (1 - alpha) * PGR (default: "
        + ("as in the run)" if default is None else "%(default)s)"),
    )  # fmt: skip


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def _shots(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_whole(part.strip()) for part in text.split(",")))


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")
