"""distinct-RI and the Vendi score against their definitions, computed here the long way."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from measuring import given, measured, run_spec, sample
from numpy.typing import NDArray

from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic import depends_on
from polyglot_harness.intrinsic.distinct_ri import distinct_ri
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.intrinsic.values import ROWS, Values
from polyglot_harness.intrinsic.vendi import FEW, vendi_score
from polyglot_harness.languages import load_pack
from polyglot_harness.spec import Measurement

Doubles = NDArray[np.float64]
Vectors = NDArray[np.float32]
steady = settings(deadline=None, derandomize=True, max_examples=60)


def unit_vectors(n: int, d: int, seed: int = 0, spread: float = 1.0) -> Doubles:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, d)) * spread + rng.normal(size=d)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


some_vectors = st.builds(
    unit_vectors,
    st.integers(2, 40),
    st.integers(2, 24),
    seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0.01, 0.3, 1.0, 30.0]),
)


def all_distances(u: Doubles) -> Doubles:
    """Each vector's mean distance to all others, pair by pair."""
    n = len(u)
    return np.array(
        [np.mean([1.0 - float(u[i] @ u[j]) for j in range(n) if j != i]) for i in range(n)]
    )


def by_leaving_one_out(u: Doubles, statistic: Callable[[Doubles], float]) -> float:
    """The jackknife's standard error: sqrt((n-1)/n sum (theta_i - mean theta)^2)."""
    n = len(u)
    thetas = np.array([statistic(np.delete(u, i, axis=0)) for i in range(n)])
    return math.sqrt((n - 1) / n * float(((thetas - thetas.mean()) ** 2).sum()))


def by_kernel(u: Doubles) -> float:
    """The Vendi score by the eigenvalues of the n x n kernel."""
    found = np.linalg.eigvalsh(u @ u.T / len(u))
    there = found[found > 1e-15]
    return math.exp(-float((there * np.log(there)).sum()))


def measure(
    metric: str, prompts: Any, responses: Any, folder: Path
) -> tuple[dict[str, Measurement], Values]:
    """Measure data that have these vectors."""
    vectors = {
        "prompt": np.asarray(prompts, dtype=np.float32),
        "response": np.asarray(responses, dtype=np.float32),
    }
    rows = [sample(i, "p", "r") for i in range(len(vectors["prompt"]))]
    return measured(metric, given(rows, vectors=vectors.__getitem__), folder)


# --- distinct-RI -------------------------------------------------------------------------------


@drawn(some_vectors)
@steady
def test_distinct_ri_is_the_mean_over_all_pairs(u: Doubles) -> None:
    assert distinct_ri([u]) == pytest.approx(all_distances(u).mean(), abs=1e-12)


@drawn(some_vectors, st.randoms(use_true_random=False))
@steady
def test_distinct_ri_depends_on_neither_batches_nor_order(u: Doubles, random: Any) -> None:
    value = distinct_ri([u])
    cuts = sorted(random.sample(range(len(u) + 1), k=min(3, len(u))))
    assert distinct_ri(iter(np.split(u, cuts))) == pytest.approx(value, abs=1e-12)
    order = random.sample(range(len(u)), k=len(u))
    assert distinct_ri([u[order]]) == pytest.approx(value, abs=1e-12)
    assert -1e-12 < value < 2 + 1e-12


@pytest.mark.parametrize(
    ("vectors", "value"),
    [
        ([[1, 0], [1, 0], [1, 0]], 0.0),
        ([[1, 0], [-1, 0]], 2.0),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 1.0),
        ([[1, 0], [1, 0], [0, 1]], 2 / 3),  # pairs: 1, 0, 0
    ],
)
def test_distinct_ri_by_hand(vectors: list[list[float]], value: float) -> None:
    found = distinct_ri([np.array(vectors, dtype=np.float32)])
    assert found == pytest.approx(value, abs=1e-15)


@pytest.mark.parametrize("n", [30, 2 * BLOCK + 7])
def test_distinct_ri_of_single_precision_vectors(n: int) -> None:
    """Exact for the vectors as they are, lengths and all: sums are in double precision."""
    u = unit_vectors(n, 384, spread=0.3).astype(np.float32)
    exact = u.astype(np.float64)
    cosines = exact @ exact.T
    pairs = cosines[~np.eye(n, dtype=bool)]
    for batches in ([u], np.array_split(u, 3), np.array_split(u, n)):
        assert distinct_ri(iter(batches)) == pytest.approx(1 - pairs.mean(), abs=1e-13)


@pytest.mark.parametrize("batches", [[], [np.ones((1, 2))], [np.empty((0, 2)), np.ones((1, 2))]])
def test_distinct_ri_needs_two(batches: list[Vectors]) -> None:
    with pytest.raises(ValueError, match="at least two vectors"):
        distinct_ri(batches)


@pytest.mark.parametrize(("n", "d"), [(2, 3), (3, 2), (5, 8), (17, 4), (40, 16), (12, 384)])
@pytest.mark.parametrize("spread", [0.02, 1.0, 30.0])
def test_distances_and_standard_error(n: int, d: int, spread: float, tmp_path: Path) -> None:
    u = unit_vectors(n, d, seed=n, spread=spread).astype(np.float32)
    v = unit_vectors(n, d, seed=n + 1).astype(np.float32)
    found, values = measure("distinct_ri", u, v, tmp_path)
    assert list(found) == ["prompt_distinct_ri", "response_distinct_ri"]
    assert values.columns == ("prompt_distance", "response_distance")
    for part, vectors in (("prompt", u), ("response", v)):
        exact = vectors.astype(np.float64)
        each, whole = values.array(f"{part}_distance"), found[f"{part}_distinct_ri"]
        assert each == pytest.approx(all_distances(exact), abs=1e-12)
        assert (whole.n, whole.language) == (n, "de")
        assert whole.value == pytest.approx(each.mean(), abs=1e-14)
        assert whole.value == pytest.approx(distinct_ri([vectors]), abs=1e-12)
        if n == 2:
            assert (whole.stderr, whole.low, whole.high) == (None, None, None)
        else:
            by_jackknife = by_leaving_one_out(exact, lambda u: float(all_distances(u).mean()))
            assert whole.stderr == pytest.approx(by_jackknife, abs=1e-10, rel=1e-7)
            assert whole.low is not None and whole.high is not None
            assert whole.low < whole.value < whole.high


def test_distinct_ri_of_too_few_is_missing(tmp_path: Path) -> None:
    found, values = measure("distinct_ri", np.empty((0, 0)), np.empty((0, 0)), tmp_path / "none")
    assert [(m.value, m.stderr, m.n) for m in found.values()] == [(None, None, 0)] * 2
    assert values.rows == 0
    found, values = measure("distinct_ri", [[1, 0]], [[0, 1]], tmp_path / "one")
    assert [(m.value, m.stderr, m.n) for m in found.values()] == [(None, None, 0)] * 2
    assert np.isnan(values.array("prompt_distance")).tolist() == [True]


def test_copies_are_at_no_distance(tmp_path: Path) -> None:
    u = np.tile(unit_vectors(1, 384), (50, 1))
    for metric, alike in (("distinct_ri", 0.0), ("vendi", 1.0)):
        found, _ = measure(metric, u, u, tmp_path / metric)
        for m in found.values():
            # single precision: a length is 1 to 1e-7
            assert [m.value, m.low, m.high] == pytest.approx([alike] * 3, abs=1e-7)
            assert m.stderr == pytest.approx(0, abs=1e-7)


def test_an_interrupted_distinct_ri_goes_on(tmp_path: Path) -> None:
    n = 2 * BLOCK + 9
    u, v = (unit_vectors(n, 6, seed=s).astype(np.float32) for s in (1, 2))
    told: list[tuple[int, int]] = []
    rows = [sample(i, "p", "r") for i in range(n)]
    data = given(
        rows, vectors={"prompt": u, "response": v}.__getitem__, progress=lambda *n: told.append(n)
    )
    found, _ = measured("distinct_ri", data, tmp_path)
    whole = (tmp_path / ROWS).read_bytes()
    (tmp_path / ROWS).write_bytes(whole[: 16 * BLOCK + 100])
    again, _ = measured("distinct_ri", data, tmp_path)
    assert (tmp_path / ROWS).read_bytes() == whole
    assert again == found
    assert told == [(k, n) for k in (BLOCK, 2 * BLOCK, n, 2 * BLOCK, n)]


# --- Vendi -------------------------------------------------------------------------------------


@drawn(some_vectors)
@steady
def test_vendi_is_of_the_kernel_of_all_pairs(u: Doubles) -> None:
    value = vendi_score(u)  # type: ignore[arg-type]  # doubles: exactly those of the kernel
    assert value == pytest.approx(by_kernel(u), rel=1e-9)
    assert 1.0 <= value <= min(u.shape) * (1 + 1e-12)
    twice = np.concatenate([u, u])  # more of the same is no more diverse
    assert vendi_score(twice) == pytest.approx(value, rel=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("vectors", "value"),
    [
        ([[1, 0]], 1.0),
        ([[1, 0], [1, 0]], 1.0),
        ([[1, 0], [0, 1]], 2.0),
        ([[1, 0], [-1, 0]], 1.0),  # a cosine of -1 is as predictable as one of 1
        ([[1, 0], [1, 0], [0, 1]], math.exp(math.log(3) - 2 / 3 * math.log(2))),
        (np.eye(7), 7.0),
    ],
)
def test_vendi_by_hand(vectors: Any, value: float) -> None:
    assert vendi_score(np.array(vectors, dtype=np.float32)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "d", "seed", "spread", "value"),
    [
        (5, 3, 1, 1.0, 2.7562983359496056),
        (50, 16, 0, 0.3, 2.3787951637700284),
        (200, 384, 7, 1.0, 24.249625734978608),
    ],
)
def test_vendi_as_its_authors_compute_it(
    n: int, d: int, seed: int, spread: float, value: float
) -> None:
    """Golden values of ``pip install vendi-score==0.0.3``.

    They are those of ``vendi_score.vendi.score_K(u @ u.T)``, u as by `unit_vectors`.
    """
    u = unit_vectors(n, d, seed, spread)
    assert vendi_score(u) == pytest.approx(value, rel=1e-12)  # type: ignore[arg-type]


def entropy(u: Doubles) -> float:
    """The entropy by its definition, of vectors of any length."""
    found = np.linalg.eigvalsh(u.T @ u / np.sum(u**2))
    there = found[found > 1e-15]
    return -float((there * np.log(there)).sum())


@pytest.mark.parametrize("n", [FEW, 300, BLOCK + 9])
def test_vendi_with_its_uncertainty(n: int, tmp_path: Path) -> None:
    u, v = (unit_vectors(n, 6, seed=s, spread=0.8).astype(np.float32) for s in (n, n + 1))
    found, values = measure("vendi", u, v, tmp_path)
    assert list(found) == ["prompt_vendi", "response_vendi"]
    assert values.columns == ("prompt_surprisal", "response_surprisal")
    for part, vectors in (("prompt", u), ("response", v)):
        m, each = found[f"{part}_vendi"], values.array(f"{part}_surprisal")
        assert (m.n, m.language) == (n, "de")
        assert m.value == pytest.approx(vendi_score(vectors), rel=1e-6)
        assert m.value == pytest.approx(math.exp(each.mean()), rel=1e-12)
        # the jackknife leaves out, surprisal goes by the slope: they differ by terms of 1 / n
        exact = vectors.astype(np.float64)
        jackknife = by_leaving_one_out(exact, entropy)
        assert m.value is not None and m.low is not None and m.high is not None
        assert m.stderr == pytest.approx(m.value * jackknife, rel=4 / n)
        assert m.low < m.value < m.high
        assert math.log(m.high / m.low) / 2 == pytest.approx(1.96 * jackknife, rel=0.25)


def test_surprisal_tells_who_is_unlike_the_others(tmp_path: Path) -> None:
    u = np.eye(3)[[0, 0, 1, 0, 0, 0, 2, 0, 1]]
    _, values = measure("vendi", u, u, tmp_path)
    by_hand = [-math.log([6 / 9, 2 / 9, 1 / 9][i]) for i in (0, 0, 1, 0, 0, 0, 2, 0, 1)]
    assert values.array("prompt_surprisal") == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2, FEW - 1])
def test_vendi_of_few(n: int, tmp_path: Path) -> None:
    u = np.eye(FEW)[:n] if n else np.empty((0, 0))
    found, _ = measure("vendi", u, u, tmp_path)
    for m in found.values():
        assert m.value == (None if n == 0 else pytest.approx(n))
        assert (m.stderr, m.low, m.high, m.n) == (None, None, None, n)


def test_an_interrupted_vendi_goes_on(tmp_path: Path) -> None:
    u = unit_vectors(BLOCK + 9, 6).astype(np.float32)
    found, _ = measure("vendi", u, u, tmp_path)
    whole = (tmp_path / ROWS).read_bytes()
    (tmp_path / ROWS).write_bytes(whole[: 16 * BLOCK + 100])
    assert measure("vendi", u, u, tmp_path)[0] == found
    assert (tmp_path / ROWS).read_bytes() == whole


@pytest.mark.parametrize("metric", ["distinct_ri", "vendi"])
def test_numbers_depend_on_the_embedder(metric: str) -> None:
    pack = load_pack("de")
    one, other = (
        depends_on(metric, run_spec(embedder=name), pack)
        for name in ("multilingual-e5-small", "vllm:some-model")
    )
    assert one["embedder"] == "multilingual-e5-small"
    assert "versions" in one
    assert one != other
    with pytest.raises(ConfigError, match="unknown embedder 'e5'; valid: multilingual-e5-small, "):
        depends_on(metric, run_spec(embedder="e5"), pack)
