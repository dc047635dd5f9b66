"""What is trained: the tokenizer with its chat template, the base model, the LoRA on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from polyglot_harness.errors import ConfigError
from polyglot_harness.spec import Recipe, StudentCard
from polyglot_harness.students import chat_template_names
from polyglot_harness.training.encoding import Encoded
from polyglot_harness.training.precision import check_quantisable, precision, quantisation

ALL_LINEAR = "all-linear"


def load_tokenizer(pretrained: str, student: StudentCard) -> Any:
    """Load a student's tokenizer, with the card's chat template where the card has one.

    Args:
        pretrained: What the card's `pretrained` resolved to (a path or a hub name).
        student: The card.

    Raises:
        ConfigError: If neither the card nor the tokenizer has a chat template, or there is no
            token that could pad.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(pretrained, revision=student.revision or None)
    if student.chat_template:
        tokenizer.chat_template = student.chat_template
    if not tokenizer.chat_template:
        known = chat_template_names()
        raise ConfigError(
            f"student {student.name}: its tokenizer has no chat template; give one as "
            "chat_template in its card, or with --student_args chat_template=plain: "
            f"{', '.join(known)}, or Jinja of your own"
        )
    if tokenizer.pad_token is None:
        # labels are made before padding, so an eos that ends a response stays in the loss
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        raise ConfigError(
            f"student {student.name}: its tokenizer has neither a pad nor an eos token"
        )
    return tokenizer


def context_length(pretrained: str, student: StudentCard) -> int | None:
    """Return how many tokens the base model bears; None where its configuration does not say."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(pretrained, revision=student.revision or None)
    return getattr(config.get_text_config(), "max_position_embeddings", None)


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
        recipe: Says whether it is loaded in 4 bits, and whether all its weights are trained.
        seed: Of what is random in it.
        device: ``cpu`` forces the CPU; None takes what is there.
        adapter: Weights of an earlier training: an adapter, merged before this one begins, or a
            whole model, which takes the base's place.

    Raises:
        ConfigError: If it cannot be trained so on this machine.
        MissingDependency: If bitsandbytes is needed and not installed.
    """
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(seed)
    if recipe.tuning == "qlora":
        check_quantisable(recipe, device)
    revision = student.revision or None
    if adapter is not None and not (adapter / "adapter_config.json").exists():
        pretrained, revision, adapter = str(adapter), None, None
    dtype = getattr(torch, precision(student, recipe, device).weights)
    load = partial(AutoModelForCausalLM.from_pretrained, dtype=dtype)
    if recipe.tuning == "qlora":
        return _in_4_bits(load, pretrained, revision, adapter)
    model = _merged(load(pretrained, revision=revision), adapter)
    if recipe.tuning == "full":
        _freeze_other_towers(model)
    return model


def _merged(model: Any, adapter: Path | None) -> Any:
    if adapter is None:
        return model
    from peft import PeftModel

    return PeftModel.from_pretrained(model, adapter).merge_and_unload()


def _in_4_bits(load: Any, pretrained: str, revision: str | None, adapter: Path | None) -> Any:
    from peft import prepare_model_for_kbit_training

    quantised = partial(load, quantization_config=quantisation(load.keywords["dtype"]))
    if adapter is None:
        model = quantised(pretrained, revision=revision)
    else:
        # added to weights of 4 bits, most of what was learnt would be rounded away
        with TemporaryDirectory() as merged:
            _merged(load(pretrained, revision=revision), adapter).save_pretrained(merged)
            model = quantised(merged)
        model.config._name_or_path = pretrained
    # the trainers see to gradient checkpointing
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def check_vocabulary(student: StudentCard, model: Any, examples: Sequence[Encoded]) -> None:
    """Raise ConfigError if the tokenizer writes tokens for which the model has no embedding."""
    rows = model.get_input_embeddings().num_embeddings
    highest = max(int(e.tokens.max()) for e in examples)
    if highest >= rows:
        raise ConfigError(
            f"student {student.name}: its tokenizer writes token {highest}, and the model has "
            f"embeddings of {rows}: the two do not belong together"
        )


def modules_of(student: StudentCard, recipe: Recipe) -> list[str]:
    """Return the names of the modules that LoRA adapts."""
    return list(student.target_modules or recipe.target_modules)


def lora(student: StudentCard, recipe: Recipe, model: Any = None) -> Any:
    """Return PEFT's configuration of the adapter; None where all weights are trained.

    Args:
        student: Its `target_modules` come before the recipe's.
        recipe: Rank, alpha, dropout.
        model: What it goes on. Of a model that also sees or hears only the language model is
            adapted.

    Raises:
        ConfigError: If it names what an adapter cannot be put on.
    """
    if recipe.tuning == "full":
        return None
    from peft import LoraConfig

    modules = modules_of(student, recipe)
    if model is not None:
        _refuse_embeddings(student, model, modules)
    decoder = _decoder_of_many(model)
    return LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=ALL_LINEAR if modules == [ALL_LINEAR] else modules,
        exclude_modules=rf"(?!{re.escape(decoder)}\.).*" if decoder else None,
        task_type="CAUSAL_LM",
    )


def float32_adapter(model: Any) -> None:
    """Train an adapter on a base of 4 bits in float32, as on any other base.

    TRL makes it bfloat16, in which small updates are lost and which float16's scaler of gradients
    does not take.
    """
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def parameters_of(model: Any) -> dict[str, int]:
    """Return how many parameters are trained, and how many there are."""
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if hasattr(model, "get_nb_trainable_parameters"):  # knows what 4 bits stand for
        return {"trained_parameters": trained, "parameters": model.get_nb_trainable_parameters()[1]}
    return {"trained_parameters": trained, "parameters": sum(p.numel() for p in model.parameters())}


def _refuse_embeddings(student: StudentCard, model: Any, modules: list[str]) -> None:
    ends = {name.split(".")[-1]: module for name, module in model.named_modules()}
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    tied = getattr(head, "weight", None) is getattr(embeddings, "weight", None)
    for name in modules:
        if ends.get(name) is head:
            why = "its loss is computed from the weights of the head directly"
        elif ends.get(name) is embeddings and tied:
            why = "they are tied to the head, which an adapter would not change along"
        else:
            continue
        raise ConfigError(
            f"student {student.name}: LoRA cannot adapt {name} ({why}); leave it out of "
            "target_modules, or train all weights: --tuning full"
        )


def _decoder_of_many(model: Any) -> str:
    """Return the name of the language model inside one that has other towers; else ""."""
    if model is None or model.config.get_text_config() is model.config:
        return ""
    decoder = model.get_decoder()
    return next((name for name, module in model.named_modules() if module is decoder), "")


def _freeze_other_towers(model: Any) -> None:
    decoder = _decoder_of_many(model)
    if decoder:
        head = {id(p) for p in model.get_output_embeddings().parameters()}
        for name, parameter in model.named_parameters():
            parameter.requires_grad = name.startswith(f"{decoder}.") or id(parameter) in head
