"""What the metrics of a judge share: ask each judge, keep the scores of each example, sum up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic.estimate import mean, share
from polyglot_harness.intrinsic.judging.criteria import HIGHEST, LOWEST, Rubric
from polyglot_harness.intrinsic.samples import BLOCK, spread
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.spec import Measurement, Pairs, RunSpec, TeacherCard, pairs

if TYPE_CHECKING:
    from polyglot_harness.intrinsic import MeasureInput
    from polyglot_harness.intrinsic.judging.judgements import Judgements

Scores = NDArray[np.floating[Any]]


def depends_on(rubric: Rubric, spec: RunSpec) -> dict[str, Any]:
    """Return the judges, how they are asked, and the wording."""
    from polyglot_harness.intrinsic.judging import asking, verdicts
    from polyglot_harness.provenance import relevant
    from polyglot_harness.teachers import is_served

    here = {} if all(is_served(j.model) for j in spec.judges) else {
        "batch_size": spec.batch_size, "device": spec.device, "chunk_size": spec.chunk_size,
    }  # fmt: skip
    libraries = ("lm_eval", "torch", "transformers", "vllm") if here else ()
    return {
        "rubric": rubric.digest,
        "judges": [_identity(judge) for judge in spec.judges],
        "asked": [dict(asking.SETTINGS), dict(asking.AGAIN), asking.COMPLETION_STOPS],
        "read": verdicts.VERSION,
        "attempts": spec.judge_attempts,
        "limit": spec.metric_limit,
        "versions": [pairs(here), relevant(*libraries, "scikit-learn")],
    }


def _identity(judge: TeacherCard) -> list[Any]:
    """Return what decides a judge's replies; its name is part of the values' names."""
    from polyglot_harness.lm.load import model_identity
    from polyglot_harness.teachers import shaping_args

    args = {k: model_identity(str(v)) if k == "pretrained" else v for k, v in shaping_args(judge)}
    return [judge.name, judge.model, args, judge.form, judge.reply_format, judge.gen_kwargs]


def measure(rubric: Rubric, data: MeasureInput, values: Values) -> tuple[Measurement, ...]:
    """Have all judges rate the examples, and measure by their scores.

    Args:
        rubric: What is rated.
        data: Examples and judges.
        values: Gets the scores of each example; of several judges also those of each, their names
            ending with the judge's.

    Returns:
        The score and each criterion, over the examples that all judges rated; the share of
        examples without a score, with its reasons; all of these of each judge, where there are
        several; and their agreement.

    Raises:
        ConfigError: If there is no judge, or two have one name.
        MissingDependency: If the agreement of several judges cannot be computed.
        HarnessError: What stopped a judge; judgements that had arrived are kept.
    """
    names = tuple(judge.name for judge in data.spec.judges)
    _check(rubric, names)
    n = len(data.data)
    chosen = np.array(sorted(spread(n, data.spec.metric_limit)), dtype=np.int64)
    found = [_ask(rubric, data, chosen, number) for number in range(len(names))]
    scores = [judged.scores for judged in found]
    combined: Scores = np.mean(scores, axis=0, dtype=np.float64)  # NaN where any judge has none
    _write(values, n, chosen, _columns(rubric, names, scores, combined))
    about = pairs({"judges": names, "rubric": rubric.digest})
    measured = _summary(rubric, data, values, "", combined, found, about)
    if len(names) > 1:
        for judge, judged in zip(names, found, strict=True):
            own = pairs({"judges": (judge,), "rubric": rubric.digest})
            measured += _summary(rubric, data, values, f"_{judge}", judged.scores, [judged], own)
        measured += _agreement(rubric, data.pack.code, scores, about)
    return tuple(measured)


def _check(rubric: Rubric, names: Sequence[str]) -> None:
    """Raise what would be raised after the judges were paid."""
    if not names:
        raise ConfigError(f"the metric {rubric.name} needs a judge: name one with --judge")
    if doubled := [name for name, n in Counter(names).items() if n > 1]:
        raise ConfigError(f"two judges are named {doubled[0]!r}; give them different names")
    if len(names) > 1:
        from polyglot_harness.intrinsic.judging.agreement import require

        require()


def _ask(rubric: Rubric, data: MeasureInput, chosen: NDArray[np.int64], number: int) -> Judgements:
    """Return what one of the judges says."""
    from polyglot_harness.intrinsic.judging.judgements import Judgements, judge_all

    n, judges = len(chosen), data.spec.judges
    if not n:
        return Judgements(np.empty((0, len(rubric.criteria)), dtype=np.float32))
    return judge_all(
        data.judge_lm(judges[number]),
        judges[number],
        rubric,
        data.pack,
        data.data,
        chosen,
        data.spec,
        folder=data.judgements(judges[number]),
        spending=data.spending,
        progress=lambda done: data.progress(number * n + min(done, n), len(judges) * n),
    )


def _labels(rubric: Rubric) -> tuple[str, ...]:
    """Return the names of the score and of the criteria; one name where they are the same."""
    if len(rubric.criteria) == 1:
        return (rubric.name,)
    return (f"{rubric.name}_score", *(f"{rubric.name}_{name}" for name in rubric.names))


def _with_score(scores: Scores) -> Scores:
    """Return the score beside the criteria: [examples, labels]."""
    if scores.shape[1] == 1:
        return scores
    return np.column_stack([scores.mean(axis=1, dtype=np.float64), scores])


def _columns(
    rubric: Rubric, names: Sequence[str], scores: Sequence[Scores], combined: Scores
) -> dict[str, Scores]:
    """Return column -> score of each example that was chosen."""
    by_suffix = {"": combined}
    if len(names) > 1:
        by_suffix |= {f"_{name}": own for name, own in zip(names, scores, strict=True)}
    return {
        f"{label}{suffix}": column
        for suffix, table in by_suffix.items()
        for label, column in zip(_labels(rubric), _with_score(table).T, strict=True)
    }


def _write(values: Values, n: int, chosen: NDArray[np.int64], columns: dict[str, Scores]) -> None:
    """Write the rows that are not there, NaN for examples that were not chosen."""
    for start in range(values.rows, n, BLOCK):
        stop = min(start + BLOCK, n)
        first, last = np.searchsorted(chosen, [start, stop])
        block = {name: np.full(stop - start, np.nan) for name in columns}
        for name, column in columns.items():
            block[name][chosen[first:last] - start] = column[first:last]
        values.add(**block)


def _summary(
    rubric: Rubric,
    data: MeasureInput,
    values: Values,
    suffix: str,
    scores: Scores,
    judged: Sequence[Judgements],
    params: Pairs,
) -> list[Measurement]:
    code = data.pack.code
    missing = int(np.isnan(scores).any(axis=1).sum())
    reasons: Counter[str] = sum((j.reasons for j in judged), Counter())
    costs = [j.cost for j in judged if j.cost is not None]
    spent: dict[str, Any] = {
        "missing": missing,
        "reasons": dict(reasons),
        "tokens_in": sum(j.tokens_in for j in judged),
        "tokens_out": sum(j.tokens_out for j in judged),
    }
    if len(costs) == len(judged):
        spent["cost_usd"] = round(sum(costs), 6)
    about = (*params, *pairs(spent))
    return [
        *(mean(f"{m}{suffix}", code, values, f"{m}{suffix}", params=params)
          for m in _labels(rubric)),
        share(f"{rubric.name}_missing{suffix}", code, missing, len(scores), about),
    ]  # fmt: skip


def _agreement(
    rubric: Rubric, code: str, scores: Sequence[Scores], params: Pairs
) -> Iterator[Measurement]:
    """Yield how far judges agree on the score, then on each criterion, where all rated."""
    from polyglot_harness.intrinsic.judging.agreement import agreement

    table = np.stack(scores)  # [judges, examples, criteria]
    rated = table[:, np.isfinite(table).all(axis=(0, 2))].astype(np.int64) - LOWEST
    levels = HIGHEST - LOWEST
    yield from agreement(
        rubric.name, code, rated.sum(axis=2).T, levels * len(rubric.criteria) + 1, params
    )
    if len(rubric.criteria) > 1:
        for number, name in enumerate(rubric.names):
            yield from agreement(
                f"{rubric.name}_{name}",
                code,
                rated[:, :, number].T,
                levels + 1,
                params,
                with_kappa=False,
            )
