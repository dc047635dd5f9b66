"""The stage *compare*: which of two answers to each prompt is better, by a judge or a reward model.

It depends on the answers' texts, wherever they come from. What a judge said is kept apart, by
judge, as that of metrics is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from polyglot_harness.files import jsonl_rows, write_jsonl
from polyglot_harness.intrinsic.estimate import share
from polyglot_harness.intrinsic.judging.side_by_side import (
    ORDERS,
    WORDING,
    Contest,
    Said,
    judge_contests,
    score,
)
from polyglot_harness.intrinsic.judging.win_rates import (
    LOSS,
    TIE,
    WIN,
    Outcomes,
    outcomes,
    sign_test,
    win_rate,
)
from polyglot_harness.provenance import relevant
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import LanguagePack, Measurement, TeacherCard, digest, pairs
from polyglot_harness.stages.measuring import judgement_folder
from polyglot_harness.stages.teaching import replies_depend_on
from polyglot_harness.stages.workshop import Done, Workshop, identity
from polyglot_harness.store import Result, verify_output
from polyglot_harness.teachers import is_served

COMPARISONS = "comparisons.jsonl"
VERSION = 1
"""Raised when judgements become another outcome."""
MARGIN = 1e-6
"""Rewards closer than this are a tie."""
BLOCK = 64
"""Pairs that an interruption of the reward model loses at most."""
Row = dict[str, Any]


def compare(
    shop: Workshop,
    name: str,
    pack: LanguagePack,
    contests: Sequence[Contest],
    judge: TeacherCard,
) -> Done:
    """Have a judge compare the answers to prompts of one language.

    Equal answers tie without being judged.

    Args:
        shop: The run; its spec has the attempts.
        name: Readable name of what is compared.
        pack: The language.
        contests: The answers.
        judge: The judge's card.

    Returns:
        The stage, whose ``comparisons.jsonl`` has a row a prompt, and whose record has
        ``win_rate`` (of a, in per cent), ``missing``, ``consistency``, ``first_twice`` and
        ``second_twice``.

    Raises:
        HarnessError: What stopped the judge; judgements that had arrived are kept.
    """
    spec = shop.spec

    def work(folder: Path, progress: Progress) -> Result:
        different = [c for c in contests if c.a != c.b]
        asked = len(ORDERS) * len(different)
        said: dict[str, tuple[Said, Said]] = {}
        counts: Row = {}
        reasons = Counter[str]()
        if different:
            lm = shop.pool.lm(
                judge.model, dict(judge.model_args), batch_size=spec.batch_size, device=spec.device
            )
            found = judge_contests(
                lm, judge, pack, different, spec,
                folder=judgement_folder(shop.root, judge, spec),
                spending=shop.spending,
                progress=lambda done, note: progress(done, asked, note),
            )  # fmt: skip
            said = {c.id: each for c, each in zip(different, found.said, strict=True)}
            counts, reasons = found.counts, found.reasons
        rows = [_judged(contest, said.get(contest.id)) for contest in contests]
        write_jsonl(folder / COMPARISONS, rows)
        counts |= {f"missing_{reason}": n for reason, n in sorted(reasons.items())}
        about = {"judge": judge.name, "wording": WORDING}
        measured = (*_measured(pack.code, rows, about), *_positions(pack.code, said.values()))
        return Result(_counts(rows) | counts, measured)

    inputs = pairs(
        {
            "answers": digest([list(contest) for contest in contests]),
            "language": [pack.code, pack.name],
            "judge": [*replies_depend_on(judge, spec), judge.form, judge.reply_format],
            "settings": judge.gen_kwargs,
            "wording": WORDING,
            "attempts": spec.judge_attempts,
            "chunk_size": "" if is_served(judge.model) else spec.chunk_size,
            "version": VERSION,
        }
    )
    key, title = f"{name}-{pack.code}-by-{judge.name}", f"compare {pack.code} by {judge.name}"
    done = shop.run("compare", key, inputs, work, title, len(ORDERS) * len(contests))
    if done.reused:
        shop.spending.spent += dict(done.record.counts).get("cost_usd", 0.0)
    return done


def compare_rewards(
    shop: Workshop, name: str, pack: LanguagePack, contests: Sequence[Contest]
) -> Done:
    """Compare answers by the reward model of the spec: the higher reward wins.

    Args:
        shop: The run.
        name: Readable name of what is compared.
        pack: The language.
        contests: The answers.

    Returns:
        As `compare`, without measurements of the order.
    """
    spec = shop.spec

    def work(folder: Path, progress: Progress) -> Result:
        rewards = list(_rewards(shop, folder, contests, progress))
        rows = [_rewarded(c, *each) for c, each in zip(contests, rewards, strict=True)]
        write_jsonl(folder / COMPARISONS, rows)
        return Result(_counts(rows), _measured(pack.code, rows, {"judge": spec.reward_model}))

    inputs = pairs(
        {
            "answers": digest([list(contest) for contest in contests]),
            "language": pack.code,
            "reward_model": identity(spec.reward_model),
            "device": spec.device,
            "margin": MARGIN,
            "versions": relevant("torch", "transformers"),
            "version": VERSION,
        }
    )
    judge = spec.reward_model.rstrip("/").split("/")[-1]
    key, title = f"{name}-{pack.code}-by-{judge}", f"compare {pack.code} by {judge}"
    return shop.run("compare", key, inputs, work, title, len(contests))


def comparisons_of(done: Done) -> list[Row]:
    """Read the rows of a stage, checked against its record."""
    path = verify_output(done.folder, done.record, COMPARISONS)
    return [row for _, row in jsonl_rows(path)]


def scores_of(rows: Iterable[Row]) -> dict[str, float]:
    """Return id -> `WIN`, `TIE` or `LOSS` of answer a; what is missing is left out."""
    named = {"win": WIN, "tie": TIE, "loss": LOSS}
    return {row["id"]: named[row["outcome"]] for row in rows if row["outcome"]}


def _judged(contest: Contest, said: tuple[Said, Said] | None) -> Row:
    """Return a row; without judgements the answers are equal."""
    found = TIE if said is None else score(said)
    orders = ["".join(order) for order in ORDERS]
    verdicts = [
        {"order": order, **each._asdict()} for order, each in zip(orders, said or (), strict=False)
    ]
    return {**_row(contest, found), "verdicts": verdicts}


def _rewarded(contest: Contest, a: float | None, b: float | None) -> Row:
    found = None
    if a is not None and b is not None:
        found = TIE if abs(a - b) <= MARGIN else WIN if a > b else LOSS
    return {**_row(contest, found), "rewards": [a, b]}


def _row(contest: Contest, found: float | None) -> Row:
    names = {WIN: "win", TIE: "tie", LOSS: "loss"}
    return {**contest._asdict(), "outcome": None if found is None else names[found]}


def _counts(rows: Sequence[Row]) -> Row:
    found = outcomes(scores_of(rows).values())
    identical = sum(row["a"] == row["b"] for row in rows)
    missing = len(rows) - found.n
    return {"prompts": len(rows), **found._asdict(), "missing": missing, "identical": identical}


def _measured(code: str, rows: Sequence[Row], about: Row) -> tuple[Measurement, ...]:
    found: Outcomes = outcomes(scores_of(rows).values())
    rate = win_rate(found)
    params = pairs({**about, **found._asdict(), "p": sign_test(found)})
    return (
        Measurement(
            name="win_rate", language=code, value=rate.value, stderr=rate.stderr, n=rate.n,
            low=rate.low, high=rate.high, params=params,
        ),
        share("missing", code, len(rows) - found.n, len(rows)),
    )  # fmt: skip


def _positions(code: str, said: Iterable[tuple[Said, Said]]) -> tuple[Measurement, ...]:
    """Return how often both orders led to the same answer, and to the same place."""
    both = [tuple(s.better for s in pair) for pair in said if all(s.better for s in pair)]
    counted = {
        "consistency": sum(first == second for first, second in both),
        "first_twice": both.count(("a", "b")),
        "second_twice": both.count(("b", "a")),
    }
    return tuple(share(name, code, n, len(both)) for name, n in counted.items())


def _rewards(
    shop: Workshop, folder: Path, contests: Sequence[Contest], progress: Progress
) -> Iterator[tuple[float | None, float | None]]:
    """Return the rewards of both answers; those on disk are found again."""
    from polyglot_harness.intrinsic.values import Values
    from polyglot_harness.lm.reward_model import load_reward_model
    from polyglot_harness.lm.reward_model import score as rewards_of

    values = Values.resume(folder, BLOCK)
    if values.rows < len(contests):
        shop.pool.release()
        model = load_reward_model(shop.spec.reward_model, shop.spec.device)
    while values.rows < len(contests):
        block = contests[values.rows : values.rows + BLOCK]
        of_a = rewards_of(model, [(c.prompt, c.a) for c in block])
        of_b = rewards_of(model, [(c.prompt, c.b) for c in block])
        values.add(a=[r.value for r in of_a], b=[r.value for r in of_b])
        progress(values.rows, len(contests))
    for block_of_rows in values.blocks("a", "b"):
        yield from ((_known(a), _known(b)) for a, b in block_of_rows.tolist())


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
