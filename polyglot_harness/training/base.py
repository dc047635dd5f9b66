"""What is trained: the tokenizer with its chat template, the base model, the LoRA on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from polyglot_harness.errors import StageError
from polyglot_harness.spec import Recipe, StudentCard


def load_tokenizer(pretrained: str, student: StudentCard) -> Any:
    """Load a student's tokenizer, with the card's chat template where the card has one.

    Args:
        pretrained: What the card's `pretrained` resolved to (a path or a hub name).
        student: The card.

    Raises:
        StageError: If neither the card nor the tokenizer has a chat template.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(pretrained, revision=student.revision or None)
    if student.chat_template:
        tokenizer.chat_template = student.chat_template
    if not tokenizer.chat_template:
        raise StageError(
            f"student {student.name}: its tokenizer has no chat template; "
            "give one as chat_template in the student card or in --student_args"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(
    pretrained: str,
    student: StudentCard,
    recipe: Recipe,
    *,
    seed: int,
    device: str | None,
    adapter: Path | None = None,
) -> Any:
    """Load the model that is trained.

    Args:
        pretrained: What the card's `pretrained` resolved to (a path or a hub name).
        student: The card.
        recipe: Says whether it is loaded in 4 bits.
        seed: Of what is random in it.
        device: ``cpu`` forces the CPU; None takes what is there.
        adapter: Of an earlier training, merged before this one begins.
    """
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(seed)
    dtype = getattr(torch, student.dtype)
    return AutoModelForCausalLM.from_pretrained(
        pretrained, dtype=dtype, revision=student.revision or None
    )


def modules_of(student: StudentCard, recipe: Recipe) -> list[str]:
    """Return the names of the modules that LoRA adapts."""
    return list(student.target_modules or recipe.target_modules)


def lora(student: StudentCard, recipe: Recipe) -> Any:
    """Return PEFT's configuration of the adapter; None where all weights are trained."""
    from peft import LoraConfig

    return LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=modules_of(student, recipe),
        task_type="CAUSAL_LM",
    )
