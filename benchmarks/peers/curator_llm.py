"""bespokelabs-curator: one `LLM` over a list of prompts, its cache in FOLDER.

    python curator_llm.py PROMPTS.jsonl BASE_URL FOLDER CONCURRENCY

Limits of requests and tokens a minute are lifted: by default an endpoint that names none gets 200
requests a minute.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

PROMPTS, BASE_URL, FOLDER, CONCURRENCY = sys.argv[1:]
os.environ.update(
    OPENAI_API_KEY="none",
    TELEMETRY_ENABLED="false",
    CURATOR_DISABLE_RICH_DISPLAY="1",
    CURATOR_CACHE_DIR=FOLDER,
    HF_HUB_OFFLINE="1",
)
# it fetches an encoding of tiktoken, which litellm has in its package
litellm = importlib.util.find_spec("litellm")
assert litellm and litellm.origin
tokenizers = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
os.environ["TIKTOKEN_CACHE_DIR"] = str(tokenizers)

from bespokelabs import curator  # noqa: E402 - the environment must be set first


class Respond(curator.LLM):
    """A prompt as it is; the reply as it is."""

    def prompt(self, input: dict) -> str:  # type: ignore[type-arg,override]
        """Ask."""
        return str(input["prompt"])

    def parse(self, input: dict, response: str) -> dict:  # type: ignore[type-arg,override]
        """Take."""
        return {"id": input["id"], "reply": response}


if __name__ == "__main__":
    rows = [json.loads(line) for line in Path(PROMPTS).read_text(encoding="utf-8").splitlines()]
    llm = Respond(
        model_name="gpt-4o-mini",
        backend="openai",
        generation_params={"temperature": 0.8, "max_tokens": 256},
        backend_params={
            "base_url": BASE_URL,
            "max_concurrent_requests": int(CONCURRENCY),
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
        },
    )
    found = llm(rows).dataset
    with (Path(FOLDER) / "replies.jsonl").open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in found)
