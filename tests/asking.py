"""What the tests of the model type ``openai-compatible`` share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fault_replies import reply_to
from fault_server import FaultServer

from polyglot_harness.lm.exchange import Reply, Request
from polyglot_harness.lm.openai_compatible import OpenAICompatible

KEY = "sk-test-0123456789abcdef"
SCHEMA = {"type": "object", "properties": {"prompt": {"type": "string"}}}


def client(server: FaultServer | str, **arguments: Any) -> Any:
    url = server if isinstance(server, str) else server.url
    defaults = {"max_retries": 2, "backoff_seconds": 0.01, "grace_seconds": 5, "num_concurrent": 4}
    return OpenAICompatible("m", **{"base_url": url, **defaults, **arguments})


def asked(prompts: Any, **more: Any) -> Iterator[Request]:
    settings = {"max_gen_toks": 99, "temperature": 0.8}
    return (Request(i, 1, prompt, settings, 100 + i, **more) for i, prompt in enumerate(prompts))


def replies(lm: Any, *prompts: str, **more: Any) -> list[Reply]:
    found = {r.index: reply for r, reply in lm.stream_replies(asked(prompts, **more))}
    return [found[i] for i in range(len(prompts))]


def expected(request: Request) -> str:
    return reply_to(
        {"messages": [{"role": "user", "content": request.context}], "seed": request.seed}
    )
