"""Load metrics of Hugging Face's ``evaluate`` only where a task calls them.

lm-eval fetches the script of a metric with ``hf_evaluate: true`` when the task is built, though it
computes the macro-F1 of multiple choice, as KoBEST's, by itself: seconds a task where there is no
hub, and code from the hub where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from polyglot_harness.errors import StageError, unknown_name


@contextmanager
def lazy_metrics() -> Iterator[None]:
    """Within, tasks are built without such metrics; the first call of one loads it."""
    import lm_eval.api.task as user
    from lm_eval.api.registry import METRIC_REGISTRY

    original: Callable[..., Callable[..., Any] | None] = user.get_metric
    load = cache(original)

    def get_metric(name: str, hf_evaluate_metric: bool = False) -> Callable[..., Any] | None:
        if not hf_evaluate_metric:
            found = original(name)
            if found is None:
                raise unknown_name("metric", name, METRIC_REGISTRY)
            return found

        def compute(*args: Any, **kwargs: Any) -> Any:
            found = load(name, True)
            if found is None:
                raise StageError(
                    f"metric {name!r} of Hugging Face's evaluate cannot be loaded; it is a script "
                    "of the hub"
                )
            return found(*args, **kwargs)

        return compute

    user.get_metric = get_metric
    try:
        yield
    finally:
        user.get_metric = original
