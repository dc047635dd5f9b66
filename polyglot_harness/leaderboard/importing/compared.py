"""A student's results beside those of its base and reference, as rows of record.

Paired by item where all of them have stored answers to the same questions; else by means, whose
errors are then those of independent samples, and larger than need be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from polyglot_harness.analysis.sizes import size_in_name
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.languages import pack_folders
from polyglot_harness.leaderboard.importing import Imported, Request
from polyglot_harness.leaderboard.importing.checks import check_language
from polyglot_harness.leaderboard.importing.evaluation import Evaluation
from polyglot_harness.leaderboard.importing.foreign_rows import ANCHORS, Part, row_of
from polyglot_harness.leaderboard.records import ResultsFile, Row, StudentFacts, TeacherFacts
from polyglot_harness.leaderboard.tables import MISSING, Grid, number, points

Read = Callable[[Path, Sequence[str], Mapping[str, str]], Evaluation]
"""From a file, the tasks that are wanted (() for all) and their metrics."""


def compared(source: str, read: Read, request: Request) -> Imported:
    """Return the rows of a student, one a language.

    Args:
        source: Format.
        read: Reads one file.
        request: Names the files.

    Raises:
        ConfigError: If a file is none of the format; if base or reference lack a task of the
            student, or had other items, shots, versions or metrics; or if teacher, student or
            language are not known.
    """
    if not request.teacher:
        raise ConfigError(f"--format {source}: --teacher is needed: the files do not name it")
    whole = {"student": _part(read, request.files, request.tasks, request.metrics)}
    for task in request.metrics:
        if task and task not in whole["student"].tasks:
            raise unknown_name("task of --metric", task, whole["student"].tasks)
    metrics = {task: scores.metric for task, scores in whole["student"].tasks.items()}
    for name in ANCHORS:
        if paths := getattr(request, name):
            whole[name] = _part(read, paths, tuple(metrics), metrics)
            _check_same(whole["student"], whole[name])
    teacher = TeacherFacts(
        name=request.teacher, revision=request.revision, size_b=size_in_name(request.teacher)
    )
    lost = {"base": "gain and PGR are", "reference": "PGR is"}
    notes = [f"no --{name}: {lost[name]} not known" for name in ANCHORS if name not in whole]
    files = []
    for language, tasks in _by_language(whole["student"], request).items():
        parts = {name: part.only(tasks) for name, part in whole.items()}
        for part in parts.values():
            _check_one_model(part, language)
        student = request.student or (parts["base"].model if "base" in parts else "")
        if not student:
            raise ConfigError(f"--format {source}: --student is needed: no --base says its name")
        row, said = row_of(source, language, parts, student, request.seed)
        notes += [f"{language}: {note}" for note in said]
        facts = StudentFacts(name=student, size_b=size_in_name(student))
        files.append(ResultsFile(teacher=teacher, student=facts, language=language, rows=(row,)))
    return Imported(tuple(files), tuple(notes), (_table(files),))


def _part(
    read: Read, paths: Sequence[Path], wanted: Sequence[str], metrics: Mapping[str, str]
) -> Part:
    files = tuple(read(path, wanted, metrics) for path in paths)
    where: dict[str, Path] = {}
    for file in files:
        for task in file.tasks:
            if task in where:
                raise ConfigError(f"task {task} is in {where[task]} and in {file.path}; keep one")
            where[task] = file.path
    shown = ", ".join(map(str, paths))
    offered = [task for file in files for task in file.offered]
    for task in wanted:
        if task not in where:
            raise ConfigError(
                f"{shown}: {unknown_name('task', task, offered)}; --tasks names what is to be read"
            )
    if not where:
        raise ConfigError(f"{shown}: no task in it")
    return Part(files, {task: scores for file in files for task, scores in file.tasks.items()})


def _check_same(student: Part, other: Part) -> None:
    """Raise ConfigError unless the other was asked all that the student was asked."""
    for task, mine in student.tasks.items():
        theirs = other.tasks[task]
        where = f"{other.path(task)}, beside {student.path(task)}: task {task}"
        own = {**dict(theirs.conditions), "number of documents": theirs.n or mine.n}
        same = {**dict(mine.conditions), "number of documents": mine.n or theirs.n}
        for name in same:
            if same[name] != own.get(name):
                raise ConfigError(
                    f"{where}: {name} is {own.get(name)}, the student's is {same[name]}"
                )
        if mine.asked is not None and theirs.asked is not None and mine.asked != theirs.asked:
            differing = dict(mine.asked.items() ^ theirs.asked.items())
            raise ConfigError(
                f"{where}: other items, or other answers count as right ({len(differing)} "
                f"documents, the first: {min(differing)})"
            )


def _check_one_model(part: Part, language: str) -> None:
    for file in part.files[1:]:
        if file.model != part.model:
            raise ConfigError(
                f"{file.path}: of model {file.model}, but {part.files[0].path} is of {part.model}: "
                f"one model a call in {language}"
            )


def _by_language(student: Part, request: Request) -> dict[str, list[str]]:
    """Return language -> tasks: that of the pack that has the task, else as given."""
    folders = pack_folders(request.include_path)
    if request.language:
        check_language(request.language, folders, "--language")
    owners = _owners(folders)
    found: dict[str, list[str]] = {}
    for task in sorted(student.tasks):
        language = owners.get(task, request.language)
        if not language:
            raise ConfigError(f"the language of task {task} is not known: give --language")
        if request.language and language != request.language:
            raise ConfigError(
                f"task {task} is of {language}, not of --language {request.language}; --tasks "
                "names what is to be read"
            )
        found.setdefault(language, []).append(task)
    return found


def _owners(folders: Mapping[str, Path]) -> dict[str, str]:
    """Return task -> language of the only pack that defines it or has it in a group."""
    from polyglot_harness.lm.yaml_config import Parsed, read_folder

    parsed: Parsed = {}
    claims: dict[str, set[str]] = {}
    for code, folder in folders.items():
        for _, config in read_folder(folder, parsed):
            named = config.get("task", ())
            for task in [named] if isinstance(named, str) else named:
                if isinstance(task, str):
                    claims.setdefault(task, set()).add(code)
    return {task: min(codes) for task, codes in claims.items() if len(codes) == 1}


def _table(files: Sequence[ResultsFile]) -> Grid:
    rows = [(file.language, file.rows[0]) for file in files]
    return Grid(
        "Imported rows, in points",
        ("Lang", "Items", "Raw", "Base", "Reference", "Gain", "Gap", "PGR", "Flags"),
        (True, *[False] * 7, True),
        tuple((language, *_line(row)) for language, row in rows),
    )


def _line(row: Row) -> tuple[str, ...]:
    gain, gap = points(row.gain, row.gain_stderr, "+.1f"), points(row.gap, row.gap_stderr, "+.1f")
    return (
        str(row.n_items), points(row.raw, row.raw_stderr), _points(row.base),
        _points(row.reference), gain, gap,
        number(row.pgr, "z.2f"), ", ".join(row.flags) or MISSING,
    )  # fmt: skip


def _points(share: float | None) -> str:
    return number(None if share is None else 100 * share, ".1f")
