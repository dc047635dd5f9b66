"""Request templates: Jinja in TOML, rendered in a sandbox, each compiled once.

``tasks/_teach_templates.toml`` asks in English; ``tasks/<lang>/teach_templates.toml`` holds the
same instructions in the language itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError, first_line, unknown_name
from polyglot_harness.files import read_toml
from polyglot_harness.languages import PACK_TEMPLATES, SHARED_TEMPLATES
from polyglot_harness.safety.bounded import BoundedEnvironment
from polyglot_harness.spec import LanguagePack

FORMS = ("chat", "completion")
REPLY_FORMATS = ("json", "labels")
INSTRUCTION_LANGUAGES = ("en", "own")
Render = Callable[..., str]


def reply_format_of(strategy: str, form: str, reply_format: str | None = None) -> str:
    """Return how prompt and response are asked for: ``json``, ``labels`` or ``text``.

    Args:
        strategy: The strategy; respond and refine ask for the response alone, as text.
        form: ``chat`` or ``completion``.
        reply_format: A choice, or None for JSON in the chat form and labels in the completion form.

    Raises:
        ConfigError: If the format is unknown, or JSON is asked of the completion form.
    """
    if reply_format not in (None, *REPLY_FORMATS):
        raise unknown_name("reply format", str(reply_format), REPLY_FORMATS)
    if strategy in ("respond", "refine"):
        return "text"
    if form == "completion" and reply_format == "json":
        raise ConfigError("reply format 'json' needs the chat form; completion takes 'labels'")
    return reply_format or ("json" if form == "chat" else "labels")


def template_path(pack: LanguagePack, strategy: str, form: str, instruction_language: str) -> Path:
    """Return the file that holds the template of a request.

    The pack's own file is for instructions: a completion has none, and respond shows the prompt.
    The shared ones are in the pivot's own language.
    """
    if instruction_language not in INSTRUCTION_LANGUAGES:
        raise unknown_name("instruction language", instruction_language, INSTRUCTION_LANGUAGES)
    shared = instruction_language == "en" or pack.role == "pivot"
    if shared or form == "completion" or strategy == "respond":
        return tasks_path() / SHARED_TEMPLATES
    return Path(pack.folder) / PACK_TEMPLATES


def source(path: Path, form: str, strategy: str, reply_format: str) -> str:
    """Return the text of a template.

    Raises:
        ConfigError: If the file or the template is missing; both are named.
    """
    name = template_name(strategy, reply_format)
    try:
        text = _tables(path)[form][name]
    except (KeyError, TypeError):
        raise ConfigError(f"{path}: no template {form}.{name}") from None
    if not isinstance(text, str):
        raise ConfigError(f"{path}: template {form}.{name} is no text")
    return text


def template_name(strategy: str, reply_format: str) -> str:
    """Return the key of a template in its table: the strategy, or that with ``_json``."""
    return f"{strategy}_json" if reply_format == "json" else strategy


@cache
def renderer(path: Path, form: str, strategy: str, reply_format: str) -> Render:
    """Compile a template; the function returned renders it by keywords."""
    where = f"{path}: template {form}.{template_name(strategy, reply_format)}"
    text = source(path, form, strategy, reply_format)
    try:
        compiled = BoundedEnvironment(undefined=StrictUndefined).from_string(text)
    except TemplateError as error:
        raise ConfigError(f"{where}: {first_line(error)}") from error

    def render(**names: object) -> str:
        try:
            return compiled.render(**names)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise ConfigError(f"{where}: {first_line(error)}") from error

    return render


@cache
def _tables(path: Path) -> dict[str, dict[str, object]]:
    return read_toml(path)
