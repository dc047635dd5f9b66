"""Examples as rows, in the `messages` form with their provenance; written without holding them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from polyglot_harness.export.collect import Part
from polyglot_harness.files import json_line, parse_record
from polyglot_harness.spec import Example, TeacherCard

COLUMNS = {
    "messages": "the example as a chat: one turn of `user`, the prompt, and one of `assistant`, "
    "the response",
    "prompt": "the prompt as plain text",
    "response": "the response as plain text",
    "id": "what was asked: language, strategy, seed and number of the request; the same for every "
    "teacher, so unique together with `teacher`",
    "language": "ISO 639-1 code",
    "strategy": "how it was made, see below",
    "teacher": "name of the teacher who wrote it",
    "teacher_model": "its model",
    "seed_id": "the seed example (or English prompt) that the request was made of",
    "finish_reason": "`stop`: the teacher ended by itself; `length`: cut at the token limit, then "
    "back to the last sentence; `unknown`",
    "attempt": "which of the replies to this request it was",
    "signature": "the conditions of the run in one line, as on its leaderboard",
}
"""The columns in their order, and what they hold."""
ROW_GROUP = 1000
"""Rows that are in memory at a time."""
Row = dict[str, Any]


def rows(parts: Iterable[Part]) -> Iterator[Row]:
    """Yield the examples of the parts, in their order, as rows of `COLUMNS`."""
    for part in parts:
        provenance = {
            "teacher": part.teacher.name,
            "teacher_model": teacher_model(part.teacher),
            "signature": part.signature,
        }
        for example in _examples(part.examples):
            if part.keep is not None and example.id not in part.keep:
                continue
            turns = [
                {"role": "user", "content": example.prompt},
                {"role": "assistant", "content": example.response},
            ]
            row = {**example.model_dump(mode="json"), **provenance, "messages": turns}
            yield {column: row[column] for column in COLUMNS}


def teacher_model(teacher: TeacherCard) -> str:
    """Return a teacher's model as others may know it: of a local path, the last part only."""
    args = dict(teacher.model_args)
    name = str(args.get("pretrained") or args.get("model") or teacher.name)
    return Path(name).name if name.startswith(("/", "./", "../", "~")) else name


def write_parquet(path: Path, data: Iterable[Row]) -> int:
    """Write rows as Parquet, `ROW_GROUP` at a time; return their number.

    Raises:
        OSError: If the disk is full or not writable.
    """
    import pyarrow as pa
    from pyarrow import parquet

    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    others = {"messages": pa.list_(turn), "attempt": pa.int64()}
    schema = pa.schema([(column, others.get(column, pa.string())) for column in COLUMNS])
    left, count = iter(data), 0
    with path.open("wb") as file:
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            while group := list(islice(left, ROW_GROUP)):
                writer.write_batch(pa.RecordBatch.from_pylist(group, schema=schema))
                count += len(group)
        file.flush()
        os.fsync(file.fileno())
    return count


def write_jsonl(path: Path, data: Iterable[Row]) -> int:
    """Write rows as JSON lines; return their number.

    Raises:
        OSError: If the disk is full or not writable.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in data:
            file.write(json_line(row))
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


FORMS: dict[str, Callable[[Path, Iterable[Row]], int]] = {
    "parquet": write_parquet,
    "jsonl": write_jsonl,
}


def _examples(path: Path) -> Iterator[Example]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield parse_record(Example, json.loads(line), f"{path}:{number}")
