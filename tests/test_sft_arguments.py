"""From recipe, card and machine to the arguments of TRL's trainer."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from polyglot_harness.errors import ConfigError, MissingDependency
from polyglot_harness.spec import Recipe, StudentCard, TrainingOptions
from polyglot_harness.students import load_recipe
from polyglot_harness.training import precision as numbers
from polyglot_harness.training.arguments import trainer_arguments
from polyglot_harness.training.base import load_model
from polyglot_harness.training.precision import Precision, precision, quantisation

CARD = StudentCard(name="anna", pretrained="nowhere", dtype="bfloat16")


def arguments(options: TrainingOptions | None = None, **fields: Any) -> Any:
    from trl import SFTConfig

    recipe = Recipe(**{"name": "r", **fields})
    given = trainer_arguments(
        recipe, Path("out/checkpoints"), seed=5, device="cpu", student=CARD, options=options
    )
    return SFTConfig(**given)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {},
            {"learning_rate": 5e-5, "num_train_epochs": 2, "weight_decay": 0.001, "seed": 5,
             "data_seed": 5, "max_length": 16384, "gradient_checkpointing": False, "bf16": False,
             "fp16": False, "lr_scheduler_type": "linear", "save_steps": 500, "report_to": []},
        ),
        ({"gradient_checkpointing": True}, {"gradient_checkpointing": True}),
        ({"scheduler": "cosine"}, {"lr_scheduler_type": "cosine"}),
        (
            {"batch_size": 8, "micro_batch_size": 2},
            {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4},
        ),
        # never more at a time than a batch has
        (
            {"batch_size": 2, "micro_batch_size": 4},
            {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 1},
        ),
        ({"save_steps": 7}, {"save_steps": 7}),
    ],
)  # fmt: skip
def test_fields_take_effect(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    found = arguments(**fields)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(("warmup", "of_200"), [(5, 5), (0, 0), (0.05, 10), (0.5, 100), (1, 1)])
def test_warmup_below_one_is_a_share(warmup: float, of_200: int) -> None:
    assert arguments(warmup_steps=warmup).get_warmup_steps(200) == of_200


def test_a_batch_is_made_of_whole_parts() -> None:
    with pytest.raises(ConfigError, match=r"8 is no multiple of .* 3; valid .*: 1, 2, 4, 8$"):
        arguments(batch_size=8, micro_batch_size=3)


@pytest.mark.parametrize("name", ["trackio", "wandb"])
def test_what_logs_the_training_must_be_there(name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import polyglot_harness.training.arguments as module

    monkeypatch.setattr(module, "find_spec", lambda package: None)
    with pytest.raises(MissingDependency, match=rf"{name} is not installed.*\[{name}\]"):
        arguments(TrainingOptions(report_to=name))


def test_nothing_is_logged_elsewhere_unless_asked_for() -> None:
    from transformers.integrations.integration_utils import get_reporting_integration_callbacks

    found = arguments()
    assert get_reporting_integration_callbacks(found.report_to) == []
    assert found.push_to_hub is False and found.trackio_space_id is None


# what a GPU computes in: the choice only, since none is here
@pytest.mark.parametrize(
    ("tuning", "dtype", "gpu", "expected"),
    [
        ("lora", "bfloat16", False, Precision("float32", "")),
        ("full", "float16", False, Precision("float32", "")),
        ("lora", "bfloat16", True, Precision("bfloat16", "bf16")),
        ("lora", "float16", True, Precision("float16", "fp16")),
        ("lora", "float32", True, Precision("float32", "")),
        ("qlora", "bfloat16", True, Precision("bfloat16", "bf16")),
        # small updates would be lost in weights of 16 bits
        ("full", "bfloat16", True, Precision("float32", "bf16")),
        ("full", "float16", True, Precision("float32", "fp16")),
    ],
)
def test_precision(
    tuning: Any, dtype: str, gpu: bool, expected: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "on_gpu", lambda device: gpu)
    monkeypatch.setattr(numbers, "_check_gpu", lambda student: None)
    student = CARD.model_copy(update={"dtype": dtype})
    assert precision(student, Recipe(name="r", tuning=tuning), None) == expected


def test_a_dtype_that_is_none() -> None:
    student = CARD.model_copy(update={"dtype": "auto"})
    with pytest.raises(ConfigError, match="'auto' is none to train in; valid: float32, bfloat16"):
        precision(student, Recipe(name="r"), "cpu")


def test_four_bits_without_a_gpu_say_what_else_there_is() -> None:
    with pytest.raises(ConfigError, match="needs an NVIDIA GPU.*--tuning lora"):
        load_model("nowhere", CARD, load_recipe("qlora"), seed=0, device="cpu")


def test_four_bits_without_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "on_gpu", lambda device: True)
    monkeypatch.setattr(numbers, "find_spec", lambda package: None)
    with pytest.raises(MissingDependency, match=r"bitsandbytes .*\[qlora\]'; --tuning lora"):
        load_model("nowhere", CARD, load_recipe("qlora"), seed=0, device=None)


def test_the_four_bits_are_those_of_qlora() -> None:
    import torch

    found = quantisation(torch.bfloat16).to_dict()
    assert found["load_in_4bit"] and found["bnb_4bit_quant_type"] == "nf4"
    assert found["bnb_4bit_use_double_quant"] and found["bnb_4bit_compute_dtype"] == "bfloat16"


@pytest.mark.parametrize("name", ["paper", "qlora"])
def test_the_papers_recipe(name: str) -> None:
    """arXiv 2604.11290, section 4."""
    found = load_recipe(name).model_dump()
    assert found == {
        **found,
        "method": "sft", "tuning": "lora" if name == "paper" else "qlora",
        "lora_r": 16, "lora_alpha": 16, "lora_dropout": 0.0, "learning_rate": 5e-5, "epochs": 2,
        "scheduler": "linear", "weight_decay": 0.001, "warmup_steps": 5, "max_length": 16384,
        "batch_size": 8, "max_train_samples": 10_000, "packing": False, "held_out": 0,
        "target_modules": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
                           "down_proj"),
    }  # fmt: skip


def test_recipes_are_of_their_tuning() -> None:
    assert {n: load_recipe(n).tuning for n in ("demo", "paper", "qlora", "full")} == {
        "demo": "lora", "paper": "lora", "qlora": "qlora", "full": "full"
    }  # fmt: skip


def test_no_setting_of_the_environment_is_left_behind() -> None:
    before = dict(os.environ)
    arguments()
    changed = {k for k in os.environ if os.environ[k] != before.get(k)}
    assert not [name for name in changed if re.search("WANDB|TRACKIO", name)]
