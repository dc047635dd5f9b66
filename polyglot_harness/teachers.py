"""Teacher cards (``teachers/*.toml``) and teachers given by flags."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from polyglot_harness.assets import teachers_path
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record, read_toml
from polyglot_harness.spec import Pairs, RunSpec, TeacherCard, pairs

_SECRET = re.compile(r"(key|secret|password|auth|header|(?<!max_)token$)", re.IGNORECASE)


def teacher_names() -> list[str]:
    """Return the names of all cards."""
    return sorted(path.stem for path in teachers_path().glob("*.toml"))


def load_teacher(name: str) -> TeacherCard:
    """Load a card by its name, or by the path of a TOML file.

    Raises:
        ConfigError: If there is no such card or the file is broken.
    """
    path = Path(name) if name.endswith(".toml") else teachers_path() / f"{name}.toml"
    if not path.is_file():
        raise unknown_name("teacher", name, teacher_names())
    data = read_toml(path)
    for table in ("model_args", "gen_kwargs"):
        if isinstance(data.get(table), dict):
            data[table] = pairs(data[table])
    return parse_record(TeacherCard, data, str(path))


def teacher_from_flags(model: str, model_args: dict[str, Any]) -> TeacherCard:
    """Make a card of ``--teacher MODEL_TYPE --teacher_args ...``.

    A model with a chat template is instructed, one without is shown examples; which one it is
    shows only when it is loaded, so `form` is given by ``--teacher_args form=completion`` and is
    ``chat`` otherwise.
    """
    args = dict(model_args)
    form = args.pop("form", "chat")
    source = str(args.get("pretrained") or args.get("model") or "")
    if not source:
        raise ConfigError(
            f"--teacher {model} needs --teacher_args pretrained=... (or model=... for a server)"
        )
    name = str(args.pop("name", "")) or source.rstrip("/").split("/")[-1]
    data = {"name": name, "model": model, "model_args": pairs(args), "form": form}
    return parse_record(TeacherCard, data, "--teacher_args")


def without_secrets(args: Pairs) -> Pairs:
    """Return arguments with what may be a secret replaced by ``***``: they are written to files."""
    return tuple((k, "***" if _SECRET.search(k) else value) for k, value in args)


def storable(spec: RunSpec) -> RunSpec:
    """Return the spec as it may be written to a file."""
    teachers = tuple(
        t.model_copy(update={"model_args": without_secrets(t.model_args)}) for t in spec.teachers
    )
    return spec.model_copy(update={"teachers": teachers})
