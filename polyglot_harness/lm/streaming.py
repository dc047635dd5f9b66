"""An lm-eval ``LM`` around another one, which keeps every reply on disk as it arrives.

Requests of a task are sent in fixed chunks. A chunk is seeded by H(seed, task, chunk) and its
replies are appended to a JSONL file and synced before the next one is sent. So an interruption
loses at most the chunk in flight, a resumed run gives the same bytes, and neither depends on what
else is scheduled. (lm-eval itself pools all requests and writes at the end.)
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from polyglot_harness.errors import StageError, StoreError
from polyglot_harness.files import json_line
from polyglot_harness.spec import key_hash

Progress = Callable[[int], None]
"""Called with the number of replies that have just been stored or found."""


class StreamingLM(LM):  # type: ignore[misc]
    """Send `generate_until` chunk by chunk; all else goes to the wrapped model unchanged."""

    def __init__(
        self,
        inner: LM,
        folder: Path,
        *,
        seed: int,
        chunk_size: int,
        progress: Progress = lambda n: None,
    ) -> None:
        """Wrap a model.

        Args:
            inner: The teacher.
            folder: Replies go to ``<folder>/<task>.replies.jsonl``.
            seed: Base of the chunks' seeds.
            chunk_size: Requests per chunk.
            progress: Told of each chunk's size.
        """
        super().__init__()
        self.inner = inner
        self.folder = folder
        self.seed = seed
        self.chunk_size = chunk_size
        self.progress = progress

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Return one reply a request, in order; those that are on disk are not asked for again."""
        replies: dict[int, str] = {}
        for task, members in _by_task(requests).items():
            path = self.folder / f"{task}.replies.jsonl"
            known = read_replies(path)
            for number, chunk in enumerate(_chunks(members, self.chunk_size)):
                rows = [known[key] for _, copy, r in chunk if (key := _key(r, copy)) in known]
                if len(rows) < len(chunk):
                    # a chunk is made whole: its replies depend on one another's sampling
                    torn = bool(rows)
                    rows = self._ask(task, number, chunk)
                    if torn:
                        drop_rows(path, {row["key"] for row in rows})
                    append_rows(path, rows)
                self.progress(len(chunk))
                for (position, _, _), row in zip(chunk, rows, strict=True):
                    replies[position] = row["reply"]
        return [replies[i] for i in range(len(requests))]

    def _ask(
        self, task: str, number: int, chunk: list[tuple[int, int, Instance]]
    ) -> list[dict[str, Any]]:
        seed_everything(self.seed, task, number)
        texts = self.inner.generate_until([r for _, _, r in chunk], disable_tqdm=True)
        if len(texts) != len(chunk):
            raise StageError(f"{task}: {len(chunk)} requests, but {len(texts)} replies")
        return [
            {
                "key": _key(request, copy),
                "id": request.doc["id"],
                "chunk": number,
                # half of a surrogate pair, which a server may send, is no text that can be stored
                "reply": text.encode(errors="replace").decode(),
                "finish_reason": self._finish_reason(request, text),
            }
            for (_, copy, request), text in zip(chunk, texts, strict=True)
        ]

    def _finish_reason(self, request: Instance, text: str) -> str:
        """Infer what lm-eval does not return: whether reply or request ran out of room."""
        encode = getattr(self.inner, "tok_encode", None)
        # lm-eval's models of a server without a tokenizer have a `tok_encode` that does nothing
        if encode is None or getattr(self.inner, "tokenizer_backend", "") is None:
            return "unknown"
        context, kwargs = request.args
        budget = int(kwargs.get("max_gen_toks", 256))
        room = getattr(self.inner, "max_length", None)
        if room and len(encode(context)) > room - budget:
            return "prompt_truncated"
        # decoding and encoding again may differ by a token or two
        return "length" if len(encode(text, add_special_tokens=False)) >= budget - 2 else "stop"

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Pass on."""
        return self.inner.loglikelihood(requests)  # type: ignore[no-any-return]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Pass on."""
        return self.inner.loglikelihood_rolling(requests)  # type: ignore[no-any-return]

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Pass on."""
        return self.inner.apply_chat_template(  # type: ignore[no-any-return]
            chat_history, add_generation_prompt=add_generation_prompt
        )

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """Pass on."""
        return self.inner.chat_template(chat_template)  # type: ignore[no-any-return]

    @property
    def tokenizer_name(self) -> str:
        """Pass on."""
        return str(self.inner.tokenizer_name)


def seed_everything(*key: Any) -> int:
    """Seed python, numpy and torch with a hash of `key`; return the seed."""
    seed = int.from_bytes(key_hash(*key)[:4], "big")
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
    return seed


def read_replies(path: Path) -> dict[str, dict[str, Any]]:
    """Return the stored replies by key; a torn last line (a kill while writing) is cut off.

    Raises:
        StoreError: If a line before the last is broken.
    """
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    rows: dict[str, dict[str, Any]] = {}
    # split at line feeds alone: a reply may hold other line separators, such as U+2028
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            row = json.loads(line.decode())
            rows[row["key"]] = row
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"{path}:{number}: damaged line; delete the line to have its reply made again"
            ) from None
    return rows


def append_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Append rows as JSON lines and sync them to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(map(json_line, rows))
    with path.open("ab") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def drop_rows(path: Path, keys: set[str]) -> None:
    """Take rows out of the file: those of a chunk that was cut in two and has been made anew."""
    kept = [row for key, row in read_replies(path).items() if key not in keys]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    append_rows(temporary, kept)
    temporary.replace(path)


def _by_task(requests: list[Instance]) -> dict[str, list[tuple[int, int, Instance]]]:
    """Group requests as (position, copy, request); `copy` tells repeats of one request apart."""
    groups: dict[str, list[tuple[int, int, Instance]]] = {}
    copies: dict[int, int] = {}
    for position, request in enumerate(requests):
        copy = copies.get(id(request), 0)
        copies[id(request)] = copy + 1
        groups.setdefault(request.task_name, []).append((position, copy, request))
    return groups


def _chunks(
    members: list[tuple[int, int, Instance]], size: int
) -> Iterator[list[tuple[int, int, Instance]]]:
    for start in range(0, len(members), size):
        yield members[start : start + size]


def _key(request: Instance, copy: int) -> str:
    context, kwargs = request.args
    text = json.dumps([context, kwargs, copy], sort_keys=True, default=str)
    return f"{request.doc['id']}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
