"""Judges behind a real server, and a real small one in this process."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from judge_server import JudgeServer, scores_of
from measuring import given, measured, run_spec, sample
from toy_lms import CARD, Feed, Sampler

from polyglot_harness.errors import ConfigError, HarnessError, StageError
from polyglot_harness.intrinsic import depends_on, difficulty, rubric
from polyglot_harness.intrinsic.judging.criteria import question, schema
from polyglot_harness.intrinsic.samples import BLOCK, Sample
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.exchange import Reply, Request
from polyglot_harness.lm.load import load_lm
from polyglot_harness.lm.tally import Spending
from polyglot_harness.spec import Measurement, TeacherCard, canonical_json, pairs

NAMES = ("language_proficiency", "cultural_nuance", "helpfulness")
COLUMNS = ("rubric_score", *(f"rubric_{name}" for name in NAMES))
Measured = tuple[dict[str, Measurement], Values]


def rows(n: int, scripts: dict[int, str] | None = None) -> list[Sample]:
    """Return samples; the judge repeats the script of a response that has one."""
    texts = {i: f"Antwort {i}" for i in range(n)}
    texts |= {i: f"{{{{{text}}}}}" for i, text in (scripts or {}).items()}
    return [sample(i, f"Frage {i}?", texts[i]) for i in range(n)]


def judgement(*scores: object) -> str:
    return json.dumps({"reasoning": "Gut.", **dict(zip(NAMES, scores, strict=True))})


def judge(server: JudgeServer | str, name: str = "judge", **changes: Any) -> TeacherCard:
    url = server if isinstance(server, str) else server.url
    args = {"model": name, "base_url": url, "max_retries": 2, "backoff_seconds": 0.01,
            "num_concurrent": 4, **changes.pop("args", {})}  # fmt: skip
    return TeacherCard(
        **{"name": name, "model": "openai-compatible", "model_args": pairs(args), "form": "chat",
           **changes}
    )  # fmt: skip


class Bench:
    """A folder in which examples are judged: logs of the judges, values that begin anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told, self.number = folder, list[tuple[int, int]](), 0

    def measure(
        self,
        samples: Sequence[Sample],
        *judges: TeacherCard,
        metric: str = "rubric",
        lm: Any = None,
        spending: Spending | None = None,
        **spec: Any,
    ) -> Measured:
        self.number += 1
        return measured(
            metric,
            given(
                samples,
                spec=run_spec(judges=judges, **spec),
                judge_lm=lambda card: _lm(card, lm),
                judgements=lambda card: self.folder / card.name,
                spending=spending or Spending(),
                progress=lambda done, total: self.told.append((done, total)),
            ),
            self.folder / f"values-{self.number}",
        )

    def log(self, name: str = "judge", metric: str = "rubric") -> list[dict[str, Any]]:
        data = (self.folder / name / f"{metric}-de" / "replies.jsonl").read_bytes()
        return [json.loads(line) for line in data.split(b"\n")[:-1]]


def _lm(card: TeacherCard, lm: Any) -> Any:
    if lm is None:
        return load_lm(card.model, dict(card.model_args))
    return lm[card.name] if isinstance(lm, dict) else lm


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def numbers_asked(server: JudgeServer) -> list[int]:
    """Return which examples the server was asked about, in the order of arrival."""
    found = []
    for request in server.requests:
        _, _, rest = request.body["messages"][0]["content"].rpartition("Frage ")
        found.append(int(rest.split("?")[0]))
    return found


def table(values: Values) -> list[list[float | None]]:
    """Return the four columns of each example, None where missing."""
    found = np.concatenate([*values.blocks(*COLUMNS)])
    return [[None if math.isnan(v) else float(v) for v in row] for row in found]


# --- the question ------------------------------------------------------------------------------


def test_the_question_shows_criteria_and_texts_in_a_fixed_order() -> None:
    texts = {"prompt": "Was ist {das}?", "response": 'Ein "Test" {0} </p>'}
    for form in ("json", "labels"):
        text = question(rubric.RUBRIC, texts, "German", form)  # type: ignore[arg-type]
        assert "<prompt>\nWas ist {das}?\n</prompt>\n<response>\n" + texts["response"] in text
        places = [text.index(f"{name}: ") for name in NAMES]
        assert places == sorted(places)
        assert "{language}" not in text and text.count("German") >= 4
        assert all(c.one in text or "{" in c.one for c in rubric.RUBRIC.criteria)
    shown = text.partition("</response>")[2]
    assert [line.split(":")[0] for line in shown.splitlines()[-4:]] == ["reasoning", *NAMES]


def test_difficulty_is_asked_of_the_prompt_alone() -> None:
    text = question(difficulty.RUBRIC, {"prompt": "Wozu?", "response": "Antwort"}, "German", "json")
    assert "<prompt>\nWozu?\n</prompt>" in text and "Antwort" not in text


def test_the_schema_has_reasoning_before_the_scores() -> None:
    found = schema(rubric.RUBRIC)
    assert list(found["properties"]) == found["required"] == ["reasoning", *NAMES]
    assert found["properties"]["helpfulness"] == {"type": "integer", "enum": [1, 2, 3, 4, 5]}


# --- one judge ---------------------------------------------------------------------------------


def test_scores_are_what_the_judge_said(bench: Bench) -> None:
    with JudgeServer() as server:
        found, values = bench.measure(rows(30), judge(server, price_in=1.0, price_out=10.0))
        bodies = [request.body for request in server.requests]
    assert sorted(numbers_asked(server)) == list(range(30))
    for body in bodies:
        assert (body["temperature"], body["seed"], body["max_tokens"]) == (0, 1, 512)
        assert body["response_format"]["json_schema"]["schema"] == schema(rubric.RUBRIC)
        assert [message["role"] for message in body["messages"]] == ["user"]
    expected = np.zeros((30, 3))
    for number, body in zip(numbers_asked(server), bodies, strict=True):
        expected[number] = list(scores_of(body["messages"][0]["content"]).values())
    assert len(np.unique(expected)) == 5
    got = np.array(table(values))
    assert values.columns == COLUMNS
    np.testing.assert_allclose(got, np.column_stack([expected.mean(1), expected]), rtol=1e-7)
    score = found["rubric_score"]
    assert score.value == pytest.approx(expected.mean()) and score.n == 30
    assert score.low < score.value < score.high
    for number, name in enumerate(NAMES):
        assert found[f"rubric_{name}"].value == pytest.approx(expected[:, number].mean())
    missing = found["rubric_missing"]
    assert (missing.value, missing.n) == (0.0, 30)
    about = dict(missing.params)
    assert (about["missing"], about["tokens_in"], about["tokens_out"]) == (0, 30_000, 3_000)
    assert about["cost_usd"] == pytest.approx(0.06) and about["judges"] == ("judge",)
    assert set(found) == {*COLUMNS, "rubric_missing"}
    assert bench.told[-1] == (30, 30)
    assert [done for done, _ in bench.told] == sorted(done for done, _ in bench.told)


GOOD, BAD = judgement(3, 4, 5), "The response is good."


def test_what_cannot_be_read_is_missing_and_never_1(bench: Bench) -> None:
    scripts = {
        0: GOOD, 1: f"```json\n{GOOD}\n```", 2: judgement(0, 4, 5), 3: judgement(6, 4, 5),
        4: judgement("4/5", 4, 5), 5: judgement(4.5, 4, 5), 6: BAD, 7: "", 8: GOOD[:-40],
        9: f"{BAD}|||{GOOD}", 10: f"{BAD}|||{BAD}|||{GOOD}", 11: judgement(1, 1, 1),
    }  # fmt: skip
    with JudgeServer() as server:
        found, values = bench.measure(rows(12, scripts), judge(server))
        asked = {n: [] for n in range(12)}
        for number, request in zip(numbers_asked(server), server.requests, strict=True):
            asked[number].append((request.body["seed"], request.body["temperature"]))
    nothing = [None] * 4
    good = [4.0, 3.0, 4.0, 5.0]
    assert table(values) == [
        good, good, nothing, nothing, pytest.approx([13 / 3, 4, 4, 5]), nothing, nothing, nothing,
        nothing, good, good, [1.0] * 4,
    ]  # fmt: skip
    # asked again with another seed, and sampled: a greedy judge would repeat itself
    again = [(1, 0), (2, 0.7), (3, 0.7)]
    tries = {0: 1, 1: 1, 4: 1, 11: 1, 9: 2}
    assert asked == {n: again[: tries.get(n, 3)] for n in range(12)}
    missing = found["rubric_missing"]
    assert (missing.value, missing.n) == (0.5, 12) and missing.low < 0.5 < missing.high
    about = dict(missing.params)
    assert about["missing"] == 6
    assert dict(about["reasons"]) == {"out_of_range": 3, "unparsable": 2, "empty": 1}
    assert "cost_usd" not in about  # the card names no price
    score = found["rubric_score"]
    assert score.n == 6 and score.value == pytest.approx((4 * 4 + 13 / 3 + 1) / 6)
    assert about["tokens_in"] == 1000 * sum(map(len, asked.values()))


def test_one_attempt_is_one_attempt(bench: Bench) -> None:
    with JudgeServer() as server:
        found, _ = bench.measure(rows(3, {1: f"{BAD}|||{GOOD}"}), judge(server), judge_attempts=1)
        assert len(server.requests) == 3 and found["rubric_missing"].value == pytest.approx(1 / 3)
        # a further attempt asks only for what is missing
        found, _ = bench.measure(rows(3, {1: f"{BAD}|||{GOOD}"}), judge(server), judge_attempts=2)
    assert len(server.requests) == 4 and found["rubric_missing"].value == 0


def test_settings_of_the_card_come_over_ours(bench: Bench) -> None:
    settings = (("max_gen_toks", 2048), ("temperature", 1.0), ("until", ("###",)))
    with JudgeServer() as server:
        bench.measure(rows(1), judge(server, gen_kwargs=settings))
        body = server.requests[0].body
    assert (body["max_tokens"], body["temperature"], body["stop"]) == (2048, 1.0, ["###"])


def test_a_judge_that_replies_in_lines(bench: Bench) -> None:
    with JudgeServer() as server:
        found, _ = bench.measure(rows(5), judge(server, reply_format="labels"))
        assert all("response_format" not in request.body for request in server.requests)
    assert found["rubric_score"].n == 5


def test_a_base_model_goes_on_with_the_judgement(bench: Bench) -> None:
    with JudgeServer() as server:
        card = judge(server, form="completion", args={"endpoint": "completions"})
        found, _ = bench.measure(rows(5), card)
        for request in server.requests:
            assert request.path.endswith("/completions") and "messages" not in request.body
            assert request.body["prompt"].endswith("\n\nreasoning:")
            assert request.body["stop"] == ["\n\n", "<prompt>"]
    assert found["rubric_score"].n == 5


def test_a_server_without_structured_output(bench: Bench) -> None:
    with JudgeServer(knows_schema=False) as server:
        found, _ = bench.measure(rows(6), judge(server))
    assert found["rubric_score"].n == 6


# --- faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["429", "429-after", "500", "503", "200-error", "bad-json", "reset", "truncated"]
)
def test_a_fault_that_passes_changes_nothing(bench: Bench, fault: str) -> None:
    with JudgeServer() as server:
        whole, _ = bench.measure(rows(12), judge(server, "calm"))
    with JudgeServer(plan={2: fault, 5: fault, 6: fault}, retry_after=0.05) as server:
        found, _ = bench.measure(rows(12), judge(server, "disturbed"))
        assert len(server.requests) > 12
    assert found["rubric_score"].value == whole["rubric_score"].value
    assert found["rubric_missing"].value == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("too-long", "prompt_truncated"), ("filtered", "refusal"), ("filter-400", "refusal"),
     ("null", "empty"), ("refusal", "refusal")],
)  # fmt: skip
def test_an_answer_without_a_judgement_is_missing_with_its_reason(
    bench: Bench, fault: str, reason: str
) -> None:
    samples = [*rows(4), sample(4, "Frage 4?", f"[[{fault}]]")]
    with JudgeServer() as server:
        found, values = bench.measure(samples, judge(server))
        tries = numbers_asked(server).count(4)
    assert dict(dict(found["rubric_missing"].params)["reasons"]) == {reason: 1}
    assert found["rubric_score"].n == 4 and table(values)[4] == [None] * 4
    # what does not fit will not fit later
    assert tries == (1 if reason == "prompt_truncated" else 3)


def test_examples_at_which_the_server_fails_are_asked_again_by_the_next_run(bench: Bench) -> None:
    # the marker stands in the second text alone; it fails three tries, then answers
    samples = [*rows(8), sample(8, "Frage 8?", "[[500 x3]]")]
    with JudgeServer() as server:
        with pytest.raises(StageError, match="judge judge: the server failed at 1 of 9 examples"):
            bench.measure(samples, judge(server))
        assert len(server.requests) == 8 + 3
        # an error is no attempt: no sampled judgement stands in for the greedy one
        assert {request.body["seed"] for request in server.requests} == {1}
        found, _ = bench.measure(samples, judge(server))
        assert numbers_asked(server)[11:] == [8]
    assert found["rubric_score"].n == 9 and found["rubric_missing"].value == 0


def test_a_server_that_dies_leaves_what_had_arrived(bench: Bench) -> None:
    with JudgeServer() as server:
        whole, expected = bench.measure(rows(20), judge(server, "whole"))
    lm = Feed(dies_after=7, reply=reply)
    with pytest.raises(StageError, match="no server answers"):
        bench.measure(rows(20), CARD, lm=lm)
    arrived = {row["id"] for row in bench.log("toy")}
    assert len(arrived) == 7
    found, values = bench.measure(rows(20), CARD, lm=(lm := Feed(reply=reply)))
    assert {f"s-{n}" for n in lm.documents} == {f"s-{n}" for n in range(20)} - arrived
    assert len(lm.documents) == 13 and table(values) == table(expected)
    assert found["rubric_score"].value == whole["rubric_score"].value


def reply(request: Request) -> Reply:
    """Judge as the server does."""
    asked = json.loads(request.context)[0]["content"]
    return Reply(json.dumps({"reasoning": "", **scores_of(asked)}), "stop", 10, 10)


def test_a_judge_stops_before_it_costs_more_than_it_may(bench: Bench) -> None:
    with JudgeServer() as server:
        # a dollar a token of the question, so that each judgement costs some hundred dollars
        card = judge(server, price_in=1e6, price_out=0.0, args={"num_concurrent": 1})
        whole, _ = bench.measure(rows(1), card)
        each = dict(whole["rubric_missing"].params)["cost_usd"]
        spending = Spending(5.5 * each)
        with pytest.raises(StageError, match="stopped at --max_cost"):
            bench.measure(rows(12), card, spending=spending)
        assert 5 * each <= spending.spent <= 7 * each
        asked = len(server.requests)
        found, _ = bench.measure(rows(12), card)
        assert len(server.requests) == 12 and asked < 12
    assert found["rubric_score"].n == 12


def test_a_wrong_key_is_one_clear_error(bench: Bench) -> None:
    with JudgeServer(key="sk-right") as server, pytest.raises(HarnessError, match="OPENAI_API_KEY"):
        bench.measure(rows(3), judge(server))


# --- what is on disk ---------------------------------------------------------------------------


def test_the_same_again_asks_nothing(bench: Bench) -> None:
    with JudgeServer() as server:
        first = bench.measure(rows(10, {3: BAD}), judge(server))
        asked, log = len(server.requests), bench.log()
        again = bench.measure(rows(10, {3: BAD}), judge(server))
        assert len(server.requests) == asked == 12
    assert first[0] == again[0] and table(first[1]) == table(again[1]) and bench.log() == log


def test_the_same_examples_in_other_data_are_not_asked_again(bench: Bench) -> None:
    with JudgeServer() as server:
        _, first = bench.measure(rows(10), judge(server))
        _, turned = bench.measure(rows(12)[::-1], judge(server))
        assert sorted(numbers_asked(server)[10:]) == [10, 11]
    assert table(turned)[:1:-1] == table(first)


def test_more_examples_ask_for_what_is_new(bench: Bench) -> None:
    with JudgeServer() as server:
        found, values = bench.measure(rows(20), judge(server), metric_limit=5)
        assert sorted(numbers_asked(server)) == [0, 4, 8, 12, 16]
        judged = [n for n, row in enumerate(table(values)) if row[0] is not None]
        assert judged == [0, 4, 8, 12, 16] and values.rows == 20
        # those that were not chosen are not missing
        assert (found["rubric_missing"].n, found["rubric_missing"].value) == (5, 0)
        assert found["rubric_score"].n == 5
        bench.measure(rows(20), judge(server), metric_limit=10)
        assert len(server.requests) == 10
        bench.measure(rows(20), judge(server))
        assert sorted(numbers_asked(server)) == list(range(20))


def test_copies_get_one_judgement(bench: Bench) -> None:
    with JudgeServer() as server:
        card = judge(server, args={"num_concurrent": 1}, price_out=10.0)
        found, values = bench.measure([sample(i, "Frage 0?", "Ja.") for i in range(40)], card)
        assert len(server.requests) == 1
    assert len({tuple(row) for row in table(values)}) == 1
    score = found["rubric_score"]
    assert score.n == 40 and score.stderr == 0 and score.low == score.value == score.high
    assert dict(found["rubric_missing"].params)["tokens_out"] == 100


def test_another_wording_is_another_question(bench: Bench, monkeypatch: Any) -> None:
    from dataclasses import replace

    with JudgeServer() as server:
        bench.measure(rows(3), judge(server))
        changed = replace(rubric.RUBRIC, task=rubric.RUBRIC.task + " Be brief.")
        assert changed.digest != rubric.RUBRIC.digest
        monkeypatch.setattr(rubric, "RUBRIC", changed)
        bench.measure(rows(3), judge(server))
        assert len(server.requests) == 6


def test_rows_of_an_interrupted_run_are_gone_on_with(tmp_path: Path) -> None:
    """Values are written after all were judged; those that a kill left are not written twice."""
    n = BLOCK + 5
    lm = Feed(window=64, reply=reply)
    data = given(
        rows(n), spec=run_spec(judges=(CARD,)), judge_lm=lambda _: lm,
        judgements=lambda _: tmp_path / "log",
    )  # fmt: skip
    _, whole = measured("rubric", data, tmp_path / "values")
    expected = table(whole)
    (tmp_path / "values" / "values.f64").write_bytes(
        (tmp_path / "values" / "values.f64").read_bytes()[: 8 * 4 * BLOCK + 11]
    )
    found, values = measured("rubric", data, tmp_path / "values")
    assert table(values) == expected and len(lm.asked) == n and found["rubric_score"].n == n


@pytest.mark.slow
def test_a_killed_command_asks_nothing_twice(cli, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(
        "".join(json.dumps({"prompt": s.prompt, "response": s.response}) + "\n" for s in rows(150))
    )

    def command(server: JudgeServer, out: Path) -> list[str]:
        args = f"model=judge,base_url={server.url},num_concurrent=4"
        return ["measure", str(data), "--languages", "de", "--metrics", "rubric", "--judge",
                "openai-compatible", "--judge_args", args, "--output_path", str(out)]  # fmt: skip

    def values_of(out: Path) -> bytes:
        (path,) = out.glob("metrics/*rubric*/values.f64")
        return path.read_bytes()

    def kept(out: Path) -> int:
        logs = list(out.glob("judgements/*/*/replies.jsonl"))
        return sum(log.read_bytes().count(b"\n") for log in logs)

    with JudgeServer() as server:
        done = cli(*command(server, tmp_path / "whole"))
        assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    with JudgeServer(latency=0.1, fail_every=9, fault="503") as server:
        for number in range(4):
            process = subprocess.Popen(
                [sys.executable, "-m", "polyglot_harness", *command(server, out)],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                start_new_session=True, env={**os.environ},
            )  # fmt: skip
            before = kept(out)
            while process.poll() is None and kept(out) < before + 3 + 7 * number:
                time.sleep(0.005)
            os.killpg(process.pid, signal.SIGKILL)
            _, stderr = process.communicate()
            assert process.returncode == -signal.SIGKILL, stderr
        done = cli(*command(server, out))
        assert done.returncode == 0, done.stderr
        answered = [n for n, r in zip(numbers_asked(server), server.requests, strict=True)
                    if r.outcome == "ok"]  # fmt: skip
    assert values_of(out) == values_of(tmp_path / "whole")
    assert set(answered) == set(range(150)) and kept(out) == 150
    # repeated are at most those that were in flight when it was killed
    assert len(answered) - 150 <= 4 * 4
    again = cli(*command(server, out))  # the server is gone: nothing is asked
    assert again.returncode == 0, again.stderr


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
