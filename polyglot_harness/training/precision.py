"""In what numbers a student is trained: float32 on a CPU, its card's dtype on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from polyglot_harness.errors import ConfigError, MissingDependency
from polyglot_harness.spec import Recipe, StudentCard

_AUTOCAST = {"float32": "", "bfloat16": "bf16", "float16": "fp16"}


@dataclass(frozen=True)
class Precision:
    """Of weights and of computation."""

    weights: str
    """Name of torch's dtype in which the base's weights are loaded."""
    autocast: str
    """``bf16`` or ``fp16`` for mixed precision; "" for none."""


def on_gpu(device: str | None) -> bool:
    """Whether a training will take a GPU."""
    import torch

    return device != "cpu" and torch.cuda.is_available()


def precision(student: StudentCard, recipe: Recipe, device: str | None) -> Precision:
    """Return the precision of a training.

    A CPU computes in float32, which is several times as fast there as bfloat16. On a GPU the base
    of an adapter has the card's dtype and the adapter is float32; where all weights are trained,
    they are float32, for small updates would be lost in 16 bits. Computation is in the card's.

    Raises:
        ConfigError: If the card's dtype is none, the GPU lacks it, or more than one is visible.
    """
    if student.dtype not in _AUTOCAST:
        raise ConfigError(
            f"student {student.name}: dtype {student.dtype!r} is none to train in; "
            f"valid: {', '.join(_AUTOCAST)}"
        )
    if not on_gpu(device):
        return Precision("float32", "")
    _check_gpu(student)
    weights = "float32" if recipe.tuning == "full" else student.dtype
    return Precision(weights, _AUTOCAST[student.dtype])


def _check_gpu(student: StudentCard) -> None:
    import torch

    if torch.cuda.device_count() > 1:
        raise ConfigError(
            f"{torch.cuda.device_count()} GPUs are visible, and a student is trained on one; "
            "choose it in the environment: CUDA_VISIBLE_DEVICES=0"
        )
    if student.dtype == "bfloat16" and not torch.cuda.is_bf16_supported():
        raise ConfigError(
            f"student {student.name}: this GPU does not compute in bfloat16; "
            "give --student_args dtype=float16 (or float32)"
        )


def check_quantisable(recipe: Recipe, device: str | None) -> None:
    """Raise if a base cannot be held in 4 bits here.

    Raises:
        ConfigError: If there is no GPU.
        MissingDependency: If bitsandbytes is not installed.
    """
    instead = "--tuning lora trains the same adapter on a base of 16 bits (float32 on a CPU)"
    if not on_gpu(device):
        raise ConfigError(
            f"recipe {recipe.name}: tuning 'qlora' (a base of 4 bits) needs an NVIDIA GPU, and "
            f"there is none to use here; {instead}"
        )
    if find_spec("bitsandbytes") is None:
        missing = MissingDependency("bitsandbytes", "qlora")
        missing.args = (f"{missing}; {instead}",)
        raise missing


def quantisation(dtype: Any) -> Any:
    """Return the 4 bits of QLoRA (arXiv 2305.14314): NormalFloat, its constants quantised too.

    Args:
        dtype: Torch's, in which it computes.
    """
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
