"""What becomes of lm-eval's samples: items, all metrics, categories and corpus scores, by hand."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from lm_eval.api.registry import get_aggregation
from lm_eval.tasks.kobest.utils import macro_f1_score

from polyglot_harness.errors import StageError
from polyglot_harness.lm.corpus_scores import corpus_score
from polyglot_harness.lm.task_scores import score_task
from polyglot_harness.spec import Measurement

MEAN = get_aggregation("mean")


def samples(*rows: dict[str, Any], of: str = "none") -> list[dict[str, Any]]:
    """lm-eval's samples; what is no metric (id, category) is a field of the document."""
    fields = ("id", "category")
    return [
        {
            "doc_id": number,
            "doc": {k: v for k, v in row.items() if k in fields},
            "filter": of,
            "metrics": [k for k in row if k not in fields],
            **{k: v for k, v in row.items() if k not in fields},
        }
        for number, row in enumerate(rows)
    ]


def scored(
    found: list[dict[str, Any]], **aggregations: Callable[..., Any]
) -> tuple[dict[str, Measurement], list[dict[str, Any]]]:
    measured, items = score_task("t", "de", found, aggregations, num_fewshot=2, seed=0)
    assert len({m.name for m in measured}) == len(measured)
    assert measured[0].name == "t"
    return {m.name: m for m in measured}, items


# --- items and metrics -------------------------------------------------------------------------


def test_a_metric_that_is_a_mean() -> None:
    found, items = scored(samples(*[{"acc": v} for v in (1, 0, True, np.float64(0.5))]), acc=MEAN)
    m = found["t"]
    # variance of 1 0 1 .5 is .2292
    assert (m.value, m.stderr, m.n) == (0.625, pytest.approx(math.sqrt(0.6875 / 3 / 4)), 4)
    assert dict(m.params) == {"metric": "acc", "filter": "none", "num_fewshot": 2}
    assert items == [{"item": str(i), "score": v} for i, v in enumerate((1.0, 0.0, 1.0, 0.5))]
    assert list(found) == ["t"]


def test_documents_of_one_id_are_one_item() -> None:
    rows = [("a", 1, 0.2), ("a", 0, 0.4), ("b", 1, 0.6), ("b", 1, 0.8)]
    found, items = scored(
        samples(*[{"id": i, "acc": acc, "p": p} for i, acc, p in rows]), acc=MEAN, p=MEAN
    )
    assert items == [{"item": "a", "score": 0.5}, {"item": "b", "score": 1.0}]
    assert (found["t"].value, found["t"].n) == (0.75, 2)
    assert found["t"].stderr == pytest.approx(0.25)  # of .5 and 1
    assert found["t:p"].value == pytest.approx(0.5) and found["t:p"].n == 2
    assert dict(found["t"].params)["documents"] == 4


def test_an_id_of_none_is_no_id() -> None:
    _, items = scored(samples({"id": None, "acc": 1}, {"id": None, "acc": 0}), acc=MEAN)
    assert [row["item"] for row in items] == ["0", "1"]


def test_categories() -> None:
    rows = [("x", 1), ("x", 0), ("x", 1), ("x", 0), ("y", 1), ("y", 1), ("y", 0)]
    found, items = scored(samples(*[{"category": c, "acc": v} for c, v in rows]), acc=MEAN)
    assert list(found) == ["t", "t:macro", "t:category=x", "t:category=y"]
    assert found["t"].value == pytest.approx(4 / 7)  # weighted by size
    assert found["t:macro"].value == pytest.approx((1 / 2 + 2 / 3) / 2)
    # var 1/3 over 4 items, and 1/3 over 3
    assert found["t:macro"].stderr == pytest.approx(math.sqrt(1 / 12 + 1 / 9) / 2)
    assert (found["t:category=x"].value, found["t:category=x"].n) == (0.5, 4)
    assert found["t:category=y"].stderr == pytest.approx(1 / 3)
    assert items[-1] == {"item": "6", "score": 0.0, "category": "y"}


@pytest.mark.parametrize("categories", [["x"] * 70, [str(i) for i in range(70)], [1, 2] * 35])
def test_what_is_no_category(categories: list[Any]) -> None:
    found, items = scored(samples(*[{"category": c, "acc": 1} for c in categories]), acc=MEAN)
    assert list(found) == ["t"] and "category" not in items[0]


def test_filters_have_their_own_measurements() -> None:
    strict = samples({"exact": 1, "len": 3.0}, {"exact": 0, "len": 5.0}, of="strict")
    loose = samples({"exact": 1, "len": 3.0}, {"exact": 1, "len": 5.0}, of="loose")
    found, items = scored(strict + loose, exact=MEAN, len=MEAN)
    values = {name: m.value for name, m in found.items()}
    assert values == {"t": 0.5, "t:len,strict": 4.0, "t:exact,loose": 1.0, "t:len,loose": 4.0}
    assert dict(found["t:exact,loose"].params)["filter"] == "loose"
    assert [row["score"] for row in items] == [1.0, 0.0]


def test_a_corpus_metric_stands_beside_the_primary_one() -> None:
    pairs = [(0, 0), (0, 1), (1, 1), (1, 1)]
    rows = [{"f1": pair, "acc": float(pair[0] == pair[1])} for pair in pairs]
    found, _ = scored(samples(*rows), acc=MEAN, f1=macro_f1_score)
    assert found["t"].value == 0.75
    assert found["t:f1"].value == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["t:f1"].stderr is not None and found["t:f1"].n == 4


def test_without_a_number_per_document_there_are_no_items() -> None:
    pairs = [("ein Haus", "ein Haus"), ("ein Baum", "der Baum")]
    rows = samples(*[{"bleu": p, "chrf": p} for p in pairs])
    found, items = scored(rows, bleu=get_aggregation("bleu"), chrf=get_aggregation("chrf"))
    assert items == [] and list(found) == ["t", "t:chrf"]
    assert dict(found["t"].params)["metric"] == "bleu"
    assert found["t:chrf"].value == pytest.approx(get_aggregation("chrf")(pairs))


def test_a_number_whose_aggregate_is_no_mean() -> None:
    found, items = scored(samples({"p": -1.0}, {"p": -3.0}), p=get_aggregation("perplexity"))
    assert found["t"].value == -2.0 and [row["score"] for row in items] == [-1.0, -3.0]
    assert found["t:p"].value == pytest.approx(math.exp(2))


def test_a_metric_that_some_documents_lack() -> None:
    found, _ = scored(samples({"acc": 1, "em": 1}, {"acc": 0}, {"acc": 0, "em": 0}), acc=MEAN)
    assert (found["t"].n, found["t:em"].n, found["t:em"].value) == (3, 2, 0.5)


def test_no_documents() -> None:
    with pytest.raises(StageError, match="task t: no items"):
        scored([])


# --- corpus scores -----------------------------------------------------------------------------


def renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, of which no quick way is known."""
    return lambda values: function(values)


def corpus(values: Sequence[Any], aggregation: Callable[..., Any], **more: Any) -> Measurement:
    units = more.pop("units", range(len(values)))
    return corpus_score("m", "de", values, units, aggregation, **{"seed": 0, **more})


def labels(n: int, classes: int) -> list[tuple[int, Any]]:
    rng = random.Random(n)
    return [(rng.randrange(classes), np.int64(rng.randrange(classes))) for _ in range(n)]


def texts(n: int) -> list[tuple[str, str]]:
    rng = random.Random(n)
    words = "der die das Haus Baum Weg ist war steht am im alt neu hoch".split()
    said = [[rng.choice(words) for _ in range(8)] for _ in range(n)]
    return [(" ".join(s), " ".join([*s[:5], *rng.sample(words, 3)])) for s in said]


@pytest.mark.parametrize(
    ("values", "aggregation"),
    [
        (labels(12, 2), macro_f1_score),
        (labels(90, 4), macro_f1_score),
        (texts(20), get_aggregation("bleu")),
        (texts(20), get_aggregation("chrf")),
        (texts(20), get_aggregation("chrf++")),
        (texts(6), get_aggregation("ter")),
    ],
)  # fmt: skip
def test_the_quick_way_gives_what_the_tasks_own_function_gives(
    values: Sequence[Any], aggregation: Callable[..., Any]
) -> None:
    quick, slow = corpus(values, aggregation), corpus(values, renamed(aggregation))
    assert quick.value == slow.value == float(aggregation(values))
    for field in ("stderr", "low", "high"):
        assert getattr(quick, field) == pytest.approx(getattr(slow, field), rel=1e-9)
    assert quick.params == slow.params == (("resamples", 200),)
    assert quick.low is not None and quick.high is not None and quick.value is not None
    assert quick.low <= quick.value <= quick.high


@pytest.mark.parametrize(
    "values",
    [[("a", None), ("a", "a"), ("b", 1)] * 3, [([1, 0], [1, 1])] * 4, [0.5, 1.0], [((), ())] * 2],
)
def test_labels_that_no_order_or_hash_holds_for(values: Sequence[Any]) -> None:
    def macro_f1(found: Sequence[Any]) -> float:
        return len(found) / 8

    m = corpus(values, macro_f1)
    assert (m.value, m.stderr) == (len(values) / 8, 0)


def test_the_bootstrap_of_a_mean_has_its_standard_error() -> None:
    values = [float(v) for v in np.random.default_rng(0).random(400)]
    m = corpus(values, np.mean)
    assert m.stderr == pytest.approx(np.std(values, ddof=1) / 20, rel=0.15)
    assert corpus(values, np.mean) == m != corpus(values, np.mean, seed=1)


def test_a_resample_draws_items_with_all_their_documents() -> None:
    """Two documents that are one item are drawn together: their sum is always the same."""
    values, units = [1.0, 0.0] * 10, [i // 2 for i in range(20)]
    m = corpus(values, np.mean, units=units)
    assert (m.value, m.stderr, m.n) == (0.5, 0.0, 10)
    assert dict(m.params)["documents"] == 20
    alone = corpus(values, np.mean)
    assert alone.stderr is not None and alone.stderr > 0.05


@pytest.mark.parametrize(
    ("aggregation", "note"),
    [
        (lambda values: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda values: exit("the tokenizer cannot be had"), "SystemExit: the tokenizer cannot be"),
        (lambda values: float("nan"), "the aggregate is nan"),
        (lambda values: None, "TypeError: "),
    ],
)
def test_an_aggregation_that_fails_is_no_value_and_a_note(
    aggregation: Callable[..., Any], note: str
) -> None:
    m = corpus([1.0, 2.0], aggregation)
    assert (m.value, m.stderr, m.n) == (None, None, 2)
    assert str(dict(m.params)["note"]).startswith(note)


def test_what_an_aggregation_says_of_its_failure_is_the_note() -> None:
    def aggregation(values: Sequence[float]) -> float:
        logging.getLogger("polyglot_harness.some").warning("no tokenizer at %s", "/x")
        return float("nan")

    assert dict(corpus([1.0, 2.0], aggregation).params) == {"note": "no tokenizer at /x"}


def test_one_item_has_no_error() -> None:
    m = corpus([(1, 1)], macro_f1_score)
    assert (m.value, m.stderr, m.low, m.n) == (1.0, None, None, 1)
