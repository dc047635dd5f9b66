"""A row of record, from what student, base and reference answered to the tasks of a language."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from polyglot_harness.leaderboard.importing.checks import plain_name
from polyglot_harness.leaderboard.importing.evaluation import Evaluation, TaskScores
from polyglot_harness.leaderboard.records import Row, TaskItems
from polyglot_harness.leaderboard.results import encode
from polyglot_harness.scoring.items import Arrays, Estimate, Items, align, estimate, subtract
from polyglot_harness.scoring.pgr import (
    anchor_flags,
    gap_flag,
    recovered,
)
from polyglot_harness.signature import format_signature
from polyglot_harness.spec import Measurement, Pairs, digest, pairs

ANCHORS = ("base", "reference")
_ZERO = 1e-12  # a smaller gap is rounding


@dataclass(frozen=True)
class Part:
    """Student, base or reference: all files of one model."""

    files: tuple[Evaluation, ...]
    tasks: Mapping[str, TaskScores]

    @property
    def model(self) -> str:
        """Return the model's name, as the first file gives it."""
        return self.files[0].model

    def path(self, task: str) -> Path:
        """Return the file of a task."""
        return next(file.path for file in self.files if task in file.tasks)

    def only(self, tasks: Sequence[str]) -> Part:
        """Return the part with some of its tasks, and the files of these."""
        files = tuple(file for file in self.files if any(task in file.tasks for task in tasks))
        return Part(files, {task: self.tasks[task] for task in tasks})


def row_of(
    source: str, language: str, parts: Mapping[str, Part], student: str, seed: int | None
) -> tuple[Row, list[str]]:
    """Return the row of a language, and what is to be said of it.

    Args:
        source: Format.
        language: Code.
        parts: ``student``, and of ``base`` and ``reference`` those that there are, with the same
            tasks.
        student: Name of the base model.
        seed: Of the student's training; None if it is not known.
    """
    tasks = parts["student"].tasks
    answers = {
        name: {task: scores.items for task, scores in part.tasks.items() if scores.items}
        for name, part in parts.items()
    }
    without = [name for name, of in answers.items() if len(of) < len(tasks)]
    values = _unpaired(parts) if without else _paired(align(answers, language))
    notes = _differences(parts)
    if without:
        names = ", ".join(without)
        notes.append(f"no stored answers of {names}: errors of gain and gap are unpaired")
    row = Row(
        signature=_signature(source, language, parts, student, seed, paired=not without),
        seed=seed,
        missing=tuple(name for name in ANCHORS if name not in parts),
        n_items=sum(len(s.items) if s.items else s.n for s in tasks.values()),
        measurements=tuple(
            Measurement(name=task, language=language, value=s.mean.value, stderr=s.mean.stderr,
                        n=s.n, params=pairs({"metric": s.metric}))
            for task, s in sorted(tasks.items())
        ),
        items=() if without else _items(answers),
        source=source,
        provenance=_provenance(source, parts, notes),
        **values,
    )  # fmt: skip
    return row, notes


def _differences(parts: Mapping[str, Part]) -> list[str]:
    """Say in what, beside the model, base and reference are not as the student."""
    student, notes = parts["student"], []
    for name, part in parts.items():
        theirs = part.tasks
        other = [task for task, mine in student.tasks.items()
                 if mine.prompts and theirs[task].prompts not in ("", mine.prompts)]  # fmt: skip
        if other:
            some = ", ".join(other[:3]) + (", ..." if len(other) > 3 else "")
            notes.append(f"the {name} read other prompts (a chat template?) in {some}")
        said, its = student.files[0].said, part.files[0].said
        for what in sorted((said.keys() | its.keys()) - {"date"}):
            if said.get(what) != its.get(what):
                notes.append(
                    f"{what} of the {name} is {its.get(what) or 'not said'}, of the student "
                    f"{said.get(what) or 'not said'}"
                )
    return notes


def _paired(arrays: Mapping[str, Arrays]) -> dict[str, object]:
    student, base, reference = (arrays.get(n) for n in ("student", *ANCHORS))
    assert student is not None
    found = _numbers("raw", estimate(student))
    if base is not None:
        found |= _numbers("gain", estimate(subtract(student, base)))
        found["base"] = estimate(base).value
    if reference is not None:
        found["reference"] = estimate(reference).value
    if base is not None and reference is not None:
        found |= _numbers("gap", estimate(subtract(reference, base)))
        found |= _numbers("pgr", recovered(student, base, reference))
        found["flags"] = anchor_flags(base, reference)
    return found


def _unpaired(parts: Mapping[str, Part]) -> dict[str, object]:
    means = {n: _mean([s.mean for s in part.tasks.values()]) for n, part in parts.items()}
    student, base, reference = (means.get(n) for n in ("student", *ANCHORS))
    assert student is not None
    found = _numbers("raw", student)
    if base is not None:
        found |= _numbers("gain", _difference(student, base))
        found["base"] = base.value
    if reference is not None:
        found["reference"] = reference.value
    if base is not None and reference is not None:
        gain, gap = _difference(student, base), _difference(reference, base)
        found |= _numbers("gap", gap)
        # gain and gap share the base: the error of their ratio is not to be had from means
        if gain.value is not None and gap.value is not None and abs(gap.value) > _ZERO:
            found["pgr"] = gain.value / gap.value
        found["flags"] = gap_flags(gap)
    return found


def _numbers(name: str, found: Estimate) -> dict[str, object]:
    return {name: found.value, f"{name}_stderr": found.stderr}


def _mean(tasks: Sequence[Estimate]) -> Estimate:
    values = [e.value for e in tasks if e.value is not None]
    errors = [e.stderr for e in tasks if e.stderr is not None]
    error = math.hypot(*errors) / len(tasks) if len(errors) == len(tasks) else None
    return Estimate(math.fsum(values) / len(values), error)


def _difference(a: Estimate, b: Estimate) -> Estimate:
    if a.value is None or b.value is None:
        return Estimate()
    if a.stderr is None or b.stderr is None:
        return Estimate(a.value - b.value)
    return Estimate(a.value - b.value, math.hypot(a.stderr, b.stderr))


def gap_flags(gap: Estimate) -> tuple[str, ...]:
    """Return what is wrong with a gap of which only value and error are known."""
    flag = gap_flag(gap)
    return (flag,) if flag else ()


def _items(answers: Mapping[str, Items]) -> tuple[TaskItems, ...]:
    student = answers["student"]
    return tuple(
        TaskItems(
            task=task,
            ids=digest(sorted(student[task])),
            **{name: encode(tasks[task][i] for i in sorted(student[task]))
               for name, tasks in answers.items()},
        )
        for task in sorted(student)
    )  # fmt: skip


def _signature(
    source: str,
    language: str,
    parts: Mapping[str, Part],
    student: str,
    seed: int | None,
    *,
    paired: bool,
) -> str:
    """Return what must agree, as far as the files say it; ``tasks`` holds the anchors' answers."""
    asked = [[task, s.metric, s.conditions, s.n, s.asked]
             for task, s in sorted(parts["student"].tasks.items())]  # fmt: skip
    anchors = [[name, task, s.mean.value, s.items]
               for name in ANCHORS if name in parts
               for task, s in sorted(parts[name].tasks.items())]  # fmt: skip
    version = parts["student"].files[0].said.get("lm_eval")
    fields = {
        "lang": language,
        "source": source,
        "base": plain_name(student),
        "ref": parts["reference"].model if "reference" in parts else "none",
        "tasks": digest([asked, anchors, paired])[:8],
        "seed": None if seed is None else str(seed),
        "version": version,
    }
    return format_signature({name: value for name, value in fields.items() if value is not None})


def _provenance(source: str, parts: Mapping[str, Part], notes: Sequence[str]) -> Pairs:
    files = {
        f"{name}:{i}" if len(part.files) > 1 else name: {
            "file": file.path.name, "sha256": file.sha256, "model": file.model, **file.said,
        }
        for name, part in parts.items()
        for i, file in enumerate(part.files, 1)
    }  # fmt: skip
    return pairs({"format": source, **files, **({"notes": list(notes)} if notes else {})})
