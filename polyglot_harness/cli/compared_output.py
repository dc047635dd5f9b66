"""What ``compare`` prints: a table a judge with its reading in words, or JSON, or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from polyglot_harness.csv_cells import csv_cell

if TYPE_CHECKING:
    from rich.table import Table

    from polyglot_harness.cli.compared import Compared, Plan
    from polyglot_harness.stages import Done, Workshop

    Row = dict[str, Any]

NOTHING = "—"
POSITIONS = ("consistency", "first_twice", "second_twice")
COUNTS = ("wins", "ties", "losses", "n", "missing", "identical", "unanswered_a", "unanswered_b")
RATE = ("win_rate", "stderr", "low", "high")
FIELDS = ("judge", "a", "b", "language", *RATE, *COUNTS, "p", *POSITIONS)
POOR = 0.5
"""A judge that says the same in both orders less often is hardly one."""


def show(plan: Plan, found: Sequence[Compared], form: str) -> None:
    """Print what was found, and where it is.

    Args:
        plan: What was compared.
        found: What each judge said.
        form: ``table``, ``json`` or ``csv``; with the latter two nothing else is printed.
    """
    if form == "table":
        for compared in found:
            _show_table(plan, compared)
        return
    rows = [row for compared in found for row in rows_of(plan, compared)]
    print(_csv(rows) if form == "csv" else json.dumps(rows, ensure_ascii=False, indent=1) + "\n",  # noqa: T201
          end="")  # fmt: skip


def rows_of(plan: Plan, found: Compared) -> list[Row]:
    """Return a row a language, then one of their mean (language ``mean``)."""
    from polyglot_harness.intrinsic.judging.win_rates import mean_rate
    from polyglot_harness.stages.comparing import comparisons_of, scores_of

    named: Row = {"judge": found.judge, "a": plan.a.name, "b": plan.b.name}
    rows = [named | _of_language(code, done, found) for code, done in found.done.items()]
    # never a partial mean: a language that failed is missing from it
    if len(plan.prompts) > 1 and len(found.done) == len(plan.prompts):
        mean = mean_rate([scores_of(comparisons_of(done)) for done in found.done.values()])
        rate = dict(zip(RATE, mean, strict=False))
        sums = {name: sum(row[name] for row in rows) for name in COUNTS}
        rows.append({**named, "language": "mean", **rate, **sums, "p": None})
    return rows


def _of_language(code: str, done: Done, found: Compared) -> Row:
    counts, measured = dict(done.record.counts), {m.name: m for m in done.record.measurements}
    rate = measured["win_rate"]
    unanswered = dict(zip(("unanswered_a", "unanswered_b"), found.unanswered[code], strict=True))
    reasons = {k: n for k, n in counts.items() if k.startswith("missing_")}
    return {
        "language": code,
        **dict(zip(RATE, (rate.value, rate.stderr, rate.low, rate.high), strict=True)),
        **{name: counts[name] for name in COUNTS if name in counts}, "n": rate.n,
        **unanswered,
        "p": dict(rate.params)["p"],
        **{name: measured[name].value for name in POSITIONS if name in measured},
        "reasons": reasons,
        "tokens_in": counts.get("tokens_in"), "tokens_out": counts.get("tokens_out"),
        "cost_usd": counts.get("cost_usd"),
        "comparisons": f"{done.folder}/comparisons.jsonl",
        "record": f"{done.folder}/record.json",
    }  # fmt: skip


def _csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _show_table(plan: Plan, found: Compared) -> None:
    from polyglot_harness.cli.console import table_console

    console = table_console(130)
    rows = rows_of(plan, found)
    console.print(_table(plan, found, rows))
    for line in [*(reading(row) for row in rows), *_remarks(rows)]:
        console.print(line, soft_wrap=True, markup=False)
    for row in rows:
        if "comparisons" in row:
            console.print(row["comparisons"], soft_wrap=True, markup=False)


def _table(plan: Plan, found: Compared, rows: Sequence[Row]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    title = f"{plan.a.name} against {plan.b.name}, judged by {found.judge}; 50 = parity"
    table = Table(title=escape(title))
    places = any(row.get("consistency") is not None for row in rows)
    heads = ["language", "win rate [95 %]", "wins", "ties", "losses", "n", "missing", "p"]
    heads += ["same in both orders", "first twice", "second twice"] if places else []
    for head in heads:
        table.add_column(head, justify="left" if head == "language" else "right")
    for row in rows:
        if row["language"] == "mean":
            table.add_section()
        cells = [row["language"], rate_of(row)]
        cells += [str(row[name]) for name in ("wins", "ties", "losses", "n", "missing")]
        cells.append(NOTHING if row["p"] is None else f"{row['p']:.2g}")
        cells += [_per_cent(row.get(name)) for name in POSITIONS] if places else []
        table.add_row(*cells)
    return table


def rate_of(row: Row) -> str:
    """Return a win rate with its interval, e.g. ``63 [51, 74]``."""
    if row["win_rate"] is None:
        return NOTHING
    return f"{row['win_rate']:.0f} [{row['low']:.0f}, {row['high']:.0f}]"


def _per_cent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.0f} %"


def reading(row: Row) -> str:
    """Return what a row says, in words; what is called better has p < 0.05."""
    from polyglot_harness.intrinsic.judging.win_rates import PARITY, SIGNIFICANT

    where = "over all languages" if row["language"] == "mean" else f"in {row['language']}"
    if row["win_rate"] is None:
        return f"Nothing could be judged {where}."
    told = f"{rate_of(row)} (win rate of {row['a']})"
    better, worse = (row["a"], row["b"]) if row["win_rate"] > PARITY else (row["b"], row["a"])
    apart = not row["low"] <= PARITY <= row["high"]
    if row["p"] is None:
        certain = apart
    else:
        certain = row["p"] < SIGNIFICANT
    if certain:
        return f"{better} is better than {worse} {where}: {told}."
    if apart:
        return (
            f"{better} may be better than {worse} {where}: {told}; but the exact sign test does "
            f"not tell it from chance (p = {row['p']:.2g})."
        )
    return f"No difference can be told {where} from {_counted(row['n'])}: {told}."


def _counted(n: int) -> str:
    return f"{n} prompt{'' if n == 1 else 's'}"


def _remarks(rows: Sequence[Row]) -> Iterator[str]:
    """Say what lowers the worth of the numbers."""
    for row in rows:
        code = row["language"]
        if code == "mean":
            continue
        reasons = [f"{n} {k.removeprefix('missing_')}" for k, n in row["reasons"].items()]
        if row["missing"]:
            why = ", ".join(reasons) or "no reward"
            yield f"{code}: {_counted(row['missing'])} without a verdict ({why})."
        if row["identical"]:
            yield f"{code}: equal answers to {_counted(row['identical'])}: ties, not judged."
        for side in ("a", "b"):
            if n := row[f"unanswered_{side}"]:
                yield f"{code}: {row[side]} gave no answer to {_counted(n)}; they do not count."
        if (same := row.get("consistency")) is not None and same < POOR:
            yield (
                f"{code}: {row['judge']} chose the same answer in both orders for "
                f"{_per_cent(same)} of the prompts only; a better judge would tell more."
            )
    if cost := sum(row.get("cost_usd") or 0 for row in rows):
        yield f"{rows[0]['judge']} cost ${cost:.4f}."


def show_plan(shop: Workshop, plan: Plan) -> None:
    """Print what would be asked; nothing is loaded or written."""
    from rich.table import Table

    from polyglot_harness.cli.console import table_console

    console = table_console()
    spec = shop.spec
    table = Table(title=f"What would be compared in {shop.root}")
    for column in ("language", "prompts", "answers by", "judge", "questions to it"):
        table.add_column(column, justify="right" if column[0] in "pq" else "left", overflow="fold")
    asked = ", ".join(side.name for side in (plan.a, plan.b) if side.card) or NOTHING
    judges = [(judge.name, 2) for judge in spec.judges]
    judges += [(spec.reward_model, 2)] if spec.reward_model else []
    for code, prompts in plan.prompts.items():
        for name, times in judges:
            table.add_row(code, str(len(prompts)), asked, name, str(times * len(prompts)))
    console.print(table)
    for letter, side in (("A", plan.a), ("B", plan.b)):
        console.print(f"{letter}: {side.name}, {side.what}", soft_wrap=True, markup=False)
    for line in _costs(shop, plan):
        console.print(line, soft_wrap=True, markup=False)
    console.print("Nothing was asked.")


def _costs(shop: Workshop, plan: Plan) -> Iterator[str]:
    """Estimate what judges cost, of answers like the packs' and of the longest replies."""
    from polyglot_harness.intrinsic.judging.asking import SETTINGS
    from polyglot_harness.intrinsic.judging.side_by_side import question_tokens
    from polyglot_harness.lm.tally import price

    for judge in shop.spec.judges:
        if judge.price_in is None or judge.price_out is None:
            yield f"{judge.name}: no price in its card, so no cost is shown."
            continue
        tokens_in = sum(
            2 * question_tokens(plan.packs[code], [p.prompt for p in prompts])
            for code, prompts in plan.prompts.items()
        )
        n = 2 * sum(map(len, plan.prompts.values()))
        most = {**SETTINGS, **dict(judge.gen_kwargs)}["max_gen_toks"]
        yield (
            f"{judge.name}: at most about ${price(judge, tokens_in, n * most):,.2f} "
            f"({tokens_in:,.0f} tokens in, {n * most:,} out), if every judgement can be read."
        )
