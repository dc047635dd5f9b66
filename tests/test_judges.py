"""Several judges, few examples, and judges in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judge_bench import (
    BAD,
    COLUMNS,
    GOOD,
    NAMES,
    Bench,
    judge,
    judgement,
    numbers_asked,
    rows,
    table,
)
from judge_server import JudgeServer
from measuring import given, measured, run_spec, sample
from toy_lms import CARD, Feed, Sampler

from polyglot_harness.errors import ConfigError
from polyglot_harness.intrinsic import depends_on
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.lm.load import load_lm
from polyglot_harness.spec import TeacherCard, canonical_json


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# --- several judges ----------------------------------------------------------------------------

ONE, TWO, THREE = (CARD.model_copy(update={"name": name}) for name in ("one", "two", "three"))


def scripted(**texts: Sequence[str]) -> dict[str, Feed]:
    """Return judges by name that say so of each example, at each attempt."""
    return {
        name: Feed(reply=lambda request, said=said: Reply(said[request.index], "stop", 1000, 100))
        for name, said in texts.items()
    }


def drawn(seed: int, n: int = 60) -> np.ndarray:
    """Return scores [n, 3] around a truth that all seeds share."""
    truth = np.random.default_rng(0).integers(1, 6, (n, 3))
    noise = np.random.default_rng(seed).integers(-1, 2, (n, 3))
    return np.clip(truth + noise, 1, 5)


def texts(scores: np.ndarray) -> list[str]:
    return [judgement(*map(int, row)) for row in scores]


def test_two_judges_are_averaged_over_what_both_judged(bench: Bench) -> None:
    a, b = drawn(1), drawn(2)
    said_a, said_b = texts(a), texts(b)
    said_a[7] = said_b[9] = said_b[30] = BAD
    lm = scripted(one=said_a, two=said_b)
    found, values = bench.measure(rows(60), ONE, TWO, lm=lm)
    both = np.setdiff1d(np.arange(60), [7, 9, 30])
    assert values.columns == tuple(f"{c}{s}" for s in ("", "_one", "_two") for c in COLUMNS)
    expected = (a + b)[both] / 2
    assert found["rubric_score"].n == 57
    assert found["rubric_score"].value == pytest.approx(expected.mean())
    assert found["rubric_helpfulness"].value == pytest.approx(expected[:, 2].mean())
    got = np.array([row[0] is None for row in table(values)])
    assert np.flatnonzero(got).tolist() == [7, 9, 30]
    own = values.array("rubric_score_one")
    assert np.flatnonzero(np.isnan(own)).tolist() == [7]
    assert found["rubric_score_one"].n == 59 and found["rubric_score_two"].n == 58
    assert found["rubric_missing"].value == pytest.approx(3 / 60)
    assert found["rubric_missing_one"].value == pytest.approx(1 / 60)
    about = dict(found["rubric_missing"].params)
    assert dict(about["reasons"]) == {"unparsable": 3} and about["judges"] == ("one", "two")
    assert about["tokens_out"] == 100 * (60 + 60 + 3 * 2)
    assert about["cost_usd"] == pytest.approx(126 * 2e-3)
    assert bench.told[-1] == (120, 120)


def test_agreement_is_that_of_the_libraries(bench: Bench) -> None:
    import krippendorff
    from sklearn.metrics import cohen_kappa_score

    a, b, c = drawn(1), drawn(2), drawn(3)
    lm = scripted(one=texts(a), two=texts(b), three=texts(c))
    found, _ = bench.measure(rows(60), ONE, TWO, lm=lm)

    def alpha(*ratings: np.ndarray) -> float:
        return krippendorff.alpha(np.array(ratings), level_of_measurement="ordinal")

    total = found["rubric_alpha"]
    assert total.value == pytest.approx(alpha(a.sum(1), b.sum(1)), abs=1e-12)
    assert total.n == 60 and total.low < total.value < total.high and 0 < total.stderr < 0.2
    for number, name in enumerate(NAMES):
        expected = alpha(a[:, number], b[:, number])
        assert found[f"rubric_{name}_alpha"].value == pytest.approx(expected, abs=1e-12)
    kappa = cohen_kappa_score(a.sum(1), b.sum(1), weights="quadratic", labels=range(3, 16))
    assert found["rubric_kappa"].value == pytest.approx(kappa, abs=1e-12)
    assert found["rubric_kappa"].low < kappa < found["rubric_kappa"].high
    found, _ = bench.measure(rows(60), ONE, TWO, THREE, lm=lm)
    expected = alpha(a.sum(1), b.sum(1), c.sum(1))
    assert found["rubric_alpha"].value == pytest.approx(expected, abs=1e-12)
    assert "rubric_kappa" not in found


def test_judges_that_always_say_the_same_have_no_agreement(bench: Bench) -> None:
    same = [judgement(5, 5, 5)] * 6
    found, _ = bench.measure(rows(6), ONE, TWO, lm=scripted(one=same, two=same))
    assert found["rubric_score"].value == 5
    for name in ("rubric_alpha", "rubric_kappa", "rubric_helpfulness_alpha"):
        assert (found[name].value, found[name].stderr, found[name].low) == (None, None, None)
        assert found[name].n == 6


def test_nothing_that_both_judged(bench: Bench) -> None:
    lm = scripted(one=[GOOD, BAD], two=[BAD, GOOD])
    found, _ = bench.measure(rows(2), ONE, TWO, lm=lm)
    for name in ("rubric_score", "rubric_alpha", "rubric_kappa"):
        assert (found[name].value, found[name].n) == (None, 0)
    assert found["rubric_missing"].value == 1 and found["rubric_score_one"].value == 4


# --- few examples, and wrong settings ----------------------------------------------------------


@pytest.mark.parametrize("judges", [(ONE,), (ONE, TWO)])
@pytest.mark.parametrize("metric", ["rubric", "difficulty"])
def test_no_examples_have_no_score_and_need_no_judge(
    metric: str, judges: tuple[TeacherCard, ...], tmp_path: Path
) -> None:
    found, values = measured(metric, given([], spec=run_spec(judges=judges)), tmp_path)
    assert found and all((m.value, m.n) == (None, 0) for m in found.values())
    assert values.rows == 0


def test_one_example_has_a_score_without_an_interval(bench: Bench) -> None:
    found, _ = bench.measure(rows(1), ONE, lm=scripted(one=[GOOD]))
    score = found["rubric_score"]
    assert (score.value, score.n, score.stderr, score.low) == (4, 1, None, None)


@pytest.mark.parametrize("text", ["", "\u2028", "{", "</response>", "\u202e\x00🏳️‍🌈"])
def test_odd_texts_are_judged(bench: Bench, text: str) -> None:
    with JudgeServer() as server:
        found, _ = bench.measure([sample(0, text, text)], judge(server))
    assert found["rubric_score"].n == 1


@pytest.mark.parametrize(
    ("judges", "message"), [((), "needs a judge"), ((ONE, ONE), "two judges are named 'one'")]
)
def test_wrong_judges_are_one_clear_error(
    bench: Bench, judges: tuple[TeacherCard, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        bench.measure(rows(1), *judges)


@pytest.mark.parametrize(
    "changes",
    [
        {"judges": (TWO,)},
        {"judges": (ONE, TWO)},
        {"judges": (ONE.model_copy(update={"model_args": (("model", "larger"),)}),)},
        {"judges": (ONE.model_copy(update={"gen_kwargs": (("temperature", 1.0),)}),)},
        {"judges": (ONE.model_copy(update={"reply_format": "labels"}),)},
        {"judge_attempts": 2},
        {"metric_limit": 5},
    ],
)
@pytest.mark.parametrize("metric", ["rubric", "difficulty"])
def test_numbers_depend_on_the_judge_and_how_it_is_asked(
    metric: str, changes: dict[str, Any]
) -> None:
    pack = load_pack("de")
    before = depends_on(metric, run_spec(judges=(ONE,)), pack)
    after = depends_on(metric, run_spec(**{"judges": (ONE,), **changes}), pack)
    assert canonical_json(before) != canonical_json(after)


def test_numbers_do_not_depend_on_how_a_server_is_spoken_to() -> None:
    pack = load_pack("de")
    calm, quick = judge("http://x/v1"), judge("http://x/v1", args={"num_concurrent": 99})
    found = [depends_on("rubric", run_spec(judges=(j,)), pack) for j in (calm, quick)]
    assert canonical_json(found[0]) == canonical_json(found[1])
    changed = depends_on("rubric", run_spec(judges=(calm,), chunk_size=99), pack)
    assert canonical_json(found[0]) == canonical_json(changed)


# --- difficulty --------------------------------------------------------------------------------


def test_difficulty_is_rated_once_a_prompt(bench: Bench) -> None:
    samples = [sample(i, f"Frage {i % 3}?", f"Antwort {i}") for i in range(12)]
    with JudgeServer() as server:
        card = judge(server, args={"num_concurrent": 1})
        found, values = bench.measure(samples, card, metric="difficulty")
        assert sorted(numbers_asked(server)) == [0, 1, 2]
        assert all("Antwort" not in r.body["messages"][0]["content"] for r in server.requests)
    assert set(found) == {"difficulty", "difficulty_missing"}
    got = values.array("difficulty")
    assert values.columns == ("difficulty",) and got.tolist() == got[:3].tolist() * 4
    assert found["difficulty"].value == pytest.approx(got.mean())
    assert len(bench.log(metric="difficulty")) == 3


def test_two_judges_of_difficulty(bench: Bench) -> None:
    said = [json.dumps({"reasoning": "", "difficulty": 1 + i % 5}) for i in range(10)]
    lm = scripted(one=said, two=said[1:] + said[:1])
    found, values = bench.measure(rows(10), ONE, TWO, metric="difficulty", lm=lm)
    assert values.columns == ("difficulty", "difficulty_one", "difficulty_two")
    assert set(found) == {
        *values.columns, "difficulty_missing", "difficulty_missing_one", "difficulty_missing_two",
        "difficulty_alpha", "difficulty_kappa",
    }  # fmt: skip


# --- models in this process --------------------------------------------------------------------


class Stubborn(Sampler):
    """Judges a batch; the first attempt of some examples cannot be read."""

    def _reply(self) -> str:
        import torch

        scores = [int(torch.randint(1, 6, ())) for _ in range(3)]
        return judgement(*scores) if torch.rand(()) < 0.5 else BAD


def test_chunks_that_an_interruption_left_are_the_same(tmp_path: Path) -> None:
    card = CARD.model_copy(update={"name": "hf", "model": "hf"})
    whole, torn = Bench(tmp_path / "whole"), Bench(tmp_path / "torn")
    first = whole.measure(rows(20), card, lm=Stubborn(), chunk_size=4)
    assert 0 < first[0]["rubric_missing"].value < 1
    for at in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            torn.measure(rows(20), card, lm=Stubborn(interrupted_at=at), chunk_size=4)
    assert len(torn.log("hf")) == 20
    again = torn.measure(rows(20), card, lm=Stubborn(), chunk_size=4)
    assert again[0] == first[0] and table(again[1]) == table(first[1])
    found, _ = torn.measure(rows(20), card, lm=(lm := Stubborn()), chunk_size=4)
    assert lm.calls == [] and found == first[0]


def in_process(folder: Path, **changes: Any) -> TeacherCard:
    args = (("pretrained", str(folder)), ("dtype", "float32"))
    card = TeacherCard(name="hf", model="hf", model_args=args, form="chat",
                       gen_kwargs=(("max_gen_toks", 24),))  # fmt: skip
    return card.model_copy(update=changes)


def loaded(card: TeacherCard) -> Any:
    return load_lm(card.model, dict(card.model_args), batch_size="4", device="cpu")


@pytest.mark.parametrize("form", ["chat", "completion"])
def test_a_model_that_talks_nonsense_gives_no_scores(
    bench: Bench, tiny_student: Path, form: str
) -> None:
    card = in_process(tiny_student, form=form)
    found, values = bench.measure(rows(6), card, lm=loaded(card), judge_attempts=2, chunk_size=4)
    assert found["rubric_score"].value is None and found["rubric_score"].n == 0
    assert (
        found["rubric_missing"].value == 1 and dict(found["rubric_missing"].params)["missing"] == 6
    )
    assert table(values) == [[None] * 4] * 6
    log = bench.log("hf")
    first, second = (
        {row["id"]: row["reply"] for row in log if row["attempt"] == n} for n in (1, 2)
    )
    assert first.keys() == second.keys() and first != second  # greedy, then sampled


def test_a_question_that_does_not_fit_is_missing(bench: Bench, tiny_student: Path) -> None:
    card = in_process(tiny_student)
    samples = [*rows(2), sample(2, "Frage 2?", "Wort " * 4000)]
    found, _ = bench.measure(samples, card, lm=loaded(card), judge_attempts=2)
    reasons = dict(dict(found["rubric_missing"].params)["reasons"])
    assert reasons["prompt_truncated"] == 1 and sum(reasons.values()) == 3
    assert [row["attempt"] for row in bench.log("hf") if row["id"] == "s-2"] == [1]


def test_a_base_model_cannot_be_instructed(
    bench: Bench, tiny_student: Path, tmp_path: Path
) -> None:
    import shutil

    from transformers import AutoTokenizer

    folder = tmp_path / "base"
    shutil.copytree(tiny_student, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = None
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    tokenizer.save_pretrained(folder)
    card = in_process(folder)
    with pytest.raises(ConfigError, match="judge hf: its tokenizer has no chat template"):
        bench.measure(rows(1), card, lm=loaded(card))


@pytest.mark.slow
def test_a_real_model_judges(bench: Bench) -> None:
    """SmolLM2 of 135 M parameters: each example has scores or is counted as missing."""
    args = (("pretrained", "smollm2-135m-instruct"), ("dtype", "float32"))
    card = in_process(Path(), name="smollm2", model_args=args, gen_kwargs=(("max_gen_toks", 32),))
    seeds = load_pack("de").seeds[:2]
    samples = [sample(i, s.prompt, s.response) for i, s in enumerate(seeds)]
    found, values = bench.measure(samples, card, lm=loaded(card), judge_attempts=2, chunk_size=4)
    for row in bench.log("smollm2"):
        print(row["attempt"], row["reason"], row["detail"], repr(row["reply"]))
    score, missing = found["rubric_score"], found["rubric_missing"]
    about = dict(missing.params)
    assert score.n + about["missing"] == 2 == values.rows
    assert sum(dict(about["reasons"]).values()) == about["missing"]
    assert all(v is None or 1 <= v <= 5 for row in table(values) for v in row)
    assert about["tokens_in"] > 2 * 300 and about["tokens_out"] > 0
