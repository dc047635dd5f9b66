"""What the stages of a run share: the store, the models, the reporter, the money."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyglot_harness.errors import StageError
from polyglot_harness.lm.pool import ModelPool
from polyglot_harness.lm.tally import Spending
from polyglot_harness.reporting import Reporter
from polyglot_harness.spec import Pairs, RunSpec, StageRecord, TrainingOptions
from polyglot_harness.store import Result, complete_record, hold, run_stage, stage_folder


@dataclass(frozen=True)
class Done:
    """A completed stage."""

    folder: Path
    record: StageRecord
    reused: bool = True
    """It was found finished."""


@dataclass
class Workshop:
    """What the stages of a run share."""

    root: Path
    spec: RunSpec
    pool: ModelPool
    reporter: Reporter
    only_finished: bool = False
    """Raise StageError for a stage that is not finished, instead of doing it."""
    spending: Spending = field(default_factory=Spending)
    """What teachers have cost, in this run and before."""
    options: TrainingOptions = TrainingOptions()
    """How trainings are run and kept."""
    contamination: dict[str, Any] = field(default_factory=dict)
    """N-grams of the student tasks, by language."""

    def run(self, stage: str, key: str, inputs: Pairs, work: Any, title: str, total: int) -> Done:
        """Do a stage's work, or find it done; report either."""
        if self.only_finished:
            folder = stage_folder(self.root, stage, key, inputs)
            found = complete_record(folder, inputs)
            if found is None:
                raise StageError(f"{title}: not finished")
            return Done(folder, found)

        hold(self.root)

        def reported(folder: Path) -> Result:
            with self.reporter.stage(title, total) as progress:
                result = work(folder, progress)
                assert isinstance(result, Result)
                return result

        folder, record, reused = run_stage(self.root, stage, key, inputs, reported)
        if reused:
            self.reporter.reused(title)
        return Done(folder, record, reused)


def identity(name: str) -> str:
    """Return what stands for a model in a digest."""
    from polyglot_harness.lm.load import model_identity

    return model_identity(str(name))
