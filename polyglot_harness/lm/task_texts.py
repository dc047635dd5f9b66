"""The texts of lm-eval tasks: what training data are compared with (`curation.contamination`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polyglot_harness.lm.index import load_tasks, task_manager

Item = tuple[str, ...]
"""The texts of one item, each once: question, choices, answers, question with answer."""


def task_texts(tasks: Sequence[str], include_path: str | None = None) -> dict[str, list[Item]]:
    """Read the items that lm-eval tasks ask, as text.

    Args:
        tasks: Names of tasks, groups or tags.
        include_path: A further folder of YAMLs.

    Returns:
        The items by name of task; a group stands as its tasks. An item's texts are rendered by the
        task's own templates, without its description and its few-shot examples.

    Raises:
        ConfigError: If a name is unknown, or lm-eval cannot build a task.
    """
    loaded = load_tasks(task_manager(tasks, include_path=include_path), tasks)["tasks"]
    return {
        name: [tuple(dict.fromkeys(_texts(task, doc))) for doc in task.eval_docs]
        for name, task in loaded.items()
    }


def _texts(task: Any, doc: Mapping[str, Any]) -> Iterator[str]:
    choices = task.doc_to_choice(doc) if task.get_config("doc_to_choice") is not None else ()

    def text_of(part: Any) -> str:
        # lm-eval lets a number stand for a choice, in the place of the question, too
        at_choice = isinstance(part, int) and 0 <= part < len(choices)
        return str(choices[part] if at_choice else part)

    question, target = text_of(task.doc_to_text(doc)), task.doc_to_target(doc)
    answers = [text_of(part) for part in (target if isinstance(target, list) else [target])]
    # a sentence that is to be completed is itself only with its end
    texts = (question, *map(str, choices), *answers, *(f"{question} {a}" for a in answers))
    yield from filter(None, map(str.strip, texts))
