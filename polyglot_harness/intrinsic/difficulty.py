"""Instruction difficulty: how hard the prompts are, rated by an LLM judge; 1-5, higher is harder.

After AgoraBench (arXiv 2412.03679), which rates the instructions that a teacher writes; the wording
is our own. difficulty = mean over examples of the judge's rating of the prompt alone. Equal prompts
are judged once. Missing judgements, several judges and the limits of judges are those of `rubric`;
besides, a judge calls easy what it can do itself.
"""

from __future__ import annotations

from typing import Any

from polyglot_harness.intrinsic import MeasureInput, judging
from polyglot_harness.intrinsic.judging.criteria import Criterion, Rubric
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

RUBRIC = Rubric(
    name="difficulty",
    task=(
        "You are an experienced teacher and set tasks in {language}. Below stands a prompt, meant "
        "to be in {language}. Rate how hard it is; do not answer it."
    ),
    parts=("prompt",),
    criteria=(
        Criterion(
            name="difficulty",
            question="How hard is it to answer the prompt well?",
            one="Anybody can answer it at once: a greeting, a common fact, a simple opinion.",
            three=(
                "It takes some knowledge of a subject, several steps of thought, or care with "
                "more than one requirement."
            ),
            five=(
                "It takes an expert's knowledge, a long chain of reasoning, or work under many "
                "requirements at once; most people would fail."
            ),
        ),
    ),
)


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the judges, how they are asked, and the wording."""
    return judging.depends_on(RUBRIC, spec)


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``difficulty``, ``difficulty_missing``, and the agreement of judges."""
    return judging.measure(RUBRIC, data, values)
