"""The least a client can do: aiohttp, tasks that take prompts from one iterator, one line a reply.

    python bare_aiohttp.py PROMPTS.jsonl BASE_URL FOLDER CONCURRENCY

Nothing is resumed, retried or checked: the bar for speed, not for use.
"""

import asyncio
import json
import sys
from pathlib import Path

import aiohttp


async def main(prompts: str, base_url: str, folder: str, concurrency: str) -> None:
    """Ask for all prompts."""
    rows = iter(Path(prompts).read_text(encoding="utf-8").splitlines())
    connector = aiohttp.TCPConnector(limit=0)
    path = Path(folder) / "replies.jsonl"
    with path.open("w", encoding="utf-8") as out:
        async with aiohttp.ClientSession(connector=connector) as session:

            async def work() -> None:
                for line in rows:
                    row = json.loads(line)
                    question = {
                        "model": "m",
                        "messages": [{"role": "user", "content": row["prompt"]}],
                        "temperature": 0.8,
                        "max_tokens": 256,
                    }
                    url = f"{base_url}/chat/completions"
                    async with session.post(url, json=question) as answer:
                        body = await answer.json()
                    text = body["choices"][0]["message"]["content"]
                    out.write(json.dumps({"id": row["id"], "reply": text}) + "\n")

            await asyncio.gather(*(work() for _ in range(int(concurrency))))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
