"""Metrics of a whole corpus, as macro-F1 or chrF++: their value and a bootstrap over items.

A resample draws as many items as there are, each with all its documents. Where sacrebleu computes
the metric its n-gram counts are drawn in place of the texts, and a macro-F1 is that of counts of
classes: the task's own function on each resample would take seconds to minutes.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import first_line
from polyglot_harness.intrinsic.estimate import interval
from polyglot_harness.spec import Measurement, Pairs, key_hash

RESAMPLES = 200
Aggregation = Callable[[Sequence[Any]], Any]
Score = Callable[[NDArray[np.float64]], float]
"""From the summed counts of a corpus to its score."""


def corpus_score(
    name: str,
    language: str,
    values: Sequence[Any],
    units: Sequence[int],
    aggregation: Aggregation,
    *,
    seed: int,
    params: Pairs = (),
) -> Measurement:
    """Return what a task's aggregation makes of its documents' values.

    Args:
        name: Of the measurement.
        language: Code.
        values: Of each document, as the task's ``process_results`` gives them.
        units: Number of each document's item, from 0.
        aggregation: The task's function from values to one number.
        seed: Of the bootstrap.
        params: Of the measurement.

    Returns:
        The value, its bootstrap error and 95 % interval; no value, and a note, where the
        aggregation fails (for lack of a tokenizer, say) or gives no number.
    """
    n = max(units, default=-1) + 1
    params += (("documents", len(values)),) if len(values) > n else ()
    with _heard() as said:
        value, note = _value(aggregation, values)
    note = next(iter(said), note)
    if value is None:
        return Measurement(
            name=name, language=language, value=None, stderr=None, n=n,
            params=(*params, ("note", note)),
        )  # fmt: skip
    signature = getattr(aggregation, "signature", None)
    params += (("signature", signature()),) if signature else ()
    if n < 2:
        return Measurement(
            name=name, language=language, value=value, stderr=None, n=n, params=params
        )
    found = _resampled(values, np.asarray(units), n, aggregation, value, seed)
    drawn = [d for d in found if d == d]
    low, high = interval(drawn) if drawn else (None, None)
    return Measurement(
        name=name, language=language, value=value, n=n, low=low, high=high,
        stderr=float(np.std(drawn, ddof=1)) if len(drawn) > 1 else None,
        params=(*params, ("resamples", len(drawn))),
    )  # fmt: skip


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect our warnings: why an aggregation gives no number, it may say in one."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger, disabled = logging.getLogger("polyglot_harness"), logging.root.manager.disable
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    logging.disable(logging.NOTSET)  # the command line keeps warnings off the terminal
    try:
        yield said
    finally:
        logging.disable(disabled)
        logger.removeHandler(handler)
        logger.propagate = propagate


def _value(aggregation: Aggregation, values: Sequence[Any]) -> tuple[float | None, str]:
    """Return the aggregate, or None and why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of classes that nothing is predicted for
            value = float(aggregation(list(values)))
    # whatever a task's function raises, the other metrics stand; the last is sacrebleu's
    except (Exception, SystemExit) as error:
        return None, f"{type(error).__name__}: {first_line(error)}"
    return (value, "") if math.isfinite(value) else (None, f"the aggregate is {value}")


def _resampled(
    values: Sequence[Any],
    units: NDArray[np.int64],
    n: int,
    aggregation: Aggregation,
    value: float,
    seed: int,
) -> list[float]:
    """Return the aggregate of each resample, NaN where there is none; `value` is that of all."""
    rng = np.random.default_rng(int.from_bytes(key_hash("bootstrap", seed)[:8], "big"))
    counts = np.array([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(RESAMPLES)])
    quick = _statistics(aggregation, values)
    if quick:
        statistics, score = quick
        sums = np.zeros((n, statistics.shape[1]))
        np.add.at(sums, units, statistics)
        return [score(row) for row in counts @ sums]
    if "macro_f1" in getattr(aggregation, "__name__", ""):
        weights = np.vstack([np.ones(n, dtype=int), counts])[:, units]
        try:
            whole, *drawn = map(float, _macro_f1(values, weights))
        except (TypeError, ValueError, LookupError):  # no pairs of two labels
            whole = math.nan
        # by its name, and by what it makes of all
        if math.isclose(whole, value, abs_tol=1e-12):
            return drawn
    found = []
    for times in counts:
        rows = np.repeat(np.arange(len(values)), times[units]).tolist()
        one, _ = _value(aggregation, [values[row] for row in rows])
        found.append(math.nan if one is None else one)
    return found


def _macro_f1(pairs: Sequence[Any], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean F1 of the classes that occur, as scikit-learn's.

    Args:
        pairs: (gold, prediction) of each document.
        weights: [resamples, documents], how often each counts.

    Returns:
        [resamples].
    """
    # labels need not be of one type: None may stand for a reply that gives none
    classes = list(dict.fromkeys(side for pair in pairs for side in pair))
    gold, predicted = (
        np.array([[pair[i] == c for c in classes] for pair in pairs]) for i in (0, 1)
    )
    both = weights @ gold + weights @ predicted
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanmean(2 * (weights @ (gold & predicted)) / both, axis=1))


def _statistics(
    aggregation: Aggregation, pairs: Sequence[Any]
) -> tuple[NDArray[np.float64], Score] | None:
    """Return each document's counts and their score, if sacrebleu computes the metric."""
    metric = _sacrebleu_metric(aggregation)
    if metric is None:
        return None
    references = [[r] if isinstance(r, str) else list(r) for r, _ in pairs]
    predictions = [p if isinstance(p, str) else p[0] for _, p in pairs]
    if len({len(r) for r in references}) != 1:
        return None
    # sacrebleu's significance tests go by the same, not public, two methods
    found = metric._extract_corpus_statistics(predictions, list(zip(*references, strict=True)))
    return np.array(found, dtype=float), lambda sums: float(
        metric._compute_score_from_stats(sums.tolist()).score
    )


def _sacrebleu_metric(aggregation: Aggregation) -> Any:
    """Return sacrebleu's metric that an aggregation over (reference, prediction) computes."""
    from lm_eval.api.registry import get_aggregation
    from sacrebleu.metrics import BLEU, CHRF, TER

    made = {"bleu": BLEU, "chrf": CHRF, "chrf++": lambda: CHRF(word_order=2), "ter": TER}
    return next((make() for n, make in made.items() if get_aggregation(n) is aggregation), None)
