"""Load lm-eval models, once a process, with errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from polyglot_harness.errors import (
    ConfigError,
    HarnessError,
    MissingDependency,
    first_line,
    unknown_name,
)
from polyglot_harness.models import load_catalog, resolve
from polyglot_harness.spec import pairs
from polyglot_harness.teachers import is_served, without_secrets

_OURS = {
    "local-chat-completions": "chat",
    "openai-chat-completions": "chat",
    "local-completions": "completions",
    "openai-completions": "completions",
}
"""lm-eval's types of servers for which `openai-compatible` stands in, by endpoint: it keeps finish
reasons and token counts, seeds each request, and never makes text of an empty answer."""


@cache
def _registry() -> Any:
    """Import lm-eval's built-in models before anything registers one, else they vanish."""
    import lm_eval.models  # noqa: F401 - fills the registry
    from lm_eval.api import registry

    import polyglot_harness.lm.openai_compatible  # noqa: F401 - registers itself

    return registry


def model_types() -> list[str]:
    """Return the names of lm-eval's model types."""
    return sorted(str(name) for name in _registry().MODEL_REGISTRY)


def check_model_type(name: str) -> None:
    """Raise ConfigError, with the valid names, if lm-eval has no such model type."""
    if name not in model_types():
        raise unknown_name("model type", name, model_types())


def load_lm(
    model: str,
    model_args: Mapping[str, Any],
    *,
    batch_size: str = "8",
    device: str | None = None,
    likelihoods: bool = False,
) -> Any:
    """Build an lm-eval ``LM``.

    Args:
        model: lm-eval model type.
        model_args: Its arguments; the name of an embedded model in `pretrained`, `tokenizer` or
            `peft` becomes its folder (pulled where it is not there).
        batch_size: A number, ``auto`` or ``auto:N``.
        device: As lm-eval's ``--device``.
        likelihoods: It is asked for log-likelihoods, which our own client of servers does not
            give: lm-eval's are taken.

    Raises:
        ConfigError: If the model type or a path does not exist, or an argument is wrong.
        MissingDependency: If a package is not installed; the extra that brings it is named.
    """
    check_model_type(model)
    args = resolve_args(model_args)
    if model in _OURS and not likelihoods:
        args = {**args, "endpoint": _OURS[model]}
        model = "openai-compatible"
    size: int | str = int(batch_size) if batch_size.isdigit() else batch_size
    try:
        factory = _factory(model)
        device = device or (_best_device() if model == "hf" else None)
        lm = factory.create_from_arg_obj(args, {"batch_size": size, "device": device})
        if model == "hf" and args.get("peft"):
            # unmerged, a LoRA adapter takes a tenth longer (benchmarks/merged_adapter.py)
            lm._model = lm.model.merge_and_unload()
        return lm
    except HarnessError:
        raise
    except ImportError as error:
        package = (error.name or f"what {model} needs").split(".")[0]
        raise MissingDependency(package, _extra(model)) from error
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{model} with {redacted(args)} cannot be loaded: {first_line(error)}"
        ) from error


def _factory(model: str) -> Any:
    if model == "vllm":
        from polyglot_harness.lm.vllm_engine import StreamingVLLM

        return StreamingVLLM
    return _registry().get_model(model)


def resolve_args(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the names of embedded models replaced by their folders."""
    return {
        key: resolve(str(value)) if key in ("pretrained", "tokenizer", "peft") and value else value
        for key, value in model_args.items()
    }


def model_identity(name: str) -> str:
    """Return what stands for a model in a digest: name and revision, not where it is cached."""
    if name in load_catalog():
        from polyglot_harness.models import get_entry
        from polyglot_harness.models.cache import revision

        return f"{name}@{revision(get_entry(name))[:16]}"
    return name


def _extra(model: str) -> str:
    """Return the pip extra that brings what a model type needs."""
    if is_served(model):
        return "api"
    return "vllm" if "vllm" in model else "hf"


def redacted(args: Mapping[str, Any]) -> str:
    """Return arguments as text without what may be a secret."""
    return ",".join(f"{k}={v}" for k, v in without_secrets(pairs(dict(args))))


def _best_device() -> str:
    """Return the device that lm-eval's ``hf`` should use: its own default needs CUDA."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
