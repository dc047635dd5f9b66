"""Direct preference optimisation (arXiv 2305.18290) of a student by TRL's DPOTrainer.

The reference is the model before the first step. With an adapter it is the same weights with the
adapter off; where all weights are trained, its log-probabilities are computed beforehand: never
are two models in memory. The order of the pairs, the adapter's start and dropout are seeded, and a
killed training resumes from its last complete checkpoint as if it had not been killed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyglot_harness.errors import ConfigError, MissingDependency, StageError
from polyglot_harness.reporting import Progress, ignore
from polyglot_harness.spec import Preference, Recipe, StudentCard, TrainingOptions
from polyglot_harness.training import encoding, margins, pairs
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
from polyglot_harness.training.guards import (
    fitting,
    guarded,
    numbers_callback,
    progress_callback,
)
from polyglot_harness.training.outputs import finish
from polyglot_harness.training.pairs import EncodedPair, SortedPairs
from polyglot_harness.training.usage import Usage

_NO_END = (
    "end without a token that ends generation: the student does not learn to stop; let the chat "
    "template write eos_token after a response"
)


def train(
    preferences: Sequence[Preference],
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
        preferences: Pairs of a chosen and a rejected response.
        student: The base model's card.
        recipe: Hyperparameters; its batches are of pairs.
        folder: Where weights, tokenizer, checkpoints and curve go.
        pretrained: What the card's `pretrained` resolved to (a path or a hub name).
        seed: Seed of all draws.
        device: ``cpu`` forces the CPU; None takes what is there.
        adapter: Of an earlier training, merged before this one begins: policy and reference begin
            there, and a whole model is saved.
        options: How it is run and kept.
        progress: Called after each step, with (steps done, steps in all).

    Returns:
        Counts: `pairs` trained on, `too_long`, `identical`, `no_response`, `no_end` (chosen
        responses without a token that ends them), `tokens` (of all epochs, both sequences of each
        pair, padding out), steps, losses, of held-out pairs `held_out_margin`,
        `held_out_accuracy` and `held_out_loss` (see `margins.summary`), `micro_batch_size`,
        parameters; and what may differ from run to run: seconds, `tokens_per_second`,
        `peak_megabytes`.

    Raises:
        ConfigError: If student, recipe and machine do not go together.
        StageError: If there is nothing to train on, memory runs out, or the loss is no number.
        StoreError: If the disk is full.
        MissingDependency: If trl or peft is not installed, or what `options` log to.
    """
    for package in ("trl", "peft"):
        if find_spec(package) is None:
            raise MissingDependency(package, "train")
    if recipe.packing:
        raise ConfigError(
            f"recipe {recipe.name}: packing is for the method 'sft' only; leave it out"
        )
    tokenizer = load_tokenizer(pretrained, student)
    longest = min(recipe.max_length, context_length(pretrained, student) or recipe.max_length)
    found = pairs.sort(tokenizer, preferences, longest)
    if not found.kept:
        raise StageError(
            f"student {student.name}: no pair to train on ({len(preferences)} given, "
            f"{found.too_long} longer than {longest} tokens, {found.identical} whose responses are "
            f"the same, {found.no_response} of whose responses the chat template leaves nothing)"
        )
    parts = pairs.split(found.kept, recipe.held_out, seed)
    chosen = options or TrainingOptions()

    def attempt(fitted: Recipe) -> dict[str, Any]:
        usage = Usage(device)
        with guarded(student, fitted, folder):
            model = load_model(
                pretrained, student, fitted, seed=seed, device=device, adapter=adapter
            )
            check_vocabulary(student, model, [e for p in parts[0] for e in (p.chosen, p.rejected)])
            arguments = trainer_arguments(
                fitted, folder / CHECKPOINTS,
                seed=seed, device=device, student=student, options=chosen,
            )  # fmt: skip
            callbacks = [
                progress_callback(progress),
                numbers_callback(student, fitted, pairs.names_of(parts[0])),
            ]
            trainer = _trainer(model, tokenizer, student, fitted, arguments, parts[0], callbacks)
            measured = _train(trainer, parts[1], folder / CHECKPOINTS, fitted.beta, usage)
            no_end = encoding.without_end(tokenizer, model, [p.chosen for p in parts[0]])
            if no_end:
                progress(0, 0, f"{no_end} of {len(parts[0])} chosen responses {_NO_END}")
            saved = finish(trainer, tokenizer, folder, chosen, student=student, adapter=adapter)
        return {
            **_counted(found, parts[0]),
            "no_end": no_end,
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
    given: Sequence[EncodedPair],
    callbacks: Sequence[Any],
) -> Any:
    from transformers.trainer_callback import PrinterCallback
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.utils import disable_dropout_in_model

    # of the base alone: TRL would turn off the adapter's too, which the recipe asks for
    disable_dropout_in_model(model)
    config = {
        **arguments,
        "max_length": None,  # TRL would cut; what is too long was left out
        "beta": recipe.beta,
        "disable_dropout": False,
        "precompute_ref_log_probs": recipe.tuning == "full",
    }
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(**config),
        train_dataset=pairs.dataset(given),
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
    trainer: Any, held: Sequence[EncodedPair], checkpoints: Path, beta: float, usage: Usage
) -> dict[str, Any]:
    """Train; measure the implicit margin of held-out pairs, and what it took."""
    # an adapter begins as nothing: before a checkpoint is loaded the policy is the reference
    reference = margins.log_probs(trainer, held)
    started, tokens = usage.seconds(), tokens_so_far(checkpoints)
    resume(trainer, checkpoints)
    seconds = usage.seconds() - started
    policy = margins.log_probs(trainer, held)
    measured = {}
    if held:
        measured = margins.summary(margins.implicit_margins(reference, policy, beta))
        history = trainer.state.log_history
        history.insert(0, {"step": 0, "eval_loss": math.log(2), "eval_rewards/margins": 0.0})
        history.append(
            {
                "step": trainer.state.global_step,
                "eval_loss": measured["held_out_loss"],
                "eval_rewards/margins": measured["held_out_margin"],
                "eval_rewards/accuracies": measured["held_out_accuracy"],
            }
        )
    done = trainer._total_train_tokens - tokens
    return {
        **measured,
        **parameters_of(trainer.model),
        "seconds": round(seconds, 3),
        "tokens_per_second": round(done / seconds, 1),
        "peak_megabytes": usage.peak_megabytes(),
    }


def _counted(found: SortedPairs, given: Sequence[EncodedPair]) -> dict[str, int]:
    return {
        "pairs": len(given),
        "too_long": found.too_long,
        "identical": found.identical,
        "no_response": found.no_response,
        "dataset_tokens": sum(p.tokens for p in given),
    }
