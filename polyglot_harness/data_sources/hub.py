"""Data sets of the `datasets` library: of the Hugging Face Hub, or in a folder.

They are mapped from the disk, not loaded into memory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyglot_harness.data_sources.tables import Rows
from polyglot_harness.errors import ConfigError, MissingDependency, first_line
from polyglot_harness.intrinsic.samples import BLOCK

PREFIX = "hf:"
LANGUAGE = re.compile(r"^[A-Za-z]{2,3}=")
"""What may stand before DATA: the language of rows that do not say theirs."""
NAME = re.compile(r"(?P<name>[^:@]+)(?::(?P<config>[^@]*))?(?:@(?P<split>.+))?")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(:[^@]+)?(@.+)?")
SAVED = ("dataset_info.json", "dataset_dict.json")
"""What `save_to_disk` leaves in a folder, for one split or for several."""


@dataclass(frozen=True)
class HubTable:
    """A data set of the library."""

    name: str
    dataset: Any
    """A `datasets.Dataset`."""

    @property
    def identity(self) -> Any:
        """The library's fingerprint: of the files and all that was done to them."""
        return ["datasets", self.dataset._fingerprint, len(self.dataset)]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(self.dataset.column_names)

    def rows(self, columns: Collection[str]) -> Rows:
        """Yield the rows."""
        chosen = self.dataset.select_columns([name for name in self.columns if name in columns])
        for block in chosen.with_format("arrow").iter(BLOCK):
            yield from block.to_pylist()


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return any((folder / name).is_file() for name in SAVED)


def looks_like_hub(text: str) -> bool:
    """Whether this may be the name of a data set of the hub, e.g. ``ORG/NAME:CONFIG@SPLIT``.

    Not where there is a folder ORG: then it is the name of a file that was mistyped, and nobody
    wants to wait for a hub to say so.
    """
    if text.startswith(PREFIX):
        return True
    return bool(HUB_NAME.fullmatch(text)) and not Path(text).parent.is_dir()


def ask_the_hub(texts: Iterable[str]) -> None:
    """Let the libraries ask the hub where one of DATA may be of it; before they are imported."""
    names = (LANGUAGE.sub("", text) for text in texts)
    if any(looks_like_hub(name) and not Path(name).exists() for name in names):
        # TRANSFORMERS_OFFLINE is the hub's second name for it
        os.environ.setdefault("HF_HUB_OFFLINE", os.environ.get("TRANSFORMERS_OFFLINE", "0"))


def load(text: str) -> HubTable:
    """Load a data set.

    Args:
        text: ``[hf:]NAME[:CONFIG][@SPLIT]``; NAME is ``ORG/NAME`` of the hub, or a folder.

    Raises:
        ConfigError: If it cannot be loaded, or has several splits and none is named.
        MissingDependency: If the library is not there.
    """
    try:
        import datasets
    except ImportError:
        raise MissingDependency("datasets", "train") from None
    match = NAME.fullmatch(text.removeprefix(PREFIX))
    if not match:
        raise ConfigError(f"{text}: expected hf:NAME, with :CONFIG and @SPLIT where needed")
    name, config, split = match["name"], match["config"] or None, match["split"]
    folder = Path(name)
    try:
        if is_saved(folder):
            found = datasets.load_from_disk(name)
        else:
            found = datasets.load_dataset(name, config)
    except Exception as error:  # of the network, the hub, the files: the library has no base class
        kind = "data set" if folder.exists() else "file, folder or data set of the hub"
        raise ConfigError(
            f"{text}: no {kind} could be loaded under this name: {type(error).__name__}: "
            f"{first_line(error)}"
        ) from error
    return HubTable(text, _split(found, split, text))


def _split(found: Any, split: str | None, text: str) -> Any:
    if not isinstance(found, dict):
        return found
    splits = ", ".join(found)
    if split is None and len(found) == 1:
        return next(iter(found.values()))
    if split is None:
        raise ConfigError(f"{text}: has several splits ({splits}); name one: {text}@SPLIT")
    if split not in found:
        raise ConfigError(f"{text}: no split {split!r}; splits: {splits}")
    return found[split]
