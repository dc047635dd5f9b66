"""What may go wrong in a training: out of memory, a full disk, a loss that is no number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from polyglot_harness.errors import StageError
from polyglot_harness.reporting import Progress
from polyglot_harness.spec import Recipe, StudentCard


@contextmanager
def guarded(student: StudentCard, recipe: Recipe) -> Iterator[None]:
    """Turn what a user can mend into one line that says how.

    Raises:
        StageError: If memory runs out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if "out of memory" in str(error).lower() or isinstance(error, MemoryError):
            raise StageError(
                f"student {student.name}: out of memory; lower micro_batch_size "
                f"(now {recipe.micro_batch_size}) or max_length (now {recipe.max_length})"
            ) from error
        raise


def progress_callback(progress: Progress) -> Any:
    """Return a callback of transformers' trainers that reports (steps done, steps in all)."""
    from transformers import TrainerCallback

    class Report(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress(state.global_step, state.max_steps)

    return Report()
