"""``--dry_run``: what teachers would be asked for, and what that would cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyglot_harness.spec import LanguagePack, RunSpec, TeacherCard

SAMPLE = 32
"""Requests that are built to estimate the tokens of all."""
DEFAULT_MAX_TOKENS = 256
"""Of a reply, in ``tasks/_teach_yaml``."""


def show_generation_plan(spec: RunSpec, root: Path, max_cost: float | None) -> None:
    """Print requests, tokens and cost per teacher, language and strategy."""
    from rich.table import Table

    from polyglot_harness.cli.console import table_console
    from polyglot_harness.languages import load_pack

    console = table_console()
    table = Table(title="What teachers would be asked for")
    for name in ("teacher", "language", "strategy"):
        table.add_column(name)
    for name in ("documents", "on disk", "tokens in", "tokens out", "cost", "at most"):
        table.add_column(name, justify="right")
    totals = [0.0] * 6
    for teacher in spec.teachers:
        for code in spec.languages:
            for strategy in spec.strategies:
                row = _estimate(spec, root, teacher, load_pack(code, spec.include_path), strategy)
                totals = [a + b for a, b in zip(totals, row, strict=True)]
                table.add_row(teacher.name, code, strategy, *_texts(row, _priced(teacher)))
    table.add_section()
    table.add_row("all", "", "", *_texts(totals, any(map(_priced, spec.teachers))))
    console.print(table)
    console.print(
        "Tokens are estimated (four bytes of UTF-8 each; replies as long as the pack's seeds); "
        "'at most' is with every reply as long as it may be"
        + (f", asked {spec.max_attempts} times" if spec.max_attempts > 1 else "")
        + ". 'on disk' counts replies of this teacher that may serve again; their cost is in "
        "the figures.",
        soft_wrap=True,
    )
    for teacher in spec.teachers:
        if not _priced(teacher):
            console.print(f"{teacher.name}: no price in its card, so no cost is shown.")
    if max_cost is not None and totals[4] > max_cost:
        console.print(f"--max_cost {max_cost:g} would stop the job before its end.")
    console.print("Nothing was asked.")


def _priced(teacher: TeacherCard) -> bool:
    return teacher.price_in is not None and teacher.price_out is not None


def _texts(row: list[float], priced: bool) -> list[str]:
    money = [f"${value:,.2f}" if priced else "—" for value in row[4:]]
    return [*(f"{value:,.0f}" for value in row[:4]), *money]


def _estimate(
    spec: RunSpec, root: Path, teacher: TeacherCard, pack: LanguagePack, strategy: str
) -> list[float]:
    """Return documents, replies on disk, tokens in and out, US dollars expected and at most."""
    from polyglot_harness.lm.tally import estimate_tokens, price
    from polyglot_harness.stages import log_folder
    from polyglot_harness.strategies.documents import documents, given_path, read_given

    asked: list[dict[str, Any]] = documents(
        pack,
        strategy,
        min(spec.limit, SAMPLE),
        seed=spec.seed,
        form=teacher.form,
        reply_format=teacher.reply_format,
        instruction_language=spec.instruction_language,
        given=read_given(given_path(spec.given, strategy, pack.code), strategy),
    )
    system = estimate_tokens(spec.system_instruction) if spec.system_instruction else 0
    tokens_in = sum(estimate_tokens(d["text"]) for d in asked) / len(asked) + system
    own = strategy in ("generate", "translate")
    replies = [s.response + (s.prompt if own else "") for s in pack.seeds]
    settings = {**dict(teacher.gen_kwargs), **dict(spec.gen_kwargs)}
    most = int(settings.get("max_gen_toks", DEFAULT_MAX_TOKENS))
    tokens_out = sum(min(estimate_tokens(text), most) for text in replies) / len(replies)
    n = spec.limit
    folder = log_folder(root, teacher, pack.code, strategy, spec)
    stored = _lines(folder / "replies.jsonl")
    return [
        n, stored, n * tokens_in, n * tokens_out,
        price(teacher, n * tokens_in, n * tokens_out),
        spec.max_attempts * price(teacher, n * tokens_in, n * most),
    ]  # fmt: skip


def _lines(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _ in file)
