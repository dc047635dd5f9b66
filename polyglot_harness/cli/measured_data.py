"""What DATA of ``measure`` stands for: cells, the data of one teacher in one language each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from polyglot_harness.errors import ConfigError
from polyglot_harness.files import EXAMPLES, REJECTIONS, jsonl_rows
from polyglot_harness.store import RECORD, read_record

if TYPE_CHECKING:
    from polyglot_harness.data_sources.tables import Table
    from polyglot_harness.intrinsic.samples import Data, StageData
    from polyglot_harness.reporting import Reporter
    from polyglot_harness.spec import LanguagePack, RunSpec


@dataclass(frozen=True)
class Cell:
    """The data of one teacher in one language."""

    name: str
    pack: LanguagePack
    data: Data
    source: str
    """What the user gave."""
    notes: tuple[str, ...] = ()
    """What of it is not measured."""


@dataclass(frozen=True)
class Wanted:
    """What the user said of the data."""

    languages: tuple[str, ...]
    """Codes; none for all."""
    columns: Mapping[str, str | None]
    spec: RunSpec
    reporter: Reporter


def run_folders(texts: Sequence[str]) -> list[Path]:
    """Return which of DATA are folders of `run` or `generate`."""
    from polyglot_harness.cli.run_folder import GENERATE_FILE, SPEC_FILE

    paths = map(Path, texts)
    return [p for p in paths if any((p / name).is_file() for name in (SPEC_FILE, GENERATE_FILE))]


def cells_of(texts: Sequence[str], wanted: Wanted) -> list[Cell]:
    """Return the cells that DATA stand for.

    Raises:
        ConfigError: If there is no such thing, or it holds nothing that can be measured.
    """
    from polyglot_harness.data_sources.find import find_table

    runs = run_folders(texts)
    cells: list[Cell] = []
    stage_folders: list[Path] = []
    for text in texts:
        path = Path(text)
        if path in runs:
            cells += _of_run(path, wanted)
        elif _is_ours(_examples(path)):
            stage_folders.append(path)
        else:
            cells += _of_table(find_table(text), wanted)
    cells = [*_of_stages(stage_folders, wanted), *cells]
    names = Counter((cell.name, cell.pack.code) for cell in cells)
    return [
        replace(cell, name=f"{cell.name} of {cell.source}")
        if names[cell.name, cell.pack.code] > 1
        else cell
        for cell in cells
    ]


def _examples(path: Path) -> Path:
    """Return the examples of a stage's folder, or of that which a file is in."""
    return path / EXAMPLES if path.is_dir() or path.name != EXAMPLES else path


def _is_ours(examples: Path) -> bool:
    """Whether `generate` wrote the file: others may call theirs the same."""
    if not examples.is_file():
        return False
    _, first = next(jsonl_rows(examples), (0, None))
    beside = any(examples.with_name(name).is_file() for name in (RECORD, REJECTIONS))
    return beside if first is None else {"seed_id", "strategy", "finish_reason"} <= set(first)


def _of_run(root: Path, wanted: Wanted) -> Iterator[Cell]:
    from polyglot_harness import stages
    from polyglot_harness.cli.run_folder import read_data_spec
    from polyglot_harness.errors import StageError
    from polyglot_harness.export.collect import collect

    spec = read_data_spec(root)
    found = collect(root, spec, languages=wanted.languages or None)
    notes = tuple(f"{what}: {why}" for what, why in found.missing)
    cells: dict[tuple[str, str], list[tuple[Path, Path]]] = {}
    for part in found.parts:
        files = cells.setdefault((part.teacher.name, part.pack.code), [])
        files.append((part.examples, part.rejections))
    packs = {part.pack.code: part.pack for part in found.parts}
    finished = [key for key, files in cells.items() if len(files) == len(spec.strategies)]
    if not finished:
        raise StageError(
            f"{root}: no teacher's data in a language are finished; finish the run, or name the "
            f"folders: {root}/generate/*{''.join(f'; {note}' for note in notes[:1])}"
        )
    for number, (name, code) in enumerate(finished):
        data = stages.stage_data(spec, code, cells[name, code])
        yield Cell(name, packs[code], data, str(root), () if number else notes)


def _of_stages(folders: Sequence[Path], wanted: Wanted) -> Iterator[Cell]:
    """Yield cells of stages' folders; those of one teacher in one language make one cell."""
    from polyglot_harness import stages
    from polyglot_harness.languages import load_pack

    cells: dict[tuple[str, str], list[tuple[Path, Path | None]]] = {}
    for folder in folders:
        examples = _examples(folder)
        rejections = examples.with_name(REJECTIONS)
        files = (examples, rejections if rejections.is_file() else None)
        if made_by := _made_by(examples):
            cells.setdefault(made_by, []).append(files)
    chosen = [key for key in cells if not wanted.languages or key[1] in wanted.languages]
    if folders and not chosen:
        there = ", ".join(sorted({code for _, code in cells})) or "empty files"
        raise ConfigError(
            f"{folders[0]}: holds nothing in {', '.join(wanted.languages) or 'any language'} "
            f"(there is: {there})"
        )
    for name, code in chosen:
        data: StageData = stages.stage_data(wanted.spec, code, cells[name, code])
        pack = load_pack(code, wanted.spec.include_path)
        yield Cell(name, pack, data, f"{len(data.files)} folders of `generate`")


def _made_by(examples: Path) -> tuple[str, str] | None:
    """Return the teacher and the language of a stage's files; None for empty ones."""
    paths = [path for path in (examples, examples.with_name(REJECTIONS)) if path.is_file()]
    found = Counter(
        (str(row.get("language")), str(row.get("strategy")))
        for path in paths
        for _, row in jsonl_rows(path)
    )
    if not found:
        return None
    codes = {code for code, _ in found}
    if len(codes) > 1:
        raise ConfigError(
            f"{examples}: holds several languages ({', '.join(sorted(codes))}); give the file "
            "another name to have it read as data of others, divided by language"
        )
    ((code, strategy), _), *_ = found.most_common(1)
    record = examples.with_name(RECORD)
    key = read_record(record).key if record.is_file() else ""
    name = key.removesuffix(f"-{code}-{strategy}")
    return name if name != key else "data", code


def _of_table(table: Table, wanted: Wanted) -> Iterator[Cell]:
    from polyglot_harness.data_sources.data import of_languages, survey
    from polyglot_harness.data_sources.find import short_name
    from polyglot_harness.data_sources.forms import form_of
    from polyglot_harness.languages import load_pack, pack_folders

    include_path = wanted.spec.include_path
    form = form_of(table.columns, wanted.columns, table.name)
    with wanted.reporter.stage(f"read {table.name}") as progress:
        found = survey(table, form, progress)
        packs = sorted(pack_folders(include_path))
        data, others = of_languages(table, form, found, wanted.languages, packs)
    notes = (*found.notes(), *([others] if others else []))
    for number, (code, part) in enumerate(data.items()):
        pack = load_pack(code, include_path)
        yield Cell(short_name(table.name), pack, part, table.name, () if number else notes)
