"""What is checked of a spec before hours are spent on it: models, tasks, and the tasks' data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyglot_harness.languages import load_pack
from polyglot_harness.spec import RunSpec


def check_teachers(spec: RunSpec) -> None:
    """Check that each teacher and judge exists.

    Raises:
        ConfigError: If a path does not exist, or a model type is unknown.
    """
    from polyglot_harness.lm.load import check_model_type, resolve_args

    for teacher in (*spec.teachers, *spec.judges):
        check_model_type(teacher.model)
        resolve_args(dict(teacher.model_args))


def check_metric_models(spec: RunSpec) -> None:
    """Check what metrics read with, as far as that can be told without loading it.

    Raises:
        ConfigError: If a path does not exist, or an embedder is unknown.
    """
    from polyglot_harness.intrinsic.embedding.embedders import embedder_identity
    from polyglot_harness.lm.load import check_model_type
    from polyglot_harness.models import resolve

    if "perplexity" in spec.metrics:
        check_model_type(spec.perplexity_backend)
        resolve(spec.perplexity_model)
    if "reward" in spec.metrics:
        resolve(spec.reward_model)
    embedder_identity(spec.embedder)


def check_models(spec: RunSpec) -> None:
    """Check that each model and task exists, before hours are spent on the first ones.

    Raises:
        ConfigError: If a path does not exist, or a model type or a task is unknown.
    """
    from polyglot_harness.lm.index import task_manager
    from polyglot_harness.mixtures import languages_tested
    from polyglot_harness.models import resolve
    from polyglot_harness.stages import student_tasks

    check_teachers(spec)
    needed = [spec.student.pretrained, *([] if spec.reference == "gold" else [spec.reference])]
    for name in needed:
        resolve(name)
    check_metric_models(spec)
    codes = languages_tested(spec)
    packs = [load_pack(code, spec.include_path) for code in codes]
    tested = [task for pack in packs for task in student_tasks(spec, pack)]
    taught = [f"polyglot_teach_{code}_{s}" for code in spec.languages for s in spec.strategies]
    names = list(dict.fromkeys([*tested, *taught]))
    manager = task_manager(names, include_path=spec.include_path)
    check_data(manager, tested)
    if spec.num_fewshot:
        from polyglot_harness.lm.evaluate import check_shots

        check_shots(manager, tested, spec.num_fewshot)


def check_data(manager: Any, tasks: Sequence[str]) -> None:
    """Load the data sets of tasks: a gated one must not end a run after its trainings.

    Raises:
        ConfigError: If one cannot be loaded.
    """
    from polyglot_harness.lm.hub_data import data_sources, fetch
    from polyglot_harness.lm.index import load_tasks, task_configs

    configs = task_configs(manager, tasks)
    sources = data_sources(configs)
    fetch(sources)
    if functions := sorted({task for s in sources if s.function for task in s.tasks}):
        # what they load, only they can tell
        load_tasks(manager, functions)
