"""The engine and a backend that is fed continuously: all is kept, only what is missing is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy_lms import CARD, CHECKS, IN_PROCESS, SHORT, Desk, Feed, Sampler, speech

from polyglot_harness.errors import StageError
from polyglot_harness.languages import load_pack
from polyglot_harness.lm.engine import MAX_SEED, BudgetReached
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.lm.tally import Spending, estimate_tokens, price
from polyglot_harness.strategies import REPLY_SCHEMA


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [int(row["id"][-6:]) for row in rows]


# --- what is asked -----------------------------------------------------------------------------


def test_every_document_is_asked_once_and_outcomes_are_in_their_order(desk: Desk) -> None:
    feed = Feed(short=3)
    counts = desk.teach(feed, 24)
    assert sorted(feed.documents) == list(range(24))
    assert len({request.seed for request in feed.asked}) == 24
    assert all(0 <= request.seed <= MAX_SEED for request in feed.asked)
    assert {request.attempt for request in feed.asked} == {1}
    accepted, rejected = ids(desk.examples), ids(desk.rejections)
    assert accepted == sorted(accepted) and rejected == sorted(rejected)
    assert sorted(accepted + rejected) == list(range(24))
    assert 0 < counts["rejected_too_short"] == len(rejected) < 24
    assert counts["accepted"] == len(accepted) == 24 - len(rejected)
    assert (counts["requests"], counts["replies"], counts["tokens_in"]) == (24, 24, 2400)
    assert counts["tokens_out"] == sum(row["tokens_out"] for row in desk.replies)
    assert counts["cost_usd"] == round(price(CARD, 2400, counts["tokens_out"]), 6)
    assert (counts["tokens_estimated"], counts["retries"]) == (0, 0)
    told = [done for done, _ in desk.told]
    assert told[0] == 1 and told[-1] == 24 and told == sorted(told)
    assert f"{counts['accepted']} accepted, {len(rejected)} too_short" in desk.told[-1][1]


def test_a_request_is_what_lm_eval_would_send(desk: Desk) -> None:
    from polyglot_harness.lm.index import load_tasks, task_manager

    name = "polyglot_teach_de_generate"
    feed = Feed()
    desk.teach(feed, 3, strategy="generate", system_instruction="Sei kurz.", gen_kwargs=(
        ("temperature", 0.3), ("max_gen_toks", 77)))  # fmt: skip
    task = load_tasks(task_manager([name], metadata={"n": 3}), [name])["tasks"][name]
    task.build_all_requests(
        system_instruction="Sei kurz.",
        apply_chat_template=True,
        chat_template=feed.apply_chat_template,
    )
    theirs = [instance.args for instance in task.instances]
    ours = sorted(feed.asked, key=lambda request: request.index)
    assert [request.context for request in ours] == [context for context, _ in theirs]
    assert json.loads(ours[0].context)[0] == {"role": "system", "content": "Sei kurz."}
    changed = {"temperature": 0.3, "max_gen_toks": 77}
    assert [dict(r.gen_kwargs) for r in ours] == [{**kwargs, **changed} for _, kwargs in theirs]


@pytest.mark.parametrize(
    ("strategy", "reply_format", "schema"),
    [
        ("generate", None, REPLY_SCHEMA),
        ("translate", "json", REPLY_SCHEMA),
        ("generate", "labels", None),
        ("respond", None, None),
        ("refine", None, None),
    ],
)
def test_a_schema_goes_with_requests_for_json(
    desk: Desk, strategy: str, reply_format: Any, schema: Any
) -> None:
    feed = Feed()
    card = CARD.model_copy(update={"reply_format": reply_format})
    desk.teach(feed, 2, strategy=strategy, teacher=card)
    assert [request.schema for request in feed.asked] == [schema, schema]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 7, 64])
def test_the_order_of_arrival_does_not_change_the_files(
    tmp_path: Path, order: int, window: int
) -> None:
    first, other = Desk(tmp_path / "first"), Desk(tmp_path / "other")
    counts = first.teach(Feed(short=3), 20, max_attempts=2)
    again = other.teach(Feed(short=3, order=order, window=window), 20, max_attempts=2)
    assert other.files == first.files and again == counts
    if window > 1:
        assert [row["id"] for row in first.replies] != [row["id"] for row in other.replies]


# --- attempts ----------------------------------------------------------------------------------


def test_rejected_documents_are_asked_again_with_other_seeds(desk: Desk) -> None:
    feed = Feed(short=2)
    counts = desk.teach(feed, 30, max_attempts=3)
    asked = [{r.index for r in feed.asked if r.attempt == n} for n in (1, 2, 3)]
    short = [{int(row["id"][-6:]) for row in desk.replies if row["attempt"] == n and row["reason"]}
             for n in (1, 2, 3)]  # fmt: skip
    assert asked == [set(range(30)), short[0], short[1]]
    assert 0 < len(short[2]) < len(short[1]) < len(short[0]) < 30
    assert len(feed.asked) == sum(map(len, asked)) == counts["replies"] == len(desk.replies)
    assert len({(r.index, r.seed) for r in feed.asked}) == len(feed.asked)
    # every reply became one row of the two files, with its attempt
    rows = sorted((row["id"], row["attempt"]) for row in desk.examples + desk.rejections)
    assert rows == sorted((row["id"], row["attempt"]) for row in desk.replies)
    assert counts["accepted"] == 30 - len(short[2])
    assert counts["rejected_too_short"] == sum(map(len, short))
    assert {row["attempt"] for row in desk.examples} == {1, 2, 3}
    assert [row["attempt"] for row in desk.rejections if int(row["id"][-6:]) == min(short[2])
            ] == [1, 2, 3]  # fmt: skip


def test_more_attempts_later_ask_only_for_what_is_still_rejected(tmp_path: Path) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    whole.teach(Feed(short=2), 20, max_attempts=3)
    desk.teach(Feed(short=2), 20)
    rejected = set(ids(desk.rejections))
    feed = Feed(short=2)
    desk.teach(feed, 20, max_attempts=3)
    assert set(feed.documents) == rejected and {r.attempt for r in feed.asked} == {2, 3}
    assert desk.files == whole.files


def test_a_prompt_that_does_not_fit_is_not_asked_again(desk: Desk) -> None:
    feed = Feed(reply=lambda request: Reply("", "prompt_truncated", 0, 0))
    counts = desk.teach(feed, 3, max_attempts=4)
    assert len(feed.asked) == 3 and counts["rejected_prompt_truncated"] == 3


def test_what_a_filter_withheld_is_a_refusal(desk: Desk) -> None:
    feed = Feed(reply=lambda request: Reply("", "content_filter", 5, 0))
    counts = desk.teach(feed, 2, max_attempts=2)
    assert counts["rejected_refusal"] == 4 == len(feed.asked)
    assert {row["detail"] for row in desk.rejections} == {"content filter"}


# --- what is on disk ---------------------------------------------------------------------------


def test_the_same_again_asks_nothing(desk: Desk) -> None:
    counts = desk.teach(Feed(short=3), 20, max_attempts=2)
    files, log = desk.files, desk.replies
    feed = Feed(short=3)
    assert desk.teach(feed, 20, max_attempts=2) == counts
    assert (feed.asked, desk.files, desk.replies) == ([], files, log)


def test_a_larger_limit_asks_for_the_new_documents_and_a_smaller_one_for_nothing(
    tmp_path: Path,
) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    whole.teach(Feed(), 25)
    desk.teach(Feed(), 10)
    small = desk.files
    feed = Feed(order=9)
    desk.teach(feed, 25)
    assert sorted(feed.documents) == list(range(10, 25))
    assert desk.files == whole.files
    feed = Feed()
    counts = desk.teach(feed, 10)
    assert feed.asked == [] and desk.files == small and counts["replies"] == 10


def test_a_changed_seed_example_asks_for_the_documents_that_show_it(tmp_path: Path) -> None:
    pack = load_pack("de")
    changed = pack.seeds[5].model_copy(update={"prompt": "Wie spät ist es in Lissabon um zwölf?"})
    other = pack.model_copy(update={"seeds": (*pack.seeds[:5], changed, *pack.seeds[6:])})
    desk, whole = Desk(tmp_path / "desk"), Desk(tmp_path / "whole")
    desk.teach(Feed(), 40, strategy="generate")
    whole.teach(first := Feed(), 40, strategy="generate", pack=other)
    showing = {r.index for r in first.asked if "Lissabon" in r.context}
    feed = Feed()
    desk.teach(feed, 40, strategy="generate", pack=other)
    assert set(feed.documents) == showing and 0 < len(showing) < 20
    assert desk.files == whole.files
    feed = Feed()
    desk.teach(feed, 40, strategy="generate", pack=pack)
    assert feed.asked == []  # the old replies are still there


@pytest.mark.parametrize(
    "changes",
    [
        {"gen_kwargs": (("temperature", 0.1),)},
        {"system_instruction": "Sei kurz."},
        {"seed": 1},
    ],
)
def test_two_specs_share_a_log(desk: Desk, changes: dict[str, Any]) -> None:
    desk.teach(Feed(), 8)
    first = desk.files
    desk.teach(feed := Feed(), 8, **changes)
    assert len(feed.asked) == 8 and len(desk.replies) == 16
    second = desk.files
    for again, files in (({}, first), (changes, second), ({}, first)):
        desk.teach(feed := Feed(), 8, **again)
        assert feed.asked == [] and desk.files == files
    assert len(desk.replies) == 16


def test_other_checks_judge_the_replies_on_disk_anew(desk: Desk) -> None:
    counts = desk.teach(Feed(short=3), 20)
    files = desk.files
    strict = CHECKS.model_copy(update={"min_characters": 250})
    stricter = desk.teach(feed := Feed(short=3), 20, checks=strict)
    assert feed.asked == []
    assert 0 < stricter["accepted"] < counts["accepted"]
    assert all(len(row["response"]) >= 250 for row in desk.examples)
    lenient = CHECKS.model_copy(update={"min_characters": 2})
    assert desk.teach(feed := Feed(), 20, checks=lenient)["accepted"] > counts["accepted"]
    assert SHORT in {row["response"] for row in desk.examples}
    assert desk.teach(feed, 20) == counts and feed.asked == []
    assert desk.files == files
    money = {k: v for k, v in stricter.items() if "tokens" in k or k == "cost_usd"}
    assert money.items() <= counts.items()  # judging again costs nothing


# --- faults ------------------------------------------------------------------------------------


def test_documents_without_an_answer_are_asked_again_in_the_next_run(tmp_path: Path) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    whole.teach(Feed(), 12)
    counts = desk.teach(Feed(failing={2, 3, 7}), 12)
    assert (counts["rejected_backend_error"], counts["retries"], counts["replies"]) == (3, 6, 12)
    assert ids(desk.rejections) == [2, 3, 7]
    assert {row["detail"] for row in desk.rejections} == {"503 after 3 tries: busy"}
    assert {row["tokens_in"] for row in desk.replies if row["error"]} == {0}  # nothing was paid
    counts = desk.teach(feed := Feed(failing={7}), 12)
    assert sorted(feed.documents) == [2, 3, 7] and counts["rejected_backend_error"] == 1
    desk.teach(feed := Feed(), 12)
    assert feed.documents == [7] and desk.files == whole.files


def test_an_error_is_tried_again_as_another_attempt(desk: Desk) -> None:
    counts = desk.teach(feed := Feed(failing={1}), 3, max_attempts=3)
    assert [r.attempt for r in feed.asked if r.index == 1] == [1, 2, 3]
    assert counts["rejected_backend_error"] == 3


@pytest.mark.parametrize("after", [0, 1, 9])
def test_a_server_that_dies_leaves_what_had_arrived(tmp_path: Path, after: int) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    whole.teach(Feed(), 16)
    with pytest.raises(StageError, match="no server answers"):
        desk.teach(Feed(dies_after=after), 16)
    arrived = set(ids(desk.replies))
    assert len(arrived) == after == len(desk.examples + desk.rejections)
    desk.teach(feed := Feed(), 16)
    assert set(feed.documents) == set(range(16)) - arrived
    assert len(feed.documents) == 16 - after and desk.files == whole.files


def test_a_backend_that_forgets_a_request_is_no_finished_stage(desk: Desk) -> None:
    class Forgetful(Feed):
        def stream_replies(self, requests: Any) -> Any:
            return (pair for pair in super().stream_replies(requests) if pair[0].index != 5)

    with pytest.raises(StageError, match="respond: 1 of the requests got no reply"):
        desk.teach(Forgetful(), 9)
    assert len(desk.replies) == 8
    desk.teach(feed := Feed(), 9)
    assert feed.documents == [5]


HALF = "Ein \ud83d halbes Zeichen, und dazu ein ganzer Satz, der lang genug ist."


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        ("respond", HALF),
        ("generate", json.dumps({"prompt": HALF, "response": f"Das ist die Antwort. {HALF}"})),
        ("generate", HALF),
    ],
)
def test_half_of_a_surrogate_pair_in_a_reply_can_be_stored(
    desk: Desk, strategy: str, text: str
) -> None:
    desk.teach(Feed(reply=lambda request: Reply(text, "stop", 9, 9)), 2, strategy=strategy)
    files = desk.files
    assert len(desk.examples + desk.rejections) == 2
    desk.teach(feed := Feed(), 2, strategy=strategy)
    assert feed.asked == [] and desk.files == files


def test_tokens_that_nobody_counts_are_estimated(desk: Desk) -> None:
    text = speech(lambda n: n // 2)
    feed = Feed(reply=lambda request: Reply(text))
    counts = desk.teach(feed, 2)
    assert counts["tokens_estimated"] == 2
    assert counts["tokens_out"] == 2 * estimate_tokens(text)
    assert counts["tokens_in"] == sum(estimate_tokens(r.context) for r in feed.asked)


# --- money -------------------------------------------------------------------------------------


def spent(desk: Desk) -> float:
    return sum(price(CARD, row["tokens_in"], row["tokens_out"]) for row in desk.replies)


@pytest.mark.parametrize("window", [1, 4, 16])
@pytest.mark.parametrize("replies", [1, 3.5, 10, 20.5, 27])
def test_the_budget_stops_the_feed_and_more_money_asks_for_the_rest(
    tmp_path: Path, window: int, replies: float
) -> None:
    """`replies` is how many the money is good for, at the mean cost of a reply."""
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    total = whole.teach(Feed(), 30)["cost_usd"]
    money = total / 30 * replies
    spending = Spending(money)
    with pytest.raises(BudgetReached) as caught:
        desk.teach(feed := Feed(window=window), 30, spending=spending)
    kept = len(desk.replies)
    assert str(caught.value) == (
        f"stopped at --max_cost {money}: {kept} replies are kept; raise it and give the command "
        "again"
    )
    assert kept == len(feed.asked) == len(desk.examples + desk.rejections)
    assert spending.spent == pytest.approx(spent(desk))
    # before the first reply nobody knows what one costs: then the window may be too much
    assert 0.7 * replies - 1 < kept < max(1.2 * replies + 1, window + 1)
    first = set(feed.documents)
    with pytest.raises(BudgetReached):
        desk.teach(feed := Feed(window=window), 30, spending=Spending(money))
    assert len(feed.asked) <= 2 + window // 4  # what had been kept for dearer replies
    first |= set(feed.documents)
    counts = desk.teach(feed := Feed(), 30, spending=Spending(total * 1.2))
    assert sorted(feed.documents) == sorted(set(range(30)) - first)
    assert counts["cost_usd"] == total and desk.files == whole.files


def test_money_for_all_is_enough(desk: Desk) -> None:
    counts = desk.teach(Feed(), 10, spending=(spending := Spending(1.0)))
    assert counts["replies"] == 10 and spending.spent == pytest.approx(counts["cost_usd"])


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_money_that_ends_in_a_later_attempt_leaves_an_unfinished_stage(
    tmp_path: Path, share: float
) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    total = whole.teach(Feed(short=2), 24, max_attempts=4)["cost_usd"]
    with pytest.raises(BudgetReached):
        desk.teach(Feed(short=2), 24, max_attempts=4, spending=Spending(total * share))
    kept = len(desk.replies)
    assert 24 < kept < len(whole.replies)
    desk.teach(feed := Feed(short=2), 24, max_attempts=4, spending=Spending(total * 1.2))
    assert len(feed.asked) == len(whole.replies) - kept and desk.files == whole.files


def test_cells_share_the_money(tmp_path: Path) -> None:
    spending = Spending(0.02)
    first, second = Desk(tmp_path / "first"), Desk(tmp_path / "second")
    cost = first.teach(Feed(), 12, spending=spending)["cost_usd"]
    with pytest.raises(BudgetReached):
        second.teach(Feed(window=1), 30, spending=spending)
    assert spent(first) + spent(second) == pytest.approx(spending.spent)
    assert cost < spending.spent < 0.02 + 0.0016


@pytest.mark.parametrize(
    "teacher", [IN_PROCESS, CARD.model_copy(update={"model": "x-completions"})]
)
@pytest.mark.parametrize("share", [0.3, 0.55, 0.95])
def test_the_budget_stops_chunks_too(tmp_path: Path, teacher: Any, share: float) -> None:
    whole, desk = Desk(tmp_path / "whole"), Desk(tmp_path / "desk")
    total = whole.teach(Sampler(), 20, teacher=teacher)["cost_usd"]
    with pytest.raises(BudgetReached):
        desk.teach(Sampler(), 20, teacher=teacher, spending=(money := Spending(total * share)))
    kept = len(desk.replies)
    assert kept % 4 == 0 and kept < 20 and money.spent < total
    counts = desk.teach(lm := Sampler(), 20, teacher=teacher, spending=Spending(total * 2))
    assert sum(map(len, lm.calls)) == 20 - kept and counts["replies"] == 20
    if teacher is IN_PROCESS:
        assert desk.files == whole.files
