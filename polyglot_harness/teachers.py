"""Teacher cards (``teachers/*.toml``) and teachers given by flags."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from polyglot_harness.assets import teachers_path
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record, read_toml
from polyglot_harness.safety.trust import refuse_remote_code
from polyglot_harness.spec import Pairs, RunSpec, TeacherCard, pairs

_SECRET = re.compile(r"(key$|secret|password|auth|header|(?<!max_)token$)", re.IGNORECASE)
_SERVED = ("completions", "openai-compatible", "anthropic", "litellm", "textsynth", "gguf", "ggml")
"""Parts of the names of model types that speak to a server."""
_CLIENT_ARGS = frozenset({
    "num_concurrent", "max_concurrent", "max_retries", "retry_seconds", "unreachable_seconds",
    "backoff_seconds", "grace_seconds", "timeout", "api_key_env",
    "ca_bundle", "ca_cert_path", "verify_certificate",
})  # fmt: skip
"""Arguments that say how a server is spoken to, not what it answers."""
_CARD_FIELDS = ("form", "name", "reply_format", "price_in", "price_out", "licence", "family")
"""Fields of a card that ``--teacher_args`` may give beside the model's own arguments."""


def teacher_names() -> list[str]:
    """Return the names of all cards."""
    return sorted(path.stem for path in teachers_path().glob("*.toml"))


def load_teacher(name: str) -> TeacherCard:
    """Load a card by its name, or by the path of a TOML file.

    Raises:
        ConfigError: If there is no such card, the file is broken or asks for remote code.
    """
    path = Path(name) if name.endswith(".toml") else teachers_path() / f"{name}.toml"
    if not path.is_file():
        raise unknown_name("teacher", name, teacher_names())
    data = read_toml(path)
    refuse_remote_code(data, str(path))
    for table in ("model_args", "gen_kwargs"):
        if isinstance(data.get(table), dict):
            data[table] = pairs(data[table])
    card = parse_record(TeacherCard, data, str(path))
    refuse_secrets(card.model_args, str(path))
    return card


def teacher_from_flags(
    model: str, model_args: dict[str, Any], flag: str = "--teacher"
) -> TeacherCard:
    """Make a card of ``--teacher MODEL_TYPE --teacher_args ...``.

    A model with a chat template is instructed, one without is shown examples; which one it is
    shows only when it is loaded, so `form` is given by ``--teacher_args form=completion`` and is
    ``chat`` otherwise. So are the name, the form of replies and the prices.
    """
    args = dict(model_args)
    fields = {name: args.pop(name) for name in _CARD_FIELDS if name in args}
    source = str(args.get("pretrained") or args.get("model") or "")
    if not source:
        raise ConfigError(
            f"{flag} {model} needs {flag}_args pretrained=... (or model=... for a server)"
        )
    defaults = {"name": source.rstrip("/").split("/")[-1], "form": "chat"}
    data = {**defaults, **fields, "model": model, "model_args": pairs(args)}
    card = parse_record(TeacherCard, data, f"{flag}_args")
    refuse_secrets(card.model_args, f"{flag}_args")
    return card


def refuse_secrets(args: Pairs, where: str) -> None:
    """Raise ConfigError if an argument of a model holds a key.

    Keys come from the environment: an argument would end in files, logs and shell histories.
    """
    for name, value in args:
        if _SECRET.search(name):
            raise ConfigError(
                f"{where}: {name!r} looks like a secret; keys come from the environment only: "
                "set the variable OPENAI_API_KEY (or another one, named by api_key_env=NAME)"
            )
        if "@" in urlsplit(str(value) if name == "base_url" else "").netloc:
            raise ConfigError(f"{where}: 'base_url' holds a user name or password; take it out")


def with_concurrency(card: TeacherCard, concurrency: int | str) -> TeacherCard:
    """Return the card with so many requests in flight; only a server can be asked so."""
    if not is_served(card.model):
        return card
    args = {**dict(card.model_args), "num_concurrent": concurrency}
    return card.model_copy(update={"model_args": pairs(args)})


def is_served(model: str) -> bool:
    """Whether a model type speaks to a server, whose replies do not depend on this machine."""
    return any(part in model for part in _SERVED)


def shaping_args(teacher: TeacherCard) -> Pairs:
    """Return the model's arguments without secrets and without what does not shape replies."""
    return tuple((k, v) for k, v in without_secrets(teacher.model_args) if k not in _CLIENT_ARGS)


def without_secrets(args: Pairs) -> Pairs:
    """Return arguments with what may be a secret replaced by ``***``: they are written to files."""
    return tuple((k, "***" if _SECRET.search(k) else value) for k, value in args)


def storable(spec: RunSpec) -> RunSpec:
    """Return the spec as it may be written to a file."""
    return spec.model_copy(
        update={"teachers": _redacted(spec.teachers), "judges": _redacted(spec.judges)}
    )


def _redacted(cards: tuple[TeacherCard, ...]) -> tuple[TeacherCard, ...]:
    return tuple(c.model_copy(update={"model_args": without_secrets(c.model_args)}) for c in cards)
