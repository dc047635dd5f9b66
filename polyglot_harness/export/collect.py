"""What a run folder has to export: the finished generate stages of its spec, and their metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from polyglot_harness import stages
from polyglot_harness.errors import StageError, unknown_name
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.reporting import Quiet
from polyglot_harness.run_signature import cell_signature
from polyglot_harness.spec import LanguagePack, Measurement, RunSpec, Strategy, TeacherCard
from polyglot_harness.stages import Workshop
from polyglot_harness.store import RECORD, read_record

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class Part:
    """What one teacher wrote in one language by one strategy."""

    teacher: TeacherCard
    pack: LanguagePack
    strategy: Strategy
    signature: str
    """Of the run, as on its leaderboard."""
    examples: Path
    """Checked against the record of its stage, as is `rejections`."""
    rejections: Path
    counts: dict[str, Any]
    """Of the stage's record: requests, accepted, rejected_<reason>, and what else it counts."""
    keep: frozenset[str] | None = None
    """Ids of the examples to take; None for all."""


@dataclass(frozen=True)
class Selection:
    """The data to export."""

    spec: RunSpec
    parts: tuple[Part, ...]
    """Language by language, teachers and strategies in the order of the spec."""
    missing: tuple[tuple[str, str], ...]
    """What was asked for and is not finished, as ("teacher language strategy", why)."""
    measured: tuple[tuple[str, Measurement], ...] = ()
    """(teacher, metric) where all strategies of the run are exported and were measured."""
    where: str = ""
    """The conditions that left only `Part.keep`; "" for none."""

    @property
    def accepted(self) -> int:
        """Number of examples before any conditions."""
        return sum(part.counts.get("accepted", 0) for part in self.parts)


def collect(
    root: Path,
    spec: RunSpec,
    *,
    teachers: Iterable[str] | None = None,
    languages: Iterable[str] | None = None,
    strategies: Iterable[str] | None = None,
) -> Selection:
    """Find the finished data of a spec.

    Args:
        root: The run folder.
        spec: Its spec.
        teachers: Names of the teachers to take; None for all of the spec.
        languages: Codes; None for all of the spec.
        strategies: Names; None for all of the spec.

    Raises:
        ConfigError: If a name is not one of the run's; those are listed.
        StoreError: If a file is not what its stage wrote.
    """
    cards = {teacher.name: teacher for teacher in spec.teachers}
    chosen = _chosen("teacher", teachers, list(cards))
    codes = _chosen("language", languages, spec.languages)
    ways = _chosen("strategy", strategies, spec.strategies)
    shop = Workshop(root, spec, ModelPool(), Quiet(), only_finished=True)
    parts: list[Part] = []
    missing: list[tuple[str, str]] = []
    measured: list[tuple[str, Measurement]] = []
    for code in codes:
        pack = load_pack(code, spec.include_path)
        for name in chosen:
            found = []
            for strategy in ways:
                try:
                    found.append(_part(shop, cards[name], pack, strategy))
                except StageError:
                    key = f"{name}-{code}-{strategy}"
                    missing.append((f"{name} {code} {strategy}", _why(root, key)))
            parts += found
            if len(found) == len(spec.strategies):
                measured += [(name, m) for m in _measurements(shop, name, pack, found)]
    return Selection(spec, tuple(parts), tuple(missing), tuple(measured))


def _chosen(kind: str, wanted: Iterable[str] | None, there: Sequence[Name]) -> list[Name]:
    names = list(there if wanted is None else wanted)
    for name in names:
        if name not in there:
            raise unknown_name(f"{kind} of this run:", name, there)
    return [name for name in there if name in names]


def _part(shop: Workshop, teacher: TeacherCard, pack: LanguagePack, strategy: Strategy) -> Part:
    done = stages.generate(shop, teacher, pack, strategy)
    examples, rejections = stages.data_files(done)
    signature = cell_signature(shop.spec, pack)
    counts = dict(done.record.counts)
    return Part(teacher, pack, strategy, signature, examples, rejections, counts)


def _why(root: Path, key: str) -> str:
    """Say why a stage is not there, by what else there is of the same name."""
    for path in sorted((root / "generate").glob(f"*/{RECORD}")):
        record = read_record(path)
        if record.key == key and record.status == "failed":
            return f"failed: {record.error}"
        if record.key == key:
            return f"not finished ({path.parent} is of other settings, pack, checks or versions)"
    return "not finished"


def _measurements(
    shop: Workshop, name: str, pack: LanguagePack, parts: Sequence[Part]
) -> tuple[Measurement, ...]:
    try:
        files = [(p.examples, p.rejections) for p in parts]
        data = stages.stage_data(shop.spec, pack.code, files)
        done = stages.measure_data(shop, name, pack, data)
    except StageError:
        return ()
    return done.record.measurements
