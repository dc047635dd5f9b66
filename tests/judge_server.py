"""A judge behind a server: `fault_server` with judgements for replies.

It gives scores that depend on the question alone, unless the text that it is shown has a script:
``{{a reply|||the reply to the second attempt}}`` is repeated word for word.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from fault_replies import text_of
from fault_server import FaultServer, Received

SCRIPT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def names_in(asked: str) -> list[str]:
    """Return the criteria that a question names."""
    return re.findall(r"^([a-z_]+): .*\n1 = ", asked, re.MULTILINE)


def scores_of(asked: str) -> dict[str, int]:
    """Return the scores that the server gives unless it is told otherwise."""
    # of what is rated alone
    texts = asked[asked.index("<prompt>") : asked.rindex("</")]
    drawn = hashlib.sha256(texts.encode()).digest()
    return {name: 1 + drawn[i] % 5 for i, name in enumerate(names_in(asked))}


def judgement(body: dict[str, Any]) -> str:
    """Return the reply to a request."""
    asked = text_of(body)
    if script := SCRIPT.search(asked):
        replies = script[1].split("|||")
        return replies[min(body["seed"], len(replies)) - 1]
    scores = scores_of(asked)
    if "response_format" in body:
        return json.dumps({"reasoning": "It could be better.", **scores})
    return "reasoning: It could be better.\n" + "\n".join(f"{k}: {v}" for k, v in scores.items())


class JudgeServer(FaultServer):
    """The server."""

    def success(self, request: Received) -> tuple:
        status, headers, body = super().success(request)
        answer = json.loads(body)
        choice = answer["choices"][0]
        text = judgement(request.body)
        choice |= {"finish_reason": "stop"}
        choice |= {"message": {"content": text}} if "message" in choice else {"text": text}
        answer["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100}
        return status, headers, json.dumps(answer).encode()
