"""z-scores and their pools by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from scored import BASE, REFERENCE, cell

from polyglot_harness.errors import ConfigError
from polyglot_harness.scoring import Anchors, Pool, load_pool, pool_of, score_cells, z_of

ANCHORS = {"de": Anchors(BASE, REFERENCE)}


def test_z_by_hand() -> None:
    cells = [
        {"prompt_distinct_ri": 0.1, "perplexity": math.e - 1},  # -log1p: -1
        {"prompt_distinct_ri": 0.3, "perplexity": math.e**3 - 1},  # -3
    ]
    pool = pool_of(cells)
    assert [m for m, *_ in pool.moments] == ["prompt_distinct_ri", "perplexity"]
    assert pool.moments[1][1:] == pytest.approx((-2, 1))
    assert [z_of(c, pool) for c in cells] == pytest.approx([0, 0])
    assert z_of({**cells[1], "perplexity": math.e - 1}, pool) == pytest.approx(1)


def test_z_uses_the_population_sd() -> None:
    cells = [{"rubric_score": v} for v in (1.0, 2.0, 3.0)]
    pool = pool_of(cells)
    assert [z_of(c, pool) for c in cells] == pytest.approx([-math.sqrt(1.5), 0, math.sqrt(1.5)])


def test_a_metric_without_spread_counts_as_zero() -> None:
    cells = [{"rubric_score": 3.0, "prompt_distinct_ri": v} for v in (0.1, 0.2)]
    pool = pool_of(cells)
    assert [z_of(c, pool) for c in cells] == pytest.approx([-0.5, 0.5])


@pytest.mark.parametrize("absent", [{}, {"rubric_score": None}, {"rubric_score": math.inf}])
def test_a_metric_missing_for_one_cell_leaves_only_that_cell_without_z(
    absent: dict[str, float | None],
) -> None:
    cells = [{"rubric_score": 1.0, "perplexity": 3.0}, {"rubric_score": 3.0, "perplexity": 3.0}]
    pool = pool_of([*cells, {"perplexity": 3.0, **absent}])
    assert [z_of(c, pool) for c in cells] == pytest.approx([-0.5, 0.5])
    assert z_of({"perplexity": 3.0, **absent}, pool) is None
    assert pool.size == 2


def test_a_metric_missing_for_all_is_no_part_and_the_label_says_so() -> None:
    pool = pool_of([{"perplexity": 3.0}, {"perplexity": 5.0}])
    without = "without prompt_distinct_ri, response_distinct_ri, rubric_score"
    assert pool.label == f"{pool.name} {without}"
    assert pool.name.startswith("cells@")
    assert z_of({}, pool_of([{}])) is None


def test_pool_does_not_depend_on_the_order_of_cells() -> None:
    cells = [{"prompt_distinct_ri": 0.1 * i, "perplexity": 3.0 + i} for i in range(5)]
    assert pool_of(cells) == pool_of(cells[::-1])
    assert pool_of(cells).name != pool_of(cells[:4]).name


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_frozen_pool(tmp_path: Path) -> None:
    file = {
        "name": "v1",
        "mean": {"rubric_score": 3, "perplexity": -2},
        "sd": {"rubric_score": 0.5, "perplexity": 1},
    }
    pool = load_pool(write(tmp_path / "pool.json", file))
    assert pool == Pool("v1", (("perplexity", -2.0, 1.0), ("rubric_score", 3.0, 0.5)))
    assert pool.label == "v1 without prompt_distinct_ri, response_distinct_ri"
    cells = [cell("a", rubric_score=4.0, perplexity=math.e - 1), cell("b", perplexity=3.0)]
    first, second = score_cells(cells, ANCHORS, pool=pool)
    assert first.z == pytest.approx((2 + 1) / 2)
    assert second.z is None and "rubric_score" in second.missing
    # another teacher does not move it
    alone = score_cells(cells[:1], ANCHORS, pool=pool)
    assert (alone[0].z, alone[0].pool) == (first.z, pool.label)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "v1", "mean": {', "not a frozen pool"),
        ("[]", "expected a JSON object"),
        ('{"name": "v1", "mean": {"perplexity": 1}}', "'sd' is missing"),
        ('{"name": "v1", "mean": {"perplexity": 1}, "sd": {"perplexity": -1}}', "sd.perplexity"),
        ('{"name": "v1", "mean": {"perplexity": NaN}, "sd": {"perplexity": 1}}', "finite"),
        ('{"name": "v1", "mean": {"perplexity": 1}, "sd": {}}', "the same metrics"),
        ('{"name": "v1", "mean": {}, "sd": {}}', "at least one"),
        ('{"name": "v1", "mean": {"ppl": 1}, "sd": {"ppl": 1}}', "unknown metric"),
    ],
)
def test_frozen_pool_is_checked(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "pool.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        load_pool(path)
    assert str(path) in str(caught.value)


def test_frozen_pool_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none.json"):
        load_pool(tmp_path / "none.json")
