"""A judge behind a server that compares two answers, and models that answer: `fault_server`.

The judge is a function of the two answers in the order in which they are shown. A prompt with a
script, ``{{a reply|||the reply to the second attempt}}``, gets that, word for word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from fault_replies import text_of
from fault_server import FaultServer, Received

SHOWN = re.compile(
    r"<prompt>\n(.*?)\n</prompt>\n<answer_A>\n(.*?)\n</answer_A>\n<answer_B>\n(.*?)\n</answer_B>",
    re.DOTALL,
)
SCRIPT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
Choose = Callable[[str, str], str]


def grade(text: str) -> int:
    """Return the number in a text: how good it is."""
    return int(re.findall(r"\d+", text)[-1])


def fair(first: str, second: str) -> str:
    a, b = grade(first), grade(second)
    return "tie" if a == b else "A" if a > b else "B"


def always(letter: str) -> Choose:
    return lambda first, second: letter


class SideServer(FaultServer):
    """The server; it answers whatever is no question to a judge as `fault_server` does."""

    def __init__(self, choose: Choose = fair, **options: Any) -> None:
        super().__init__(**options)
        self.choose = choose

    def success(self, request: Received) -> tuple:
        status, headers, body = super().success(request)
        asked = SHOWN.search(text_of(request.body))
        if not asked:
            return status, headers, body
        answer = json.loads(body)
        answer["choices"][0] |= {
            "finish_reason": "stop",
            "message": {"content": self.say(asked, request)},
        }
        answer["usage"] = {"prompt_tokens": 1000, "completion_tokens": 100}
        return status, headers, json.dumps(answer).encode()

    def say(self, asked: re.Match[str], request: Received) -> str:
        prompt, first, second = asked.groups()
        if script := SCRIPT.search(prompt):
            replies = script[1].split("|||")
            return replies[min(request.body["seed"], len(replies)) - 1]
        return json.dumps({"reasoning": "Compared.", "better": self.choose(first, second)})
