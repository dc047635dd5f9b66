"""The tasks of a pack: what lm-eval makes of them, and what a model would be asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.assets import PACKAGE, tasks_path
from polyglot_harness.errors import ConfigError
from polyglot_harness.languages import PACK_FILE, PACK_TEMPLATES, strategies_of
from polyglot_harness.safety import Finding
from polyglot_harness.spec import LanguagePack
from polyglot_harness.validation.faults import finding_of

if TYPE_CHECKING:
    from polyglot_harness.validation import PackReport

_LEFT_OVER = re.compile(r"(\{\{|\{%|\{#).{0,20}")
_FORMS = (("chat", "json"), ("chat", "labels"), ("completion", "labels"))


def check_tasks(pack: LanguagePack, report: PackReport) -> list[Finding]:
    """Resolve and build the tasks of a pack, and render what teachers would be asked.

    Args:
        pack: A pack that is safe.
        report: Gets the numbers of tasks.
    """
    from polyglot_harness.lm.index import pack_names, task_configs, task_manager

    folder = Path(pack.folder)
    include = None if folder.is_relative_to(tasks_path().resolve()) else str(folder)
    found = list(_requests(pack))
    try:
        own = {name: entry for name, entry in pack_names(include).items()
               if entry.path and Path(entry.path).resolve().is_relative_to(folder)}  # fmt: skip
        found += _missing(pack, own)
        wanted = list(dict.fromkeys([*own, *pack.student_tasks]))
        metadata = {"n": 2} | ({"packs": str(folder)} if include else {})
        manager = task_manager(wanted, include_path=include, metadata=metadata)
        configs = task_configs(manager, wanted)
    except ConfigError as error:
        where = folder / PACK_FILE
        return [*found, finding_of(error, where, f"name tasks that exist in {PACK_FILE}")]
    report.tasks = len(configs)
    hub = _hub_tasks(configs) | {name for name, config in configs.items() if _fetches(config)}
    report.not_built = tuple(sorted(hub))
    for name, config in configs.items():
        path = Path(own[name].path or folder) if name in own else folder / PACK_FILE
        if str(config.get("unsafe_code", False)).lower() not in ("false", "none"):
            problem = f"task {name!r} runs what a model writes"
            found.append(Finding(path, 0, problem, "leave it out"))
        elif lost := _lost_items(folder, config) if name in own else None:
            # without them those of the package's pack of that code would be taken
            remedy = f"write {lost.relative_to(folder)}, or take the task out"
            found.append(Finding(path, 0, f"task {name!r} has no items", remedy))
        elif name not in hub:
            wrong = list(_build(manager, name, path))
            report.built += not wrong
            found += wrong
    return found


def _fetches(config: Mapping[str, Any]) -> bool:
    """Whether code of lm-eval's own gets the data, from wherever it likes."""
    code = str(config.get("class") or config.get("custom_dataset") or PACKAGE.name)
    return PACKAGE.name not in code


def _lost_items(folder: Path, config: Mapping[str, Any]) -> Path | None:
    """Return the file of items that a task of the embedded suite should have, but has not."""
    items = (config.get("dataset_kwargs") or {}).get("items")
    path = folder / "mini" / f"{items}.jsonl"
    return path if items and not path.is_file() else None


def _missing(pack: LanguagePack, own: Mapping[str, Any]) -> Iterator[Finding]:
    group = f"polyglot_teach_{pack.code}"
    for name in (group, *(f"{group}_{strategy}" for strategy in strategies_of(pack))):
        if name not in own:
            remedy = f"write {name}.yaml (docs/adding-a-language.md, step 4)"
            yield Finding(Path(pack.folder), 0, f"no task {name!r}", remedy)


def _hub_tasks(configs: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the tasks whose data are neither in the pack nor in a mirror."""
    from polyglot_harness.lm.hub_data import data_sources

    away: set[str] = set()
    for source in data_sources(configs):
        try:
            if not os.environ.get("POLYGLOT_DATA"):
                away.update(source.tasks)
            else:
                source.identity()
        except ConfigError:
            away.update(source.tasks)
    return away


def _build(manager: Any, name: str, path: Path) -> Iterator[Finding]:
    """Let lm-eval build one task, and look at its first request."""
    from polyglot_harness.lm.index import load_tasks

    remedy = "compare it with the same task of another pack"
    try:
        task = load_tasks(manager, [name])["tasks"][name]
        task.set_fewshot_seed(0)
        document = task.eval_docs[0]
        shots = task.config.num_fewshot or 0
        context = task.fewshot_context(document, num_fewshot=shots)
    except ConfigError as error:
        yield finding_of(error, path, remedy)
        return
    except Exception as error:  # noqa: BLE001 - a task's own functions may raise anything
        message = " ".join(str(error).split())[:200]
        problem = f"task {name!r} cannot be asked: {type(error).__name__}: {message}"
        yield Finding(path, 0, problem, remedy)
        return
    texts = [context] if isinstance(context, str) else list(context)
    # a document may be about code or mathematics
    own = "\n".join(map(str, document.values())) if isinstance(document, Mapping) else ""
    for left in (found[0] for text in texts for found in _LEFT_OVER.finditer(text)):
        if left not in own:
            problem = f"task {name!r} leaves Jinja in its request: {left!r}"
            yield Finding(path, 0, problem, "mend its template")
            return


def _requests(pack: LanguagePack) -> Iterator[Finding]:
    """Render the requests of all strategies, forms, reply formats and languages."""
    from polyglot_harness.strategies.documents import SHOTS, documents

    if len(pack.seeds) <= SHOTS:
        return
    own = (Path(pack.folder) / PACK_TEMPLATES).is_file()
    seen: set[tuple[str, str]] = set()
    for strategy in strategies_of(pack):
        for form, reply_format in _FORMS:
            for language in ("en", "own") if own else ("en",):
                try:
                    asked = documents(
                        pack, strategy, 2, form=form, reply_format=reply_format,
                        instruction_language=language,
                    )  # fmt: skip
                except ConfigError as error:
                    wrong = finding_of(error, Path(pack.folder) / PACK_TEMPLATES, "mend it")
                    if (str(wrong.path), wrong.problem) not in seen:
                        yield wrong
                    seen.add((str(wrong.path), wrong.problem))
                    continue
                path = Path(pack.folder) / PACK_TEMPLATES if language == "own" else tasks_path()
                yield from _asked(path, f"{form}.{strategy}", asked)


def _asked(path: Path, name: str, asked: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for document in asked:
        text = document["text"]
        given = [document["prompt"]] if document["prompt"] else document["shot_prompts"]
        if _LEFT_OVER.search(text):
            yield Finding(path, 0, f"template {name} leaves Jinja in the request", "mend it")
        elif not any(_inside(prompt, text) for prompt in given):
            problem = f"template {name} shows neither the prompt nor an example"
            yield Finding(path, 0, problem, "see tasks/_teach_templates.toml")
        else:
            continue
        return


def _inside(prompt: str, text: str) -> bool:
    """Whether a prompt stands in a request, as it is, closed up, or as JSON."""
    import json

    return any(form in text for form in (
        prompt, re.sub(r"\n\s*\n", "\n", prompt.strip()), json.dumps(prompt, ensure_ascii=False),
    ))  # fmt: skip
