"""The signature of a cell: all that must agree before two scores may be compared."""

from __future__ import annotations

from polyglot_harness import __version__
from polyglot_harness.intrinsic import depends_on
from polyglot_harness.languages import pack_digest, templates_digest
from polyglot_harness.lm.judge import PARSER_VERSION
from polyglot_harness.mixtures import english_set
from polyglot_harness.signature import format_signature
from polyglot_harness.spec import LanguagePack, Mixture, RunSpec, digest
from polyglot_harness.stages import (
    data_identity,
    given_sha256,
    recipe_identity,
    student_identity,
    student_tasks,
    tasks_digest,
)

SHORT = {"generate": "gen", "translate": "tr", "respond": "resp", "refine": "refine"}
ELSEWHERE = ("versions", "language", "pack")
"""What a metric depends on that is no part of its own field: machines differ in versions, and
languages have fields of their own."""


def cell_signature(spec: RunSpec, pack: LanguagePack, mixture: Mixture | None = None) -> str:
    """Return e.g. ``lang:de|strat:gen+tr+resp|n:24|seed:7|...`` (the teacher is not part of it).

    Args:
        spec: The run.
        pack: The language.
        mixture: What the student was trained on; None for the teacher's data alone.
    """
    measured = [
        [metric, {k: v for k, v in depends_on(metric, spec, pack).items() if k not in ELSEWHERE}]
        for metric in spec.metrics
    ]
    asked = [
        spec.gen_kwargs, spec.system_instruction, spec.apply_chat_template,
        spec.instruction_language, spec.max_attempts, PARSER_VERSION,
        [given_sha256(spec, strategy, pack.code) for strategy, _ in spec.given],
    ]  # fmt: skip
    tasks = student_tasks(spec, pack)
    tested = [
        tasks, tasks_digest(pack), data_identity(tasks, spec.include_path), spec.eval_limit,
        spec.num_fewshot,
    ]  # fmt: skip
    return format_signature(
        {
            "lang": pack.code,
            "strat": "+".join(SHORT[s] for s in spec.strategies),
            "n": str(spec.limit),
            "seed": str(spec.seed),
            "pack": digest([pack_digest(pack), templates_digest(pack)])[:4],
            "ask": digest(asked)[:4],
            "checks": digest(spec.checks)[:4],
            **_mixed(spec, mixture or Mixture()),
            "sft": f"{spec.recipe.name}@{digest(recipe_identity(spec.recipe))[:4]}",
            "base": f"{spec.student.name}@{digest(student_identity(spec.student))[:4]}",
            "ref": spec.reference,
            "tasks": digest(tested)[:4],
            "intr": digest(measured)[:4],
            "version": __version__,
        }
    )


def _mixed(spec: RunSpec, mixture: Mixture) -> dict[str, str]:
    """Return the field of a mixture: the English set and the languages mixed in decide too."""
    if mixture == Mixture():
        return {}
    made = digest([english_set(spec).digest, spec.mix_budget, sorted(spec.languages)])
    return {"mix": f"{mixture}@{made[:4]}"}
