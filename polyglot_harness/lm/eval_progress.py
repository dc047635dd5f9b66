"""The progress of lm-eval: its inner bars move ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from polyglot_harness.reporting import Progress

_OF_REQUESTS = ("Running", "Requesting")
"""How lm-eval's bars over requests begin; others are over documents."""


@contextmanager
def reported(progress: Progress) -> Iterator[None]:
    """Hide lm-eval's progress bars; those over requests call `progress` with (done, total)."""
    import tqdm as package  # type: ignore[import-untyped]

    original: Any = package.tqdm

    class Bar(original):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.counts = str(kwargs.get("desc", "")).startswith(_OF_REQUESTS)
            super().__init__(*args, **{**kwargs, "disable": True})
            self.done = 0

        def update(self, n: float | None = 1) -> None:
            if self.counts:
                self.done += int(n or 0)
                progress(self.done, int(self.total or 0))

    # those that have imported it by name; a student behind a server needs no torch
    names = ("lm_eval.api.model", "lm_eval.models.huggingface", "lm_eval.models.api_models")
    users = [package, *(sys.modules[name] for name in names if name in sys.modules)]
    for user in users:
        user.tqdm = Bar
    try:
        yield
    finally:
        for user in users:
            user.tqdm = original
