"""Examples rated by a judge behind a real server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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
from judge_server import JudgeServer, scores_of
from measuring import given, measured, run_spec, sample
from toy_lms import CARD, Feed

from polyglot_harness.errors import HarnessError, StageError
from polyglot_harness.intrinsic import difficulty, rubric
from polyglot_harness.intrinsic.judging.criteria import question, schema
from polyglot_harness.intrinsic.samples import BLOCK
from polyglot_harness.lm.exchange import Reply, Request
from polyglot_harness.lm.tally import Spending


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


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
