"""Load language packs: one folder ``<lang>/`` with ``pack.toml`` and ``seeds.jsonl``, data only."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from polyglot_harness.assets import tasks_path
from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record, read_jsonl, read_toml
from polyglot_harness.safety import require_safe
from polyglot_harness.spec import STRATEGIES, LanguagePack, Record, Seed, Strategy, digest

PACK_FILE = "pack.toml"
SEED_FILE = "seeds.jsonl"
SHARED_TEMPLATES, PACK_TEMPLATES = "_teach_templates.toml", "teach_templates.toml"


class EnglishPrompt(Record):
    """One of the shared English prompts that the translate strategy starts from."""

    id: str
    category: str
    prompt: str


def pack_folders(include_path: str | None = None) -> dict[str, Path]:
    """Return the folder of every pack by language code.

    Args:
        include_path: A further folder of packs (or one pack); it overrides the built-in ones.

    Raises:
        ConfigError: If the folder does not exist, holds what may run code (see
            `safety.require_safe`), or a pack without `PACK_FILE`.
    """
    folders: dict[str, Path] = {}
    for root in (tasks_path(), *([Path(include_path)] if include_path else [])):
        require_safe(root)
        folders |= packs_below(root)
    return folders


def packs_below(root: Path) -> dict[str, Path]:
    """Return the folders of the packs in a folder, or of the one pack that it is, by code.

    Raises:
        ConfigError: If a folder is meant as a pack, but has no `PACK_FILE`.
    """
    folders: dict[str, Path] = {}
    for folder in sorted([root, *(path for path in root.iterdir() if path.is_dir())]):
        if (folder / PACK_FILE).is_file():
            code = folder.resolve().name
            if code in folders:
                raise ConfigError(f"{folder}: a second pack {code!r}, beside {folders[code]}")
            folders[code] = folder.resolve()
        elif meant := _looks_like_a_pack(folder):
            raise ConfigError(
                f"{folder}: no {PACK_FILE}, but {meant}, so it is meant as a pack; write one "
                "(polyglot-harness init-language makes a skeleton), or move the rest elsewhere"
            )
    return folders


def _looks_like_a_pack(folder: Path) -> str:
    """Return what makes a folder look like a pack, or an empty text."""
    for pattern in (SEED_FILE, PACK_TEMPLATES, "polyglot_teach_*.yaml", "polyglot_mini_*.yaml"):
        if found := next(folder.glob(pattern), None):
            return found.name
    if re.fullmatch("[a-z]{2}", folder.name) and (found := next(folder.glob("*.yaml"), None)):
        return found.name
    return ""


def load_pack(code: str, include_path: str | None = None) -> LanguagePack:
    """Load one pack with its seeds.

    Args:
        code: ISO 639-1 code.
        include_path: As in `pack_folders`.

    Raises:
        ConfigError: If there is no such pack, or a file of it is broken (file and line named).
    """
    folders = pack_folders(include_path)
    if code not in folders:
        raise unknown_name("language", code, folders)
    return _load(folders[code])


@cache
def _load(folder: Path) -> LanguagePack:
    data = read_toml(folder / PACK_FILE)
    seeds = read_jsonl(folder / SEED_FILE, Seed)
    where = str(folder / PACK_FILE)
    pack = parse_record(LanguagePack, {**data, "seeds": seeds, "folder": str(folder)}, where)
    if pack.code != folder.name:
        raise ConfigError(f"{where}: field 'code' is {pack.code!r}, but the folder {folder.name!r}")
    return pack


def target_codes(include_path: str | None = None) -> tuple[str, ...]:
    """Return the codes of the languages that a run covers if it names none, sorted.

    Args:
        include_path: As in `pack_folders`.
    """
    folders = pack_folders(include_path)
    return tuple(code for code in sorted(folders) if _load(folders[code]).role == "target")


def strategies_of(pack: LanguagePack) -> tuple[Strategy, ...]:
    """Return the strategies that there are in a language: none translates a pivot into itself."""
    return tuple(s for s in STRATEGIES if s != "translate" or pack.role != "pivot")


def check_strategy(pack: LanguagePack, strategy: str) -> None:
    """Raise ConfigError if a strategy is unknown, or makes no sense in a language."""
    if strategy not in STRATEGIES:
        raise unknown_name("strategy", strategy, STRATEGIES)
    if strategy not in (valid := strategies_of(pack)):
        raise ConfigError(
            f"strategy {strategy!r} makes nothing in {pack.name} ({pack.code!r}), which is what "
            f"prompts are translated from; valid: {', '.join(valid)}"
        )


def pack_digest(pack: LanguagePack) -> str:
    """Digest of what the pack says, wherever it lies.

    Its role is left out: it decides which languages are run, nothing that is made of one.
    """
    said = pack.model_dump(mode="json", exclude={"role"})
    return digest({**said, "folder": ""})


def templates_digest(pack: LanguagePack) -> str:
    """Digest of the templates, shared and of the pack, by which teachers are asked."""
    files = (tasks_path() / SHARED_TEMPLATES, Path(pack.folder) / PACK_TEMPLATES)
    return digest([file.read_text(encoding="utf-8") if file.is_file() else "" for file in files])


@cache
def english_prompts() -> tuple[EnglishPrompt, ...]:
    """Return the shared English prompts for the translate strategy."""
    return read_jsonl(tasks_path() / "english_prompts.jsonl", EnglishPrompt)
