"""Supervised fine-tuning of a student by TRL's SFTTrainer: LoRA, QLoRA, or all weights.

The loss is on the response only. The order of the examples, the adapter's start and every draw
are seeded, so the same data give the same adapter on the same machine. A killed training resumes
from its last complete checkpoint and goes on as if it had not been killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyglot_harness.errors import MissingDependency, StageError
from polyglot_harness.reporting import Progress, ignore
from polyglot_harness.spec import Example, Recipe, StudentCard, TrainingOptions
from polyglot_harness.training import encoding, held_out
from polyglot_harness.training.arguments import shorten_warmup, trainer_arguments
from polyglot_harness.training.base import (
    check_vocabulary,
    context_length,
    float32_adapter,
    load_model,
    load_tokenizer,
    lora,
    parameters_of,
)
from polyglot_harness.training.checkpoints import CHECKPOINTS, resume, tokens_so_far
from polyglot_harness.training.encoding import Encoded, Sorted
from polyglot_harness.training.guards import (
    fitting,
    guarded,
    numbers_callback,
    progress_callback,
)
from polyglot_harness.training.outputs import finish
from polyglot_harness.training.packing import check_packing
from polyglot_harness.training.usage import Usage


def train(
    examples: Sequence[Example],
    student: StudentCard,
    recipe: Recipe,
    folder: Path,
    *,
    pretrained: str,
    seed: int,
    device: str | None = None,
    adapter: Path | None = None,
    options: TrainingOptions | None = None,
    progress: Progress = ignore,
) -> dict[str, Any]:
    """Train a student into ``<folder>/adapter`` (or ``model``), with the loss curve beside it.

    Args:
        examples: Training examples, in order of `data.choose`.
        student: The base model's card.
        recipe: Hyperparameters.
        folder: Where adapter, tokenizer, checkpoints and curve go.
        pretrained: What the card's `pretrained` resolved to (a path or a hub name).
        seed: Seed of all draws.
        device: ``cpu`` forces the CPU; None takes what is there.
        adapter: Of an earlier training, merged before this one begins.
        options: How it is run and kept.
        progress: Called after each step, with (steps done, steps in all).

    Returns:
        Counts: `examples` trained on, `too_long`, `no_response`, `no_end` (responses without a
        token that ends them), `dataset_tokens` and `response_tokens` (of one epoch, prompts in and
        out), `tokens` (of all epochs, prompts in, padding out), steps, losses, `held_out`...,
        `micro_batch_size`, parameters; and what may differ from run to run: seconds,
        `tokens_per_second`, `peak_megabytes`.

    Raises:
        ConfigError: If student, recipe and machine do not go together.
        StageError: If there is nothing to train on, memory runs out, or the loss is no number.
        StoreError: If the disk is full.
        MissingDependency: If trl or peft is not installed, or what `options` log to.
    """
    _require("trl", "peft")
    tokenizer = load_tokenizer(pretrained, student)
    longest = min(recipe.max_length, context_length(pretrained, student) or recipe.max_length)
    found = encoding.sort(tokenizer, examples, longest)
    if not found.kept:
        raise StageError(
            f"student {student.name}: no example to train on ({len(examples)} given, "
            f"{found.too_long} longer than {longest} tokens, {found.no_response} of whose "
            "responses the chat template leaves nothing)"
        )
    parts = encoding.split(found.kept, recipe.held_out, seed)
    chosen = options or TrainingOptions()

    def attempt(fitted: Recipe) -> dict[str, Any]:
        usage = Usage(device)
        with guarded(student, fitted, folder):
            model = load_model(
                pretrained, student, fitted, seed=seed, device=device, adapter=adapter
            )
            check_vocabulary(student, model, parts[0])
            arguments = trainer_arguments(
                fitted, folder / CHECKPOINTS,
                seed=seed, device=device, student=student, options=chosen,
            )  # fmt: skip
            callbacks = [
                progress_callback(progress),
                numbers_callback(student, fitted, encoding.names_of(parts[0])),
            ]
            trainer = _trainer(model, tokenizer, student, fitted, arguments, parts[0], callbacks)
            if fitted.packing:
                check_packing(trainer, student)
            measured = _train(trainer, parts[1], folder / CHECKPOINTS, usage)
            without_end = encoding.without_end(tokenizer, model, parts[0])
            if without_end:
                progress(0, 0, _no_end(without_end, len(parts[0])))
            saved = finish(trainer, tokenizer, folder, chosen, student=student, adapter=adapter)
        return {
            **_counted(found, parts[0]),
            "no_end": without_end,
            **measured,
            "micro_batch_size": fitted.micro_batch_size,
            **saved,
        }

    return fitting(recipe, chosen, attempt, progress)


def _trainer(
    model: Any,
    tokenizer: Any,
    student: StudentCard,
    recipe: Recipe,
    arguments: dict[str, Any],
    examples: Sequence[Encoded],
    callbacks: Sequence[Any],
) -> Any:
    from transformers.trainer_callback import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    # nothing is cut: what is too long was left out, and a row that is packed is filled to this
    longest = recipe.max_length if recipe.packing else None
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**{**arguments, "max_length": longest, "packing": recipe.packing}),
        train_dataset=encoding.dataset(examples),
        processing_class=tokenizer,
        peft_config=lora(student, recipe, model),
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)  # the progress shown is ours
    shorten_warmup(trainer)
    if recipe.tuning == "qlora":
        float32_adapter(trainer.model)
    return trainer


def _train(
    trainer: Any, held: Sequence[Encoded], checkpoints: Path, usage: Usage
) -> dict[str, Any]:
    """Train; measure the held-out loss before and after, and what it took."""
    first = held_out.before(trainer, held, checkpoints) if held else []
    started, tokens = usage.seconds(), tokens_so_far(checkpoints)
    resume(trainer, checkpoints)
    seconds = usage.seconds() - started
    last = held_out.losses(trainer, held)
    if held:
        # in the curve too, as the trainers write it
        history = trainer.state.log_history
        history.insert(0, {"step": 0, "eval_loss": held_out.mean(first)})
        history.append({"step": trainer.state.global_step, "eval_loss": held_out.mean(last)})
    done = trainer._total_train_tokens - tokens
    return {
        **(held_out.summary(first, last) if held else {}),
        **parameters_of(trainer.model),
        "seconds": round(seconds, 3),
        "tokens_per_second": round(done / seconds, 1),
        "peak_megabytes": usage.peak_megabytes(),
    }


def _counted(found: Sorted, examples: Sequence[Encoded]) -> dict[str, int]:
    tokens = sum(len(e.tokens) for e in examples)
    return {
        "examples": len(examples),
        "too_long": found.too_long,
        "no_response": found.no_response,
        "dataset_tokens": tokens,
        "response_tokens": tokens - sum(e.prompt for e in examples),
    }


def _no_end(number: int, of: int) -> str:
    return (
        f"{number} of {of} responses end without a token that ends generation: the student does "
        "not learn to stop; let the chat template write eos_token after a response"
    )


def _require(*packages: str) -> None:
    for package in packages:
        if find_spec(package) is None:
            raise MissingDependency(package, "train")
