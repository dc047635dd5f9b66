"""What each answer of a server, or the lack of one, comes to: against a real one that fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asking import SCHEMA, asked, client, expected, replies
from fault_server import FaultServer

from polyglot_harness.errors import ConfigError, HarnessError, StageError
from polyglot_harness.lm.exchange import Reply
from polyglot_harness.lm.http_outcome import Server, of_response, retry_after
from polyglot_harness.lm.patience import LONGEST_ASKED, LONGEST_KNOCK, LONGEST_WAIT, Patience


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize(
    ("fault", "text", "reason"),
    [
        ("null", "", "stop"),
        ("null-length", "", "length"),
        ("filtered", "", "content_filter"),
        ("refusal", "I cannot help with that.", "content_filter"),
        ("reasoning", "Vier.", "stop"),
        ("tools", "", "unknown"),
        ("parts", "ab", "stop"),
        ("filter-400", "", "content_filter"),
        ("too-long", "", "prompt_truncated"),
        ("too-long-422", "", "prompt_truncated"),
    ],
)
def test_an_answer_that_is_none_is_told_by_its_reason(fault: str, text: str, reason: str) -> None:
    with FaultServer() as server:
        assert replies(client(server), f"[[{fault}]]") == [Reply(text, reason)]
        assert len(server.requests) == 1


RETRIED = {
    "408": "408 after 3 tries: Request timeout",
    "409": "409 after 3 tries: Conflict",
    "429": "429 after 3 tries: Rate limit reached",
    "429-ms": "429 after 3 tries: Rate limit reached",
    "429-after": "429 after 3 tries: Rate limit reached",
    "429-date": "429 after 3 tries: Rate limit reached",
    "500": "500 after 3 tries: Internal server error",
    "502": "502 after 3 tries: <html>Bad Gateway</html>",
    "503": "503 after 3 tries: Service unavailable",
    "503-after": "503 after 3 tries: Restarting",
    "504": "504 after 3 tries",
    "529": "529 after 3 tries: Overloaded",
    "200-error": "502 after 3 tries: Upstream",
    "reset": "connection lost after 3 tries",
    "hang": "no answer within 0.4 s after 3 tries",
    "truncated": "answer cut short after 3 tries",
    "bad-json": "answer is no JSON after 3 tries",
    "no-choices": "answer without choices after 3 tries",
    "list": "answer without choices after 3 tries",
    "number": "answer without text after 3 tries",
}


@pytest.mark.parametrize("fault", RETRIED)
def test_what_may_pass_is_tried_again(fault: str) -> None:
    with FaultServer(retry_after=0.05) as server:
        lm = client(server, timeout=0.4 if fault == "hang" else 60)
        (request,) = asked([f"Wie geht es? [[{fault} x2]]"])
        ((_, reply),) = lm.stream_replies(iter([request]))
        assert reply.text == expected(request)
        assert (reply.finish_reason, reply.tries, reply.error) == ("stop", 3, "")
        assert reply.tokens_in and reply.tokens_out
        # and not for ever
        (reply,) = replies(lm, f"[[{fault}]]")
        assert (reply.text, reply.error, reply.tries) == ("", RETRIED[fault], 3)
        assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("bad-request", "400: temperature must be at most 1"),
        # what the server repeats of the request says nothing of the fault
        ("unprocessable", "422: body.seed: extra fields not permitted"),
        ("501", "501: Not implemented"),
    ],
)
def test_a_wrong_request_fails_at_once_and_five_at_first_end_the_run(
    fault: str, error: str
) -> None:
    with FaultServer() as server:
        lm = client(server, num_concurrent=1)
        found = replies(lm, "Hallo", *[f"[[{fault}]] {i}" for i in range(8)])
        assert {(r.text, r.error, r.tries) for r in found[1:]} == {("", error, 1)}
        lm = client(server, num_concurrent=1)
        arrived = []
        with pytest.raises(StageError) as caught:
            arrived.extend(lm.stream_replies(asked(f"[[{fault}]] {i}" for i in range(8))))
        assert str(caught.value) == (
            f"{server.url}/chat/completions takes none of the requests to 'm'; it says: {error}"
        )
        assert len(arrived) == 5


@pytest.mark.parametrize(
    ("fault", "kind", "line"),
    [
        ("bad-key", ConfigError, "refuses access to 'm' (401: Incorrect API key provided); set "
         "OPENAI_API_KEY to an API key"),
        ("forbidden", ConfigError, "refuses access to 'm' (403: Country not supported); set "
         "OPENAI_API_KEY to an API key"),
        ("wrong-path", ConfigError, "is no address for requests to 'm' (404: Not Found); check "
         "base_url, endpoint and model"),
        ("redirect", ConfigError, "is no address for requests to 'm' (307, it points to "
         "https://elsewhere.example/v1); check base_url, endpoint and model"),
        ("wrong-model", ConfigError, "has no model 'm' (404: The model `x` does not exist); give "
         "another model="),
        ("model-400", ConfigError, "has no model 'm' (400: Model x not found); give another "
         "model="),
        ("no-credit", StageError, "has no credit for m (402: Insufficient balance); add some and "
         "give the same command again"),
        ("429-quota", StageError, "has no credit for m (429: You exceeded your current quota); "
         "add some and give the same command again"),
    ],
)  # fmt: skip
def test_what_no_request_could_pass_ends_the_run(
    fault: str, kind: type[HarnessError], line: str
) -> None:
    with FaultServer() as server:
        with pytest.raises(kind) as caught:
            replies(client(server), f"[[{fault}]]")
        prefix = "the account at " if kind is StageError else ""
        assert str(caught.value) == f"{prefix}{server.url}/chat/completions {line}"
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT"}, 20.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=100.0) == seconds


@pytest.mark.parametrize(
    ("sends", "asked_for", "knocking", "low", "high"),
    [
        (1, None, False, 0, 1),
        (4, None, False, 0, 8),
        (30, None, False, 0, LONGEST_WAIT),
        (30, None, True, 0, LONGEST_KNOCK),
        (4, 10.0, False, 10, 11),
        (4, 9999.0, False, LONGEST_ASKED, LONGEST_ASKED + 1),
    ],
)
def test_waits_grow_are_spread_and_are_capped(
    sends: int, asked_for: float | None, knocking: bool, low: float, high: float
) -> None:
    patience = Patience(1, 1, 1, None, backoff_seconds=1.0, grace_seconds=1)
    waits = [patience.wait(sends, asked_for, knocking=knocking) for _ in range(400)]
    assert low <= min(waits) < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < max(waits) <= high


@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[" * 100_000, b'{"choices": 3}'])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_no_body_is_too_odd(status: int, body: bytes) -> None:
    outcome = of_response(status, {}, body, Server("http://x", "m", "K", "key"))
    assert type(outcome).__name__ == ("Reject" if status == 400 else "Retry")


# --- what servers do not know ------------------------------------------------------------------


def test_structured_output_falls_back_once(caplog: pytest.LogCaptureFixture) -> None:
    with FaultServer(knows_schema=False, latency=0.02) as server:
        lm = client(server)
        found = replies(lm, *map(str, range(12)), schema=SCHEMA)
        assert [(bool(r.text), r.tries, r.error) for r in found] == [(True, 1, "")] * 12
        refused = [r for r in server.requests if r.outcome != "ok"]
        assert len(refused) == 4  # those that were in flight together
        assert [r.getMessage() for r in caplog.records] == [
            f"{server.url}/chat/completions: no structured output"
            " (400: Unknown parameter: 'response_format')"
        ]
        assert replies(lm, "more", schema=SCHEMA)[0].text
        assert len(server.requests) == 12 + 4 + 1


@pytest.mark.parametrize(("choice", "sent"), [("auto", True), (True, True), ("false", False)])
def test_structured_output(choice: Any, sent: bool) -> None:
    with FaultServer() as server:
        lm = client(server, structured_output=choice)
        (reply,) = replies(lm, "Eine Aufgabe auf Deutsch", schema=SCHEMA)
        format_ = server.requests[0].body.get("response_format")
        assert bool(format_) is sent
        if sent:
            assert format_["json_schema"] == {"name": "example", "strict": True, "schema": SCHEMA}
            assert set(json.loads(reply.text)) == {"prompt", "response"}
        assert replies(lm, "Ohne")[0].text and "response_format" not in server.requests[1].body


def test_structured_output_that_is_demanded_does_not_fall_back() -> None:
    with FaultServer(knows_schema=False) as server:
        (reply,) = replies(client(server, structured_output="true"), "x", schema=SCHEMA)
        assert reply.error == "400: Unknown parameter: 'response_format'"


def test_the_name_of_the_budget_falls_back_once() -> None:
    with FaultServer(knows_max_tokens=False) as server:
        lm = client(server, num_concurrent=1)
        assert [r.error for r in replies(lm, "a", "b", "c")] == ["", "", ""]
        assert [r.outcome for r in server.requests] == ["no-max-tokens", "ok", "ok", "ok"]
        assert server.requests[-1].body["max_completion_tokens"] == 99
        strict = client(server, max_tokens_field="max_tokens")
        assert replies(strict, "a")[0].error.startswith("400: Unsupported parameter")
