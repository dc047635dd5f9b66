"""What metrics look at: the examples of one language, read as a stream, any number of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from polyglot_harness.files import jsonl_rows, parse_record
from polyglot_harness.spec import Example, Rejection, digest, pairs
from polyglot_harness.store import file_sha256

BLOCK = 1024
"""Examples that are looked at together: bounds memory, and is what an interruption can lose."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One prompt and response, ours or anybody's."""

    id: str
    prompt: str
    response: str
    strategy: str = ""
    """"" for data of others."""
    source: str = ""
    """What the prompt was translated from; "" where it was not, or nobody knows."""
    reference: str = ""
    """A human translation of the source, where there is one."""
    attempt: int = 0
    """Which of the teacher's replies to its document it was, from 1; 0 for data of others."""


class Data(Protocol):
    """Examples of one language that can be read more than once, in the same order."""

    @property
    def identity(self) -> Any:
        """What stands for the data in a digest."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Yield the samples from number `start` on."""

    def rejections(self) -> Iterator[Rejection]:
        """Yield the replies that did not become examples; none in data of others."""


@dataclass(frozen=True)
class StageData:
    """What generate stages left: files of examples, each with its file of rejections or None."""

    files: tuple[tuple[Path, Path | None], ...]
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Seed id -> (what was translated, human translation or ""), of the translate strategy."""

    @cached_property
    def identity(self) -> Any:
        """Digests of the files and of the sources."""
        files = [[file_sha256(p) if p else "" for p in pair] for pair in self.files]
        return [files, digest(pairs(dict(self.sources)))]

    @cached_property
    def _count(self) -> int:
        return sum(1 for path, _ in self.files for _ in jsonl_rows(path))

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._count

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Yield the samples from number `start` on."""
        yield from islice(map(self._sample, self._examples()), start, None)

    def _examples(self) -> Iterator[Example]:
        for path, _ in self.files:
            for number, row in jsonl_rows(path):
                yield parse_record(Example, row, f"{path}:{number}")

    def _sample(self, e: Example) -> Sample:
        translated = self.sources.get(e.seed_id) if e.strategy == "translate" else None
        source, reference = translated or ("", "")
        return Sample(e.id, e.prompt, e.response, e.strategy, source, reference, e.attempt)

    def rejections(self) -> Iterator[Rejection]:
        """Yield the rejected replies."""
        for _, path in self.files:
            for number, row in jsonl_rows(path) if path else ():
                yield parse_record(Rejection, row, f"{path}:{number}")


def blocks(data: Data, start: int = 0, size: int = BLOCK) -> Iterator[list[Sample]]:
    """Yield the samples from number `start` on, `size` at a time."""
    samples = data.samples(start)
    while block := list(islice(samples, size)):
        yield block


def spread(n: int, limit: int | None) -> range | frozenset[int]:
    """Return the numbers of at most `limit` of `n` samples, evenly spaced over all of them."""
    if limit is None or n <= limit:
        return range(n)
    return frozenset(i * n // limit for i in range(limit))
