"""From replies to examples and rejections: duplicates by the order of the documents, and counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_lms import CHECKS, Desk, Feed, sentences, speech

from polyglot_harness.lm.exchange import Reply, Request

FIRST = "Nenne drei Gründe, warum ein Fahrrad in der Stadt praktischer ist als ein Auto."
NEAR = FIRST.replace("drei", "vier")
OTHER = "Erkläre einem Kind, warum der Himmel am Tag blau und am Abend oft rot aussieht."
FURTHER = "Schreibe eine kurze Absage an einen Nachbarn, der zum Grillen eingeladen hat."


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def distinct(index: int) -> str:
    """Return a response of its own for each document."""
    return " ".join(sentences()[3 * index : 3 * index + 3])


def says(*texts: str | tuple[str, str]) -> Callable[[Request], Reply]:
    """Reply with a prompt (or prompt and response) by the number of the document."""

    def reply(request: Request) -> Reply:
        text = texts[request.index]
        prompt, response = (text, distinct(request.index)) if isinstance(text, str) else text
        return Reply(json.dumps({"prompt": prompt, "response": response}), "stop", 1, 1)

    return reply


def outcome(desk: Desk) -> dict[int, tuple[str, str]]:
    """Return reason and detail by the number of the document."""
    rows = {int(row["id"][-6:]): ("", "") for row in desk.examples}
    rejected = {int(row["id"][-6:]): (row["reason"], row["detail"]) for row in desk.rejections}
    assert not rows.keys() & rejected.keys()
    return rows | rejected


def number(detail: str) -> int:
    return int(detail[-6:])


@pytest.mark.parametrize(
    ("prompts", "threshold", "copies"),
    [
        ((FIRST, OTHER, FURTHER), 0.8, {}),
        ((FIRST, OTHER, FIRST), 0.8, {2: 0}),
        ((FIRST, FIRST, FIRST, OTHER, OTHER), 0.8, {1: 0, 2: 0, 4: 3}),
        ((OTHER, FIRST, NEAR), 0.8, {2: 1}),
        ((OTHER, NEAR, FIRST), 0.8, {2: 1}),
        # 0 finds equal ones only, but for case and space
        ((FIRST, NEAR, OTHER), 0.0, {}),
        ((FIRST, FIRST.upper(), f"  {FIRST} ".replace(" in ", "  in ")), 0.0, {1: 0, 2: 0}),
        ((FIRST, NEAR), 0.99, {}),
    ],
)
@pytest.mark.parametrize("order", [0, 3])
def test_the_first_of_equal_or_nearly_equal_prompts_is_kept(
    desk: Desk, prompts: tuple[str, ...], threshold: float, copies: dict[int, int], order: int
) -> None:
    feed = Feed(reply=says(*prompts), order=order)
    checks = CHECKS.model_copy(update={"near_duplicate": threshold})
    counts = desk.teach(feed, len(prompts), strategy="generate", checks=checks)
    found = outcome(desk)
    assert {i: number(detail) for i, (reason, detail) in found.items() if reason} == copies
    assert {reason for reason, _ in found.values()} <= {"", "duplicate"}
    assert counts["accepted"] == len(prompts) - len(copies)
    assert counts.get("rejected_duplicate", 0) == len(copies)
    # the detail is the id of the example that was kept, the reply is kept too
    kept = {row["id"] for row in desk.examples}
    for row in desk.rejections:
        assert row["detail"] in kept and json.loads(row["reply"])["prompt"] in prompts


def test_a_rejected_reply_makes_no_other_one_a_duplicate(desk: Desk) -> None:
    feed = Feed(reply=says((FIRST, "Ja."), FIRST, FIRST))
    desk.teach(feed, 3, strategy="generate")
    assert {i: reason for i, (reason, _) in outcome(desk).items()} == {
        0: "too_short", 1: "", 2: "duplicate",
    }  # fmt: skip
    assert number(outcome(desk)[2][1]) == 1


@pytest.mark.parametrize("strategy", ["respond", "refine"])
def test_where_the_prompt_was_given_only_equal_answers_to_it_are_duplicates(
    desk: Desk, strategy: str
) -> None:
    """67 documents of 66 seeds: the last one is asked what the first one was."""
    same = distinct(0)
    feed = Feed(reply=lambda request: Reply(same, "stop", 1, 1))
    desk.teach(feed, 67, strategy=strategy)
    contexts = {request.index: request.context for request in feed.asked}
    assert contexts[0].split("content")[1][:40] == contexts[66].split("content")[1][:40]
    found = outcome(desk)
    assert found.pop(66)[0] == "duplicate"
    assert "duplicate" not in {reason for reason, _ in found.values()}
    assert [row["detail"] for row in desk.rejections if row["reason"] == "duplicate"] == [
        f"de-{strategy}-0-000000"
    ]
    other = Desk(desk.out.parent / "other")
    other.teach(Feed(), 67, strategy=strategy)
    assert "duplicate" not in {reason for reason, _ in outcome(other).values()}


def test_counts_are_those_of_the_files(desk: Desk) -> None:
    def reply(request: Request) -> Reply:
        texts: list[Any] = [
            Reply("", "stop"),
            Reply("kein JSON", "stop"),
            Reply("", error="500"),
            Reply("", "content_filter"),
            Reply(json.dumps({"prompt": FIRST, "response": distinct(7)}), "stop"),
            Reply(json.dumps({"prompt": f"{FIRST} {speech(lambda n: request.seed % n)}",
                              "response": distinct(request.index % 20)}), "length"),
        ]  # fmt: skip
        return texts[request.seed % len(texts)]  # type: ignore[no-any-return]

    counts = desk.teach(Feed(reply=reply), 60, strategy="generate", max_attempts=2)
    reasons = [row["reason"] for row in desk.rejections]
    rejected = {k.removeprefix("rejected_"): n for k, n in counts.items() if "rejected_" in k}
    assert rejected == {reason: reasons.count(reason) for reason in set(reasons)}
    assert {"empty", "unparsable", "backend_error", "refusal", "duplicate"} <= set(reasons)
    assert counts["accepted"] == len(desk.examples) > 0
    assert counts["replies"] == len(desk.replies) == len(reasons) + len(desk.examples)


def test_duplicates_are_not_asked_again(desk: Desk) -> None:
    feed = Feed(reply=says(FIRST, FIRST, OTHER))
    counts = desk.teach(feed, 3, strategy="generate", max_attempts=3)
    assert len(feed.asked) == 3 and counts["rejected_duplicate"] == 1


def test_rows_hold_what_the_types_say(desk: Desk) -> None:
    from polyglot_harness.spec import Example, Rejection

    desk.teach(Feed(short=2), 12, max_attempts=2)
    assert desk.examples and desk.rejections
    for row in desk.examples:
        assert Example.model_validate(row).model_dump(mode="json") == row
    for row in desk.rejections:
        assert Rejection.model_validate(row).model_dump(mode="json") == row
