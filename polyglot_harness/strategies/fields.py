"""Take prompt and response out of a reply: a JSON object or labelled lines, forgivingly.

Whatever was asked for, both are read. JSON is read strictly first, then repaired (json_repair).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

REPLY_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "prompt": {"type": "string", "minLength": 1},
        "response": {"type": "string", "minLength": 1},
    },
    "required": ["prompt", "response"],
    "additionalProperties": False,
}
"""JSON schema of the reply that generate and translate ask for in the format ``json``."""

MAX_REPAIR = 20_000_000
"""Characters times signs of JSON beyond which broken JSON is not repaired, an opening brace or
bracket counted 100 times: the time for it grows so, to about a quarter of a second. Natural text
of 8,000 characters has 2 to 5 million."""
_SIGNS = re.compile(r"[\"'“”‘’{}\[\]():,/\\*#]")
_PROMPT_WORDS = ("Prompt", "Task", "Question", "Instruction")
_RESPONSE_WORDS = ("Response", "Answer")
_FENCE = re.compile(r"^```\w*\n(.*?)(?:\n```(.*)|$)", re.DOTALL)
_TAG = "(?:think|thinking|thought|reasoning)"
_THOUGHTS = re.compile(rf"^\s*<({_TAG})>.*?</\1>", re.DOTALL | re.IGNORECASE)
_UNOPENED = re.compile(rf"^(?:(?!<{_TAG}>).)*?</think>", re.DOTALL | re.IGNORECASE)
_UNCLOSED = re.compile(rf"^\s*<{_TAG}>", re.IGNORECASE)
_QUOTES = "\"'“”„‘’"


class Fault(NamedTuple):
    """Why a reply is not usable."""

    reason: str
    """One of `checks.REASONS`."""
    detail: str = ""
    """What was found."""


class Fields(NamedTuple):
    """What a reply says."""

    prompt: str
    response: str
    own_prompt: bool = True
    """The teacher wrote the prompt, so it is checked too."""
    cut: bool = False
    """The response was cut off, by what its form tells."""


def without_thoughts(reply: str) -> str | Fault:
    """Return the reply without what a model thinks aloud before it (``<think>...</think>``).

    The opening tag may be missing: some chat templates put it into the request.
    """
    text = _THOUGHTS.sub("", reply, count=1)
    if _UNCLOSED.match(text):
        return Fault("truncated", "thoughts without an end")
    return _UNOPENED.sub("", text, count=1) if "</think>" in text else text


def prompt_and_response(reply: str, document: Mapping[str, Any]) -> Fields | Fault:
    """Return prompt and response, or why the reply has not both.

    Args:
        reply: A JSON object with ``prompt`` and ``response`` (or the pack's labels, or their
            English synonyms, as keys), perhaps fenced, wrapped in another one or in a list, with
            text around it, or broken; or ``<prompt label>: ... <response label>: ...``, with or
            without the first label.
        document: Names the labels, and says by `finish_reason` whether the reply was cut off.
    """
    text = _unfenced(reply, drop_rest=True)
    if not text:
        return Fault("empty")
    parsed = _from_json(text, document)
    if isinstance(parsed, Fields):
        return parsed
    labelled = _from_labels(text, document)
    return labelled if isinstance(labelled, Fields) else parsed or labelled


def response_only(reply: str, document: Mapping[str, Any]) -> str:
    """Return the response without its label and without a further example that follows it."""
    text = _strip_label(_unfenced(reply), document["response_label"], _RESPONSE_WORDS)
    text = _label(document["prompt_label"], ("English",), at_line=True).split(text, maxsplit=1)[0]
    if document["form"] == "completion":
        text = text.split("\n\n", 1)[0]
    return text.strip()


def _unfenced(reply: str, *, drop_rest: bool = False) -> str:
    """Take off the code fence around a reply; a remark after it is dropped, or no fence is seen."""
    text = reply.strip()
    match = _FENCE.match(text)
    if match and (drop_rest or not (match[2] or "").strip()):
        return str(match[1]).strip()
    return text


def _from_labels(text: str, document: Mapping[str, Any]) -> Fields | Fault:
    label = document["prompt_label"]
    parts = _label(document["response_label"], _RESPONSE_WORDS).split(text, maxsplit=1)
    if len(parts) < 2:
        return Fault("unparsable")
    if document["form"] == "chat":  # a chat model may say something before its task
        prompt = _label(label, _PROMPT_WORDS).split(parts[0], maxsplit=1)[-1].strip()
    else:
        prompt = _strip_label(parts[0], label, _PROMPT_WORDS)
    response = response_only(parts[1], document)
    if not prompt:
        return Fault("missing_prompt")
    return Fields(prompt, response) if response else Fault("empty")


def _from_json(text: str, document: Mapping[str, Any]) -> Fields | Fault | None:
    """Return what a JSON object in the text says; None where there is no object of that kind."""
    prompt_keys = _keys(document["prompt_label"], _PROMPT_WORDS)
    response_keys = _keys(document["response_label"], _RESPONSE_WORDS)
    start = _object_start(text, prompt_keys | response_keys)
    if start is None:
        return None
    body, repaired = text[start:], False
    if not body.startswith("{"):  # some servers put the opening brace into the request
        body = "{" + body
    found = _search(_decoded(body), prompt_keys, response_keys)
    if found is None:
        found, repaired = _search(_repaired(body), prompt_keys, response_keys), True
    if found is None:
        return None
    cut = repaired and not body.rstrip("` \n").endswith((*_QUOTES, "}", "]"))
    prompt, response = found
    if prompt is None:
        return Fault("missing_prompt")
    if response is None and cut and document.get("finish_reason") == "length":
        return Fault("truncated", "before the response")
    if not isinstance(prompt, str) or not isinstance(response, str):
        wrong = "prompt" if not isinstance(prompt, str) else "response"
        return Fault("unparsable", f"{wrong} is no text")
    if repaired:
        prompt, response = _joined(prompt), _joined(response)
    if not encodable(prompt + response):  # an escape may stand for half of a surrogate pair
        return Fault("unparsable", "half of a surrogate pair")
    prompt = _strip_label(prompt, document["prompt_label"], _PROMPT_WORDS)
    response = _strip_label(response, document["response_label"], _RESPONSE_WORDS)
    if not prompt:
        return Fault("missing_prompt")
    return Fields(prompt, response, cut=cut) if response else Fault("empty")


def encodable(text: str) -> bool:
    """Whether the text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _joined(text: str) -> str:
    """Return the text with the halves of surrogate pairs joined, which a repair leaves apart."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _object_start(text: str, keys: frozenset[str]) -> int | None:
    """Return where the object with the fields begins: its brace, or its first key without one."""
    pattern = _first_key(keys)
    if match := pattern.search(text):
        return match.start()
    start = text.find("{")
    return start if start >= 0 else None


@cache
def _first_key(keys: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(re.escape(key) for key in sorted(keys))
    key = rf"(?:{names})"
    return re.compile(
        rf"\{{\s*[{_QUOTES}]?{key}[{_QUOTES}]?\s*[:：]|\A[{_QUOTES}]{key}[{_QUOTES}]\s*[:：]",
        re.IGNORECASE,
    )


def _decoded(body: str) -> Any:
    """Read a JSON object strictly, but for line breaks in strings and text after it."""
    try:
        return _DECODER.raw_decode(body)[0]
    except (ValueError, RecursionError):  # also of an endless number, or of endless brackets
        return None


def _repaired(body: str) -> Any:
    """Read a JSON object that is broken: one that was cut off is closed, any other repaired."""
    for end in ('"}', "}"):
        if closed := _decoded(body + end):
            return closed
    if len(body) * (len(_SIGNS.findall(body)) + 100 * len(re.findall(r"[{\[]", body))) > MAX_REPAIR:
        return None
    from json_repair import loads

    try:
        return loads(body, skip_json_loads=True)
    except Exception:  # whatever a model writes is a bad reply, never an error of the harness
        return None


def _last_filled(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; of doubled keys the last one that is not empty wins."""
    merged: dict[str, Any] = {}
    for key, value in pairs:
        name = key.strip(" *_:\n").casefold()
        if value or name not in merged:
            merged[name] = value
    return merged


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_last_filled)


def _search(
    value: Any, prompts: frozenset[str], responses: frozenset[str], depth: int = 4
) -> tuple[Any, Any] | None:
    """Return prompt and response (None where missing) of the first object that has either."""
    if not depth or not isinstance(value, (dict, list)):
        return None
    if isinstance(value, dict):
        value = _last_filled(value.items())
        prompt = next((value[key] for key in value if key in prompts), None)
        response = next((value[key] for key in value if key in responses), None)
        if prompt is not None or response is not None:
            return prompt, response
        value = list(value.values())
    inner = (_search(item, prompts, responses, depth - 1) for item in value)
    return next((pair for pair in inner if pair), None)


def _keys(label: str, words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.casefold() for word in (label, *words))


def _strip_label(text: str, label: str, words: tuple[str, ...]) -> str:
    match = _label(label, words).match(text)
    return text[match.end() :].strip() if match else text.strip()


@cache
def _label(label: str, words: tuple[str, ...], *, at_line: bool = False) -> re.Pattern[str]:
    """Match a label with its colon, perhaps in Markdown bold; the colon may be full-width."""
    names = "|".join(re.escape(word) for word in (label, *words))
    # spaces of one line only: every line break is a start of its own
    start = r"\n[^\S\n]*" if at_line else r"(?:^\s*|\n[^\S\n]*|(?<=[.!?。！？؟])[^\S\n]*)"
    return re.compile(rf"{start}\**(?:{names})\**\s*[:：]\**\s*", re.IGNORECASE)
