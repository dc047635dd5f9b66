"""The embedded evaluation suite ``polyglot_mini_<lang>``: its data set and its scores.

lm-eval resolves relative ``data_files`` against the current directory, so the tasks load their
items through :func:`load_items` (``custom_dataset`` in the YAML). All tasks report one number under
one name, ``acc``: for minimal pairs the sentence of the higher log-probability must be the right
one (:func:`score_pair`), for choices that of the higher log-probability per UTF-8 byte
(:func:`score_choice`), which does not favour short answers or any tokenizer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyglot_harness.assets import tasks_path

if TYPE_CHECKING:
    import datasets

TASKS = ("continuation", "word_order", "agreement", "word_translation", "capitals")
LogLikelihood = tuple[float, bool]


def load_items(
    *,
    language: str,
    items: str,
    folder: str | None = None,
    config_source: str | None = None,
    **_metadata: object,
) -> dict[str, datasets.Dataset]:
    """Load the items of one task as lm-eval's ``custom_dataset``.

    Args:
        language: the language pack, ``dataset_kwargs`` of the YAML.
        items: the task, one of :data:`TASKS`.
        folder: a folder of language packs to read instead (``--metadata '{"folder": "..."}'``).
        config_source: the YAML's own path, which lm-eval puts into the metadata.
        _metadata: all else that lm-eval passes on (the version, the model's arguments).

    Returns:
        the one split ``test``.
    """
    import datasets

    path = items_path(language, items, folder=folder, config_source=config_source)
    return {"test": datasets.Dataset.from_list(read_items(path))}


def items_path(
    language: str, items: str, *, folder: str | None = None, config_source: str | None = None
) -> Path:
    """Return the data file of a task: in ``folder``, ``POLYGLOT_TASKS``, or beside the YAML.

    Without any of the three it is that of the packs that come with the package.
    """
    name = Path("mini") / f"{items}.jsonl"
    if folder is not None:
        return Path(folder) / language / name
    if config_source is not None and not os.environ.get("POLYGLOT_TASKS"):
        beside = Path(config_source).parent / name
        if beside.is_file():
            return beside
    return tasks_path() / language / name


def read_items(path: Path) -> list[dict[str, Any]]:
    """Read a data file, one item a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def score_choice(doc: Mapping[str, Any], results: Iterable[LogLikelihood]) -> dict[str, float]:
    """Score one item by the log-probability per UTF-8 byte of each choice."""
    sizes = [len(choice.encode("utf-8")) for choice in doc["choices"]]
    values = [value for value, _ in results]
    return _accuracy([value / size for value, size in zip(values, sizes, strict=True)], doc)


def score_pair(doc: Mapping[str, Any], results: Iterable[LogLikelihood]) -> dict[str, float]:
    """Score one item by the summed log-probability of each sentence."""
    return _accuracy([value for value, _ in results], doc)


def _accuracy(values: Sequence[float], doc: Mapping[str, Any]) -> dict[str, float]:
    """Return 1 if the answer is better than every other choice; a tie is not a right answer."""
    answer = values[doc["answer"]]
    others = [value for index, value in enumerate(values) if index != doc["answer"]]
    return {"acc": float(all(answer > value for value in others))}
