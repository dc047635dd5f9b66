"""Have a teacher do one strategy in one language: replies to the log, outcomes to the stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from polyglot_harness.lm.engine import Engine
from polyglot_harness.lm.judge import Judge
from polyglot_harness.lm.outcome import write_outcomes
from polyglot_harness.lm.reply_log import ReplyLog
from polyglot_harness.lm.source import Source
from polyglot_harness.lm.tally import Spending, Tally
from polyglot_harness.spec import LanguagePack, RunSpec, TeacherCard
from polyglot_harness.strategies.checks import speaks
from polyglot_harness.teachers import is_served


def teach(
    lm: Any,
    teacher: TeacherCard,
    pack: LanguagePack,
    strategy: str,
    spec: RunSpec,
    judge: Judge,
    *,
    log_folder: Path,
    folder: Path,
    spending: Spending,
    progress: Callable[[int, str], None],
) -> dict[str, Any]:
    """Ask for what the log lacks; write ``examples.jsonl`` and ``rejections.jsonl``.

    Args:
        lm: The teacher's lm-eval ``LM``.
        teacher: Its card.
        pack: The language.
        strategy: The strategy.
        spec: Number of documents, seed, generation settings.
        judge: Decides what becomes an example.
        log_folder: Where all replies of this teacher, language and strategy are kept.
        folder: Gets examples and rejections.
        spending: The money of the job.
        progress: Told of each reply.

    Returns:
        Counts: requests, replies, tokens, cost, accepted, and rejections by reason.

    Raises:
        HarnessError: What stopped the backend. The two files then hold what there is.
    """
    source = Source(lm, teacher, pack, strategy, spec)
    # has the language identifier loaded now, not while the first replies wait
    speaks(pack.seeds[0].response, pack.code)
    tally = Tally(teacher, spec.limit, spending)
    with ReplyLog(log_folder) as log:
        engine = Engine(
            lm=lm,
            source=source,
            log=log,
            judge=judge,
            tally=tally,
            limit=spec.limit,
            max_attempts=spec.max_attempts,
            chunk_size=spec.chunk_size,
            independent=is_served(teacher.model),
            progress=progress,
        )
        try:
            engine.run()
        finally:
            outcomes = write_outcomes(
                log,
                engine.places,
                folder,
                language=pack.code,
                strategy=strategy,
                near_duplicate=spec.checks.near_duplicate,
            )
    return {**tally.counts(), **outcomes}
