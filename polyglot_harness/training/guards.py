"""What may go wrong in a training: out of memory, a full disk, a loss that is no number."""

from __future__ import annotations

import errno
import gc
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from polyglot_harness.errors import ConfigError, StageError
from polyglot_harness.reporting import Progress, ignore
from polyglot_harness.spec import Recipe, StudentCard, TrainingOptions
from polyglot_harness.store import disk_errors
from polyglot_harness.training.arguments import micro_batch_size
from polyglot_harness.training.base import modules_of

_NO_MEMORY = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory",
    "bad_alloc", "alloc_failed",
)  # fmt: skip
"""What CUDA, torch's allocator on a CPU, C++ and cuBLAS say."""
_SHOWN = 8
"""Examples named in an error."""
Names = Callable[[Sequence[Sequence[int]]], Sequence[str]]
T = TypeVar("T")


class OutOfMemory(StageError):
    """Less at a time may fit."""


@contextmanager
def guarded(student: StudentCard, recipe: Recipe, folder: Path | None = None) -> Iterator[None]:
    """Turn what a user can mend into one line that says how.

    Args:
        student: What is trained.
        recipe: As it is run.
        folder: What is written to; with it errors of the disk are told too.

    Raises:
        OutOfMemory: If memory runs out.
        ConfigError: If the model has none of the modules that LoRA is to adapt.
        StoreError: If the disk is full or not writable.
    """
    try:
        if folder is None:
            yield
        else:
            with disk_errors(folder), _disk_errors_of_libraries():
                yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(f"student {student.name}: out of memory; {_less(recipe)}") from error
    except ValueError as error:
        if "target modules" not in str(error).lower():
            raise
        raise ConfigError(
            f"student {student.name}: it has none of the modules "
            f"{', '.join(modules_of(student, recipe))}; name those of its architecture as "
            "target_modules in its card or in --student_args"
        ) from error


def fitting(
    recipe: Recipe,
    options: TrainingOptions,
    attempt: Callable[[Recipe], T],
    progress: Progress = ignore,
) -> T:
    """Train; with `options.auto_batch` with half as many examples at a time until memory suffices.

    The batch stays as large, its examples only come in more parts, so but for rounding (and for
    what dropout draws) the numbers are the same. Each attempt resumes from the last checkpoint.

    Args:
        recipe: Its `micro_batch_size` is what is tried first.
        options: Whether to try again.
        attempt: Trains by the recipe that it is given; raises OutOfMemory.
        progress: Told of each step down.

    Raises:
        ConfigError: If `batch_size` is no multiple of `micro_batch_size`.
        OutOfMemory: If not even one example at a time fits.
    """
    micro = micro_batch_size(recipe)
    while True:
        try:
            return attempt(recipe.model_copy(update={"micro_batch_size": micro}))
        except OutOfMemory:
            if not options.auto_batch or micro == 1:
                raise
        # here the failed attempt's frames, and with them its model, are gone
        _release_memory()
        half = range(micro // 2, 0, -1)
        micro = next(n for n in half if recipe.batch_size % n == 0)
        progress(0, 0, f"out of memory: going on with micro_batch_size {micro}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a GPU or of this process."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY)


def _less(recipe: Recipe) -> str:
    micro = recipe.micro_batch_size
    ways = [
        f"lower --micro_batch_size (now {micro}; --auto_batch finds what fits)" * (micro > 1),
        "give --gradient_checkpointing true" * (not recipe.gradient_checkpointing),
        f"lower --max_length (now {recipe.max_length})",
        "train an adapter: --tuning lora" * (recipe.tuning == "full"),
        "hold the base in 4 bits: --tuning qlora (on a GPU)" * (recipe.tuning == "lora"),
    ]
    return ", or ".join(way for way in ways if way)


def _release_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def _disk_errors_of_libraries() -> Iterator[None]:
    """Raise as OSError what safetensors, tokenizers and torch raise as errors of their own."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        said = re.search(r"\(os error (\d+)\)", str(error))
        if said:
            number = int(said[1])
        elif "inline_container" in str(error):
            number = errno.ENOSPC  # it does not say
        else:
            raise
        raise OSError(number, os.strerror(number)) from error


def progress_callback(progress: Progress) -> Any:
    """Return a callback of transformers' trainers that reports (steps done, steps in all)."""
    from transformers import TrainerCallback

    class Report(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            progress(state.global_step, state.max_steps)

    return Report()


def numbers_callback(student: StudentCard, recipe: Recipe, names: Names) -> Any:
    """Return a callback that stops a training at the first loss or gradient that is no number.

    It hears of them after each step and before a checkpoint of it is saved, so those from before
    stay as they are.

    Args:
        student: What is trained.
        recipe: As it is run.
        names: Given rows of token ids, without padding, returns the ids of their examples.
    """
    from transformers import TrainerCallback

    class Stop(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seen: list[dict[str, Any]] = []

        def on_train_begin(self, args: Any, state: Any, control: Any, **of: Any) -> None:
            of["model"].register_forward_pre_hook(self.see, with_kwargs=True)

        def see(self, module: Any, args: Any, inputs: dict[str, Any]) -> None:
            if module.training and "input_ids" in inputs:
                self.seen.append(inputs)

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.seen.clear()

        def on_log(self, args: Any, state: Any, control: Any, **of: Any) -> None:
            # scaled gradients of float16 overflow now and then, and that step is then left out
            watched = ("loss",) if args.fp16 else ("loss", "grad_norm")
            logs = of["logs"]
            wrong = [name for name in watched if not math.isfinite(logs.get(name, 0.0))]
            if not wrong:
                return
            ids = list(names([row for inputs in self.seen for row in _rows(inputs)]))
            in_float32 = ", or compute in float32: --student_args dtype=float32"
            more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
            raise StageError(
                f"student {student.name}: {wrong[0]} is {logs[wrong[0]]} at step "
                f"{state.global_step} of {state.max_steps}, on the examples "
                f"{', '.join(ids[:_SHOWN])}{more}; lower --learning_rate (now "
                f"{recipe.learning_rate:g}) or raise --warmup_steps (now {recipe.warmup_steps:g})"
                + in_float32
                * (args.bf16 or args.fp16)
            )

    return Stop()


def _rows(inputs: dict[str, Any]) -> list[list[int]]:
    """Return a batch's examples as token ids, without padding and unpacked."""
    ids, mask = inputs["input_ids"], inputs.get("attention_mask")
    if mask is not None:
        return [row[keep.bool()].tolist() for row, keep in zip(ids, mask, strict=True)]
    row = ids[0]
    starts = [i for i, place in enumerate(inputs["position_ids"][0].tolist()) if place == 0]
    ends = [*starts[1:], len(row)]
    return [row[start:end].tolist() for start, end in zip(starts, ends, strict=True)]
