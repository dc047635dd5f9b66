"""Who is trusted: the two switches of the command line, and what CI does not allow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from polyglot_harness.errors import ConfigError

PACK, REMOTE_CODE = "POLYGLOT_TRUST_PACK", "POLYGLOT_TRUST_REMOTE_CODE"
"""Environment variables that ``--trust_pack`` and ``--trust_remote_code`` set."""
_OFF = ("", "0", "false", "no", "off")
_RUNS_CODE = ("trust_remote_code", "custom_generate", "worker_cls", "worker_extension_cls")


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
            asks = str(inner).strip().lower() not in (*_OFF, "none")
            if str(name).lower() in _RUNS_CODE and asks:
                yield str(name)
            yield from _asked(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _asked(inner)
