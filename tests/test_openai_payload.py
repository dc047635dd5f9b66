"""The body of a request, and where it goes."""

from __future__ import annotations

from typing import Any

import pytest

from polyglot_harness.lm.exchange import Request
from polyglot_harness.lm.openai_payload import endpoint_of, payload

CHAT = endpoint_of("http://host/v1", "auto")
OPENAI = endpoint_of("https://api.openai.com/v1", "auto")


@pytest.mark.parametrize(
    ("settings", "body"),
    [
        ({}, {"max_tokens": 256, "temperature": 0}),
        ({"max_gen_toks": 9}, {"max_tokens": 9, "temperature": 0}),
        ({"max_tokens": 9, "top_p": 0.9}, {"max_tokens": 9, "temperature": 0, "top_p": 0.9}),
        ({"temperature": 0.8}, {"max_tokens": 256, "temperature": 0.8}),
        ({"temperature": 0.8, "do_sample": False}, {"max_tokens": 256, "temperature": 0}),
        ({"temperature": 0.8, "do_sample": True}, {"max_tokens": 256, "temperature": 0.8}),
        ({"do_sample": True}, {"max_tokens": 256}),
        ({"top_k": 5, "min_p": 0.1}, {"max_tokens": 256, "temperature": 0, "top_k": 5,
                                      "min_p": 0.1}),
        ({"until": []}, {"max_tokens": 256, "temperature": 0}),
        ({"until": ["", "\n"]}, {"max_tokens": 256, "temperature": 0, "stop": ["\n"]}),
        ({"until": "Q:"}, {"max_tokens": 256, "temperature": 0, "stop": ["Q:"]}),
        ({"until": list("abcdef")}, {"max_tokens": 256, "temperature": 0,
                                     "stop": list("abcdef")}),
    ],
)  # fmt: skip
def test_generation_settings(settings: dict[str, Any], body: dict[str, Any]) -> None:
    question = {"model": "m", "messages": [{"role": "user", "content": "Hallo"}], "seed": 5}
    request = Request(0, 1, "Hallo", settings, 5)
    options: dict[str, Any] = {"max_gen_toks": 256, "with_schema": True}
    made = payload(request, "m", CHAT, max_tokens_field="max_tokens", with_seed=True, **options)
    assert made == question | body
    made = payload(
        request, "m", CHAT, max_tokens_field="max_completion_tokens", with_seed=False, **options
    )
    assert "seed" not in made and "max_tokens" not in made
    assert made["max_completion_tokens"] == body["max_tokens"]


def test_openai_takes_four_stop_sequences(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        request = Request(0, 1, "", {"until": ["", *"abcdef"]}, 5)
        made = payload(
            request, "m", OPENAI, max_tokens_field="max_tokens", max_gen_toks=9,
            with_seed=True, with_schema=True,
        )  # fmt: skip
        assert made["stop"] == list("abcd")
    assert [record.getMessage() for record in caplog.records] == [
        "api.openai.com takes 4 stop sequences; left out: ('e', 'f')"
    ]


@pytest.mark.parametrize(
    ("base_url", "endpoint", "url"),
    [
        ("http://h:8000/v1", "auto", "http://h:8000/v1/chat/completions"),
        ("http://h:8000/v1/", "auto", "http://h:8000/v1/chat/completions"),
        ("http://h:8000/v1", "chat", "http://h:8000/v1/chat/completions"),
        ("http://h:8000/v1", "completions", "http://h:8000/v1/completions"),
        ("http://h:8000/v1/completions", "auto", "http://h:8000/v1/completions"),
        ("http://h/v1/chat/completions/", "auto", "http://h/v1/chat/completions"),
        ("https://h/x?api-version=1", "auto", "https://h/x/chat/completions?api-version=1"),
    ],
)
def test_endpoints(base_url: str, endpoint: str, url: str) -> None:
    found = endpoint_of(base_url, endpoint)
    assert found.url == url
    assert found.chat == ("/chat/" in url)


def test_what_is_shown_of_a_url_is_no_secret() -> None:
    shown = endpoint_of("https://user:pass@[::1]:9/v1?key=secret", "auto").shown
    assert shown == "https://[::1]:9/v1/chat/completions"
