"""What A and B of ``compare`` stand for: a model that is asked, or answers that are there."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.spec import Example, StudentCard, TeacherCard

BASE = "base"
DATA = "data.jsonl"
"""What a stage of training leaves of its data."""
ANSWERS = "answers.jsonl"
VALID = (
    "base (the untrained student), a folder of `train` or `prefer`, an adapter or a model, a "
    "teacher card (see: ls teachers), an lm-eval model type with --a_args or --b_args, or answers: "
    "gold:CODE, .jsonl, .json, .csv, .parquet files or a folder of them"
)


@dataclass(frozen=True)
class Side:
    """One of the two."""

    name: str
    what: str
    """In words."""
    card: TeacherCard | None = None
    """Of the model that is asked; None for answers that are there."""
    answers: Mapping[tuple[str, str], Example] = field(default_factory=dict)
    """Language and prompt -> answer, the first of several."""
    trained_on: frozenset[str] = frozenset()
    """Prompts of its training data, as far as they are known."""


def sides_of(
    texts: tuple[str, str],
    arguments: tuple[Mapping[str, Any] | None, Mapping[str, Any] | None],
    student: StudentCard,
    include_path: str | None,
    language: str | None,
) -> tuple[Side, Side]:
    """Return what A and B stand for, with different names.

    Args:
        texts: As the user gave them.
        arguments: Of model types (``--a_args``, ``--b_args``).
        student: What ``base`` is, and adapters belong to.
        include_path: A further folder of packs.
        language: Of answers that do not say theirs.

    Raises:
        ConfigError: If one of them is nothing that can be compared, or both are the same.
    """
    a, b = (
        _side(text, args, f"--{letter}", student, include_path, language)
        for text, args, letter in zip(texts, arguments, "ab", strict=True)
    )
    if texts[0] == texts[1] and arguments[0] == arguments[1]:
        raise ConfigError(f"A and B are both {texts[0]!r}: there is nothing to compare")
    if a.name == b.name:
        return replace(a, name=f"{a.name} (A)"), replace(b, name=f"{b.name} (B)")
    return a, b


def _side(
    text: str,
    args: Mapping[str, Any] | None,
    flag: str,
    student: StudentCard,
    include_path: str | None,
    language: str | None,
) -> Side:
    from polyglot_harness.stages.answering import policy
    from polyglot_harness.teachers import load_teacher, teacher_from_flags, teacher_names

    path = Path(text)
    if args is not None:
        card = teacher_from_flags(text, dict(args), flag)
        return Side(card.name, f"model type {text}", card)
    if text == BASE:
        return Side(student.name, "the untrained student", policy(student))
    if _holds_weights(path):
        return _trained(path, student)
    if text in teacher_names() or text.endswith(".toml"):
        card = load_teacher(text)
        return Side(card.name, "teacher card", card)
    if (path / ANSWERS).is_file():
        text = str(path / ANSWERS)
    return _given(text, include_path, language)


def _holds_weights(path: Path) -> bool:
    from polyglot_harness.stages.weights import ADAPTER_CONFIG, MODEL_CONFIG
    from polyglot_harness.training.outputs import ADAPTER, MODEL

    places = (path, path / ADAPTER, path / MODEL)
    return any((p / name).is_file() for p in places for name in (ADAPTER_CONFIG, MODEL_CONFIG))


def _trained(path: Path, student: StudentCard) -> Side:
    from polyglot_harness.stages import check_base, find_weights
    from polyglot_harness.stages.answering import policy

    weights = find_weights(path)
    check_base(student, weights)
    card = policy(student, weights)
    return Side(_readable(weights), str(weights), card, trained_on=_trained_on(weights))


def _readable(weights: Path) -> str:
    """Return the name of a stage's folder without its digest, or that of any other folder."""
    weights = weights.resolve()
    folder = weights.parent if weights.name in ("adapter", "model") else weights
    name, _, digest = folder.name.rpartition("-")
    return name if name and len(digest) == 16 else folder.name


def _trained_on(weights: Path) -> frozenset[str]:
    from polyglot_harness.files import jsonl_rows

    data = weights.parent / DATA
    rows = jsonl_rows(data) if data.is_file() else ()
    return frozenset(str(row.get("prompt")) for _, row in rows)


def _given(text: str, include_path: str | None, language: str | None) -> Side:
    from polyglot_harness.data_sources.examples import read_examples
    from polyglot_harness.data_sources.find import short_name
    from polyglot_harness.data_sources.prompts import ids_of

    if not _is_data(text):
        raise ConfigError(f"{text}: no model and no answers; valid: {VALID}")
    examples = read_examples(text, include_path=include_path, language=language)
    answers: dict[tuple[str, str], Example] = {}
    for name, e in zip(ids_of(examples), examples, strict=True):
        answers.setdefault((e.language, e.prompt), e.model_copy(update={"id": name}))
    name = text.replace(":", "-") if text.startswith("gold:") else short_name(text)
    return Side(name, f"{len(answers)} answers of {text}", answers=answers)


def _is_data(text: str) -> bool:
    from polyglot_harness.data_sources.examples import GOLD, PREFIX
    from polyglot_harness.data_sources.hub import looks_like_hub

    said = PREFIX.fullmatch(text)
    data = said["data"] if said else text
    there = Path(data).exists() or any(glob.iglob(data))  # noqa: PTH207 (of absolute ones, too)
    return there or data.startswith(GOLD) or looks_like_hub(data)
