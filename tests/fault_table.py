"""The answers of a failing server, as (status, headers, body), for `fault_server`."""

from __future__ import annotations

import json
from typing import Any


def error(status: int, message: str, code: str | None = None, **headers: str) -> tuple:
    body = {"error": {"message": message, "type": "error", "param": None, "code": code}}
    return status, headers, json.dumps(body).encode()


def choice(message: dict[str, Any], reason: str) -> tuple:
    body = {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}
    return 200, {}, json.dumps(body).encode()


TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, your messages resulted in 5210"
    " tokens. Please reduce the length of the messages."
)
FAULTS: dict[str, tuple] = {
    "408": error(408, "Request timeout"),
    "409": error(409, "Conflict"),
    "429": error(429, "Rate limit reached", "rate_limit_exceeded"),
    "429-ms": error(429, "Rate limit reached", **{"retry-after-ms": "300"}),
    "429-quota": error(429, "You exceeded your current quota", "insufficient_quota"),
    "500": error(500, "Internal server error"),
    "502": (502, {}, b"<html>Bad Gateway</html>"),
    "503": error(503, "Service unavailable"),
    "504": (504, {}, b""),
    "529": error(529, "Overloaded"),
    "501": error(501, "Not implemented"),
    "200-error": (200, {}, json.dumps({"error": {"code": 502, "message": "Upstream"}}).encode()),
    "bad-json": (200, {}, b'{"choices": [{"message": {"cont'),
    "no-choices": (200, {}, b'{"object": "chat.completion", "choices": []}'),
    "list": (200, {}, b"[1, 2]"),
    "number": choice({"role": "assistant", "content": 7}, "stop"),
    "null": choice({"role": "assistant", "content": None}, "stop"),
    "null-length": choice({"content": None, "reasoning_content": "Hm ..."}, "length"),
    "filtered": choice({"role": "assistant", "content": None}, "content_filter"),
    "refusal": choice({"content": None, "refusal": "I cannot help with that."}, "stop"),
    "reasoning": choice({"content": "Vier.", "reasoning_content": "2 + 2"}, "stop"),
    "tools": choice({"content": None, "tool_calls": [{}]}, "tool_calls"),
    "parts": choice({"content": [{"type": "text", "text": "a"}, {"text": "b"}]}, "eos"),
    "filter-400": error(400, "The prompt triggered the policy", "content_filter"),
    "too-long": error(400, TOO_LONG, "context_length_exceeded"),
    "too-long-422": (422, {}, b'{"error": "`inputs` tokens + `max_new_tokens` must be <= 4096"}'),
    "bad-request": error(400, "temperature must be at most 1"),
    "unprocessable": (
        422,
        {},
        b'{"detail": [{"loc": ["body", "seed"], "msg": "extra fields not permitted",'
        b' "input": "context window, content_filter, json_schema"}]}',
    ),
    "bad-key": error(401, "Incorrect API key provided", "invalid_api_key"),
    "forbidden": error(403, "Country not supported"),
    "no-credit": error(402, "Insufficient balance"),
    "wrong-path": (404, {}, b'{"detail": "Not Found"}'),
    "wrong-model": error(404, "The model `x` does not exist", "model_not_found"),
    "model-400": error(400, "Model x not found"),
    "redirect": (307, {"Location": "https://elsewhere.example/v1"}, b""),
}
SPECIAL = ("429-after", "429-date", "503-after", "reset", "hang", "truncated", "echo-key")
NO_SCHEMA = error(400, "Unknown parameter: 'response_format'", "unknown_parameter")
NO_MAX_TOKENS = error(
    400,
    "Unsupported parameter: 'max_tokens' is not supported with this model."
    " Use 'max_completion_tokens' instead.",
    "unsupported_parameter",
)
