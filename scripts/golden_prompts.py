"""Write the first request of every student task as a model gets it, for people to read.

    python scripts/golden_prompts.py             write tests/data/prompts/<language>/<task>.txt
    python scripts/golden_prompts.py --check     exit 1 if a file is missing, stale or left over

The documents are those of tests/data/hub, or of the mirror that POLYGLOT_DATA names; a pack's own
(polyglot_mini) are its own. Of a group of lm-eval's the first and the last task stand for all.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROMPTS = ROOT / "tests" / "data" / "prompts"
FEWSHOT_SEED = 1234  # lm-eval's own


def golden_tasks() -> dict[str, list[str]]:
    """Return language -> its student tasks: the packs' own, and those that their groups name."""
    from polyglot_harness.lm.index import pack_names, task_configs, task_manager

    names = {name: of for name, of in pack_names().items() if "polyglot_teach" not in name}
    manager = task_manager(list(names))
    found: dict[str, dict[str, None]] = {}
    for name, of in sorted(names.items()):
        children = _children(of.path) if of.kind == "group" else [name]
        for child in children:
            leaves = list(task_configs(manager, [child]))
            kept = leaves if child in names else dict.fromkeys((leaves[0], leaves[-1]))
            found.setdefault(Path(str(of.path)).parent.name, {}).update(dict.fromkeys(kept))
    return {language: sorted(tasks) for language, tasks in sorted(found.items())}


def render(tasks: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return task -> (text of its golden file, its first document)."""
    from polyglot_harness.lm.hub_data import hub_data
    from polyglot_harness.lm.index import load_tasks, task_configs, task_manager
    from polyglot_harness.lm.lazy_metrics import lazy_metrics

    manager = task_manager(tasks)
    configs = task_configs(manager, tasks)
    with hub_data(), lazy_metrics():
        built = load_tasks(manager, tasks)["tasks"]
    found = {}
    for name, task in built.items():
        if task.get_config("num_fewshot") is None:
            task.set_config("num_fewshot", 0)
        task.set_fewshot_seed(seed=FEWSHOT_SEED)
        task.build_all_requests(limit=1)
        lines = [*_head(name, task, configs[name]), "", *_requests(task), ""]
        found[name] = "\n".join(lines), dict(task.instances[0].doc)
    return found


def _children(path: str | None) -> list[str]:
    """Return the names in a pack's group."""
    from polyglot_harness.lm.yaml_config import read_config

    members = read_config(Path(str(path)), {})["task"]
    return [m if isinstance(m, str) else m.get("task", m.get("group")) for m in members]


def _head(name: str, task: Any, config: Mapping[str, Any]) -> Iterator[str]:
    from polyglot_harness.lm.hub_data import data_sources

    yield f"task:      {name}"
    for source in data_sources({name: config}) or (None,):
        if source is None:
            yield "data:      the pack's own"
            continue
        files = source.options.get("data_files")
        config_name = source.config or (json.dumps(files) if files else "default")
        yield f"data:      {source.path}, {config_name}"
        yield f"revision:  {source.revision or 'not pinned'}"
    metrics = [m["metric"] for m in config.get("metric_list") or ()]
    yield f"metrics:   {', '.join(map(str, metrics)) or 'of its output type'}"
    yield f"shots:     {task.get_config('num_fewshot')}"
    yield f"output:    {task.OUTPUT_TYPE}"
    if task.OUTPUT_TYPE == "generate_until":
        yield f"settings:  {json.dumps(task.instances[0].args[1], ensure_ascii=False)}"


def _requests(task: Any) -> Iterator[str]:
    first = task.instances[0]
    contexts = list(dict.fromkeys(instance.args[0] for instance in task.instances))
    for context in contexts:
        yield "=== request ==="
        yield context or "(empty: the model starts from its BOS token)"
    target = task.doc_to_target(first.doc)
    if task.OUTPUT_TYPE == "multiple_choice":
        right = _right(target, task.doc_to_choice(first.doc))
        yield "=== continuations, * the right one ==="
        for number, instance in enumerate(task.instances):
            star = "*" if number == right else " "
            yield f"{star} {json.dumps(instance.args[1], ensure_ascii=False)}"
    elif target != "":
        yield "=== target ==="
        yield str(target)


def _right(target: Any, choices: list[str]) -> int:
    """Return the number of the right choice: tasks name it by number or by text."""
    return int(target) if str(target).isdigit() else choices.index(target)


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    os.environ.setdefault("POLYGLOT_DATA", str(ROOT / "tests" / "data" / "hub"))
    os.environ |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}
    wrong = []
    for language, tasks in golden_tasks().items():
        folder = PROMPTS / language
        wanted = {folder / f"{name}.txt": text for name, (text, _) in render(tasks).items()}
        for path in sorted({*wanted, *folder.glob("*.txt")}):
            old = path.read_text(encoding="utf-8") if path.is_file() else None
            if old == wanted.get(path):
                continue
            wrong.append(path)
            if not check and path in wanted:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wanted[path], encoding="utf-8")
            elif not check:
                path.unlink()
    for path in wrong:
        sys.stdout.write(f"{'differs' if check else 'written'}: {path.relative_to(ROOT)}\n")
    return int(check and bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
