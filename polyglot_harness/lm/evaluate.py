"""Evaluate a student with lm-eval; keep the score of every item, for paired statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from polyglot_harness.errors import StageError
from polyglot_harness.files import jsonl_rows, write_jsonl
from polyglot_harness.intrinsic.estimate import mean_of
from polyglot_harness.lm.chunks import seed_everything
from polyglot_harness.lm.index import load_tasks, task_manager
from polyglot_harness.reporting import Progress, ignore
from polyglot_harness.spec import Measurement, key_hash

ITEMS = "items.jsonl"


def evaluate(
    lm: Any,
    tasks: Sequence[str],
    language: str,
    folder: Path,
    *,
    limit: int | None,
    seed: int,
    include_path: str | None = None,
    progress: Progress = ignore,
) -> tuple[Measurement, ...]:
    """Run lm-eval tasks and write ``items.jsonl``: task, item and score, one line an item.

    Args:
        lm: The student's lm-eval ``LM``.
        tasks: Tasks or groups.
        language: Code, for the measurements.
        folder: Where the file goes.
        limit: Items per task; None for all.
        seed: Seeds few-shot draws and sampling.
        include_path: A further folder of YAMLs.
        progress: Called with (requests done, requests in all).

    Returns:
        One measurement a task: mean, standard error, n.

    Raises:
        StageError: If a task reports no number per item.
    """
    import lm_eval

    manager = task_manager(tasks, include_path=include_path)
    loaded = load_tasks(manager, tasks)["tasks"]
    for task in loaded.values():
        if task.get_config("num_fewshot") is None:
            task.set_config("num_fewshot", 0)
        task.set_fewshot_seed(seed=seed)
    seed_everything(int.from_bytes(key_hash("evaluate", seed)[:4], "big"))
    samples: dict[str, Any] = {}
    with _reported(progress):
        # lm-eval applies the chat template to all tasks of a call, or to none
        for chat in (False, True):
            part = {name: task for name, task in loaded.items() if _wants_chat(task) is chat}
            if part:
                found = lm_eval.evaluate(
                    lm,
                    {"tasks": part, "groups": {}, "group_map": {}},
                    limit=limit,
                    apply_chat_template=chat,
                    log_samples=True,
                    bootstrap_iters=0,
                )
                samples |= found["samples"]
    items = {name: _scores(name, found) for name, found in samples.items()}
    rows = [
        {"task": name, "item": item, "score": score}
        for name in sorted(items)
        for item, score in items[name].items()
    ]
    write_jsonl(folder / ITEMS, rows)
    return tuple(mean_of(name, language, list(items[name].values())) for name in sorted(items))


def read_items(path: Path) -> dict[str, dict[str, float]]:
    """Read ``items.jsonl`` back as task -> item -> score."""
    items: dict[str, dict[str, float]] = {}
    for number, row in jsonl_rows(path):
        try:
            items.setdefault(row["task"], {})[str(row["item"])] = float(row["score"])
        except (KeyError, TypeError, ValueError):
            raise StageError(f"{path}:{number}: needs task, item and score") from None
    return items


def _wants_chat(task: Any) -> bool:
    """Whether the task's metadata asks for the student's chat template."""
    return bool((task.get_config("metadata") or {}).get("apply_chat_template"))


def _scores(task: str, samples: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return item -> score by the task's first metric and first filter."""
    if not samples:
        raise StageError(f"task {task}: no items")
    first = samples[0]
    metric = next(
        (m for m in first["metrics"] if isinstance(first.get(m), (bool, int, float))), None
    )
    if metric is None:
        raise StageError(f"task {task}: no metric with one number per item ({first['metrics']})")
    return {
        str(_item_id(sample)): float(sample[metric])
        for sample in samples
        if sample["filter"] == first["filter"]
    }


def _item_id(sample: Mapping[str, Any]) -> Any:
    document = sample["doc"]
    return document.get("id", sample["doc_id"]) if isinstance(document, dict) else sample["doc_id"]


@contextmanager
def _reported(progress: Progress) -> Iterator[None]:
    """Let lm-eval's inner progress bar move ours."""
    import lm_eval.api.model as base
    import lm_eval.models.huggingface as hf

    original = hf.tqdm

    class Bar(original):  # type: ignore[misc,valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.counts = "Running" in str(kwargs.get("desc", ""))
            super().__init__(*args, **{**kwargs, "disable": True})
            self.done = 0

        def update(self, n: float | None = 1) -> None:
            if self.counts:
                self.done += int(n or 0)
                progress(self.done, int(self.total or 0))

    hf.tqdm = base.tqdm = Bar
    try:
        yield
    finally:
        hf.tqdm = base.tqdm = original
