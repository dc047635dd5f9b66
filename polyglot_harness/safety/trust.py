"""Who is trusted: the two switches of the command line, and what CI does not allow."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from polyglot_harness.errors import ConfigError

PACK, REMOTE_CODE = "POLYGLOT_TRUST_PACK", "POLYGLOT_TRUST_REMOTE_CODE"
"""Environment variables that ``--trust_pack`` and ``--trust_remote_code`` set."""
_OFF = ("", "0", "false", "no", "off")
_RUNS_CODE = (
    "trust_remote_code", "custom_generate", "worker_cls", "worker_extension_cls", "scheduler_cls",
    "logits_processors", "use_kernels", "kernel_config", "kv_transfer_config",
    "tool_parser_plugin", "reasoning_parser_plugin",
)  # fmt: skip
_MAY_NAME_CODE = ("attn_implementation", "distributed_executor_backend", "load_format")
"""Arguments that take a word, or else a repository of kernels or a class by its path."""


def switched_on(variable: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(variable, "").strip().lower() not in _OFF


def pack_trusted() -> bool:
    """Whether the user lets the code of packs run.

    Raises:
        ConfigError: In CI, where what runs is chosen by whoever opens a pull request.
    """
    if not switched_on(PACK):
        return False
    if switched_on("CI"):
        raise ConfigError(
            "--trust_pack is off in CI (the variable CI is set): take the code out of the pack, or "
            "run it where nothing is at stake"
        )
    return True


def refuse_remote_code(card: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError if a card asks for code of a model hub, and the user did not.

    Args:
        card: What the TOML file of a teacher or student says.
        where: The file, for the message.
    """
    if switched_on(REMOTE_CODE):
        return
    for name in _asked(card):
        raise ConfigError(
            f"{where}: {name!r} runs code that comes with a model; give --trust_remote_code if "
            "you trust it, or take it out"
        )


def _asked(value: Any) -> Iterator[str]:
    """Yield the names of arguments that run code, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            word = str(name).strip().lower()
            # a text is true to Python, also "false"
            if word in _RUNS_CODE and inner not in (None, False, "", [], {}):
                yield str(name)
            elif word in _MAY_NAME_CODE and any(sign in str(inner) for sign in "/.:@"):
                yield str(name)
            yield from _asked(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _asked(inner)
    elif isinstance(value, str):
        # lm-eval also takes all arguments as one text: "pretrained=a/b,trust_remote_code=True"
        yield from (name for name in _RUNS_CODE if re.search(rf"\b{name}\W*[=:]", value))
