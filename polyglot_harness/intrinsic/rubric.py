"""Rubric score: mean rating by an LLM judge, of three criteria; 1-5, higher is better.

The judge rates each example by language proficiency, cultural nuance and helpfulness, after
M-Prometheus (arXiv 2504.04953), which arXiv 2604.11290 scores teachers' data by; the wording is
our own. rubric_score = mean over examples of the mean over criteria; an example of which the judge
leaves a criterion out, or gives anything but a whole number from 1 to 5, has no score: it is asked
again, and in the end counted in rubric_missing. Of several judges the score is the mean over
judges, of the examples that all of them judged, and `agreement` says how far they agree.

The scores are as good as the judge. Known limits: judges favour texts of their own family, and
long and confident ones; they see little of faults in a language that they hardly know; and a text
may try to talk them into a score. A small model is no judge: SmolLM2 of 135 M parameters gave no
readable judgement of any of 40 German examples, and, held to a score of helpfulness by its form,
preferred the right response to that of another prompt in 9 of 20 pairs.
"""

from __future__ import annotations

from typing import Any

from polyglot_harness.intrinsic import MeasureInput, judging
from polyglot_harness.intrinsic.judging.criteria import Criterion, Rubric
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec

RUBRIC = Rubric(
    name="rubric",
    task=(
        "You are a strict and fair judge of texts in {language}. Below stand a prompt and a "
        "response to it, both meant to be in {language}. Rate the response."
    ),
    parts=("prompt", "response"),
    criteria=(
        Criterion(
            name="language_proficiency",
            question="How well is the response written in {language}?",
            one="It is not in {language}, or so faulty that one can hardly make sense of it.",
            three=(
                "It can be understood, but has mistakes of grammar or spelling, or wording that "
                "sounds translated."
            ),
            five=(
                "It is free of mistakes, natural and idiomatic, in the tone that an educated "
                "native speaker would choose here."
            ),
        ),
        Criterion(
            name="cultural_nuance",
            question=(
                "Does the response suit people who speak {language}: their customs, institutions, "
                "names, units and forms of address? Where the prompt does not touch on any, ask "
                "only whether something would strike them as foreign."
            ),
            one="It takes another culture for granted, offends, or gets facts of theirs wrong.",
            three="It is acceptable, but generic or borrowed where local knowledge was called for.",
            five="It is at home in their culture; nothing in it would strike them as foreign.",
        ),
        Criterion(
            name="helpfulness",
            question="Does the response do what the prompt asks for?",
            one="It does not: it is off the point, wrong, or misleading.",
            three="It does so in part, or with gaps or mistakes that matter.",
            five="It does so correctly, completely and to the point.",
        ),
    ),
)


def depends_on(spec: RunSpec, pack: LanguagePack) -> dict[str, Any]:
    """Return the judges, how they are asked, and the wording."""
    return judging.depends_on(RUBRIC, spec)


def measure(data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Return ``rubric_score``, ``rubric_<criterion>``, ``rubric_missing``, and the agreement."""
    return judging.measure(RUBRIC, data, values)
