"""How one SFT example is made: a document (what is asked) and ``parse(reply, document)``.

The strategies of arXiv 2604.11290, section 3: *generate* (three seed examples in context, a new
prompt and response), *translate* (an English prompt into the language, and a response), *respond*
(an existing prompt of the language, a response). One file each; all of them are pure functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from polyglot_harness.errors import unknown_name
from polyglot_harness.spec import STRATEGIES, Example, Rejection
from polyglot_harness.strategies import generate, respond, translate

Parse = Callable[[str, Mapping[str, Any]], Example | Rejection]

_PARSE: dict[str, Parse] = {
    "generate": generate.parse,
    "translate": translate.parse,
    "respond": respond.parse,
}
DESCRIPTIONS = {name: (_PARSE[name].__doc__ or "").split("\n")[0] for name in STRATEGIES}


def parse(reply: str, document: Mapping[str, Any]) -> Example | Rejection:
    """Turn a teacher's reply into an example, or say why it is none.

    Args:
        reply: The reply as it arrived.
        document: The document of `strategies.documents` that was asked.
    """
    strategy = document["strategy"]
    if strategy not in _PARSE:
        raise unknown_name("strategy", strategy, STRATEGIES)
    return _PARSE[strategy](reply, document)
