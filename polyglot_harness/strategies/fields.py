"""Take prompt and response out of a reply: labelled lines or a JSON object, forgivingly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_FENCE = re.compile(r"^```\w*\n(.*?)(?:\n```(.*)|$)", re.DOTALL)
_PROMPT_WORDS = ("Prompt", "Task", "Question")
_RESPONSE_WORDS = ("Response", "Answer")


def prompt_and_response(reply: str, document: Mapping[str, Any]) -> tuple[str, str] | str:
    """Return (prompt, response), or the reason why the reply has not both.

    Args:
        reply: ``<prompt label>: ... <response label>: ...``, with or without the first label, or a
            JSON object with ``prompt`` and ``response``.
        document: Names the labels.
    """
    text = _unfenced(reply, drop_rest=True)
    if not text:
        return "empty"
    if text.startswith("{") and (found := _from_json(text)):
        return found
    text = _strip_label(text, document["prompt_label"], _PROMPT_WORDS)
    parts = _label(document["response_label"], _RESPONSE_WORDS).split(text, maxsplit=1)
    if len(parts) < 2:
        return "unparsable"
    prompt, response = parts[0].strip(), response_only(parts[1], document)
    if not prompt:
        return "missing_prompt"
    return (prompt, response) if response else "empty"


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


def _from_json(text: str) -> tuple[str, str] | None:
    try:
        data, _ = json.JSONDecoder(strict=False).raw_decode(text)
        prompt, response = data.get("prompt"), data.get("response")
        if isinstance(prompt, str) and isinstance(response, str) and prompt.strip():
            (prompt + response).encode()  # an escape may stand for half of a surrogate pair
            return prompt.strip(), response.strip()
    except (ValueError, RecursionError):  # also of an endless number, or of endless brackets
        return None
    return None


def _strip_label(text: str, label: str, words: tuple[str, ...]) -> str:
    match = _label(label, words).match(text)
    return text[match.end() :].strip() if match else text.strip()


def _label(label: str, words: tuple[str, ...], *, at_line: bool = False) -> re.Pattern[str]:
    """Match a label with its colon, perhaps in Markdown bold; the colon may be full-width."""
    names = "|".join(re.escape(word) for word in (label, *words))
    start = r"\n\s*" if at_line else r"(?:^|\n|(?<=[.!?。！？؟]))\s*"
    return re.compile(rf"{start}\**(?:{names})\**\s*[:：]\**\s*", re.IGNORECASE)
