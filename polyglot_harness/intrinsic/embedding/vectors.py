"""Unit vectors of all prompts or responses, on disk: float32 rows in the order of the samples.

Appended as they are made, so that an interrupted run goes on; read block by block, so that memory
does not grow with their number.
"""

from __future__ import annotations

import mmap
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import StageError, StoreError
from polyglot_harness.intrinsic import PARTS, MeasureInput, Part
from polyglot_harness.intrinsic.samples import BLOCK, Data
from polyglot_harness.intrinsic.values import Values
from polyglot_harness.store import disk_errors, write_atomically

if TYPE_CHECKING:
    from polyglot_harness.intrinsic.embedding.embedders import Embedder

ROWS, DIMENSIONS = "vectors.f32", "dimensions.json"
Vectors = NDArray[np.float32]


def write_vectors(
    folder: Path,
    data: Data,
    part: Part,
    load: Callable[[], Embedder],
    progress: Callable[[int, int], None],
) -> None:
    """Embed all prompts or responses, or those that an interrupted call did not come to.

    Args:
        folder: Where they are kept; `BLOCK` vectors at most are made anew.
        data: The samples.
        part: Which of their texts.
        load: Loads the embedder; called only if a vector is missing.
        progress: Told of the vectors that are done, and of their number.

    Raises:
        StageError: If a vector is not finite, or zero (the sample is named); if their length
            changes, or there are not as many as texts. What was right is kept.
        HarnessError: What the embedder raises.
    """
    total = len(data)
    done, dimensions = _resume(folder, total)
    if done == total:
        return
    embedder = load()
    ids: deque[str] = deque()

    def texts() -> Iterator[str]:
        for sample in data.samples(done):
            ids.append(sample.id)
            yield getattr(sample, part)

    with disk_errors(folder), (folder / ROWS).open("ab") as file:
        for batch in embedder.batches(texts()):
            if batch.ndim != 2 or len(batch) > len(ids):
                raise StageError(
                    f"{embedder.name} gave an array of shape {batch.shape} for {len(ids)} texts"
                )
            names = [ids.popleft() for _ in batch]
            if not dimensions:
                dimensions = batch.shape[1]
                write_atomically(folder / DIMENSIONS, str(dimensions))
            if batch.shape[1] != dimensions:
                raise StageError(
                    f"{embedder.name}: the vector of the {part} of {names[0]!r} has"
                    f" {batch.shape[1]} dimensions, those before it {dimensions}"
                )
            file.write(_unit(batch, names, part, embedder.name).tobytes())
            file.flush()
            os.fsync(file.fileno())
            done += len(batch)
            progress(done, total)
    if done != total:
        raise StageError(f"{embedder.name} gave {done} vectors for {total} {part}s")


def _resume(folder: Path, total: int) -> tuple[int, int]:
    """Return rows and dimensions of what is there, cut back to whole blocks unless it is all."""
    rows, facts = folder / ROWS, folder / DIMENSIONS
    if not (rows.exists() and facts.exists()):
        rows.unlink(missing_ok=True)
        return 0, 0
    dimensions = int(facts.read_text(encoding="utf-8"))
    done = rows.stat().st_size // (4 * dimensions)
    if done != total:
        # a library that batches by itself then batches as if it had not been interrupted
        done -= done % BLOCK
    os.truncate(rows, done * 4 * dimensions)
    return done, dimensions


def _unit(batch: Vectors, names: list[str], part: Part, embedder: str) -> Vectors:
    """Return the vectors over their lengths."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.asarray(batch, dtype=np.float64)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
    for fault, where in (("not finite", ~np.isfinite(lengths)), ("zero", lengths == 0)):
        if where.any():
            name = names[int(where.argmax())]
            raise StageError(f"{embedder}: the vector of the {part} of {name!r} is {fault}")
    return np.ascontiguousarray(found / lengths, dtype=np.float32)


def open_vectors(folder: Path) -> Vectors:
    """Map the vectors of a folder from the disk.

    Returns:
        Array of shape (n, d); (0, 0) if there are none. To go through all of them use
        `vector_blocks`.

    Raises:
        StoreError: If the file is no whole number of vectors.
    """
    path = folder / ROWS
    if not path.exists() or not path.stat().st_size:
        return np.empty((0, 0), dtype=np.float32)
    dimensions = int((folder / DIMENSIONS).read_text(encoding="utf-8"))
    if path.stat().st_size % (4 * dimensions):
        raise StoreError(f"{path}: torn; delete {folder} to have the vectors made again")
    flat = np.memmap(path, dtype=np.float32, mode="r")
    return flat.reshape(-1, dimensions)


def add_columns(
    data: MeasureInput,
    values: Values,
    name: str,
    fit: Callable[[Vectors], Callable[[Vectors], NDArray[np.float64]]],
) -> None:
    """Add the columns ``prompt_<name>`` and ``response_<name>``, from where the values end.

    Args:
        data: The samples, and their vectors.
        values: Gets the columns.
        name: Of what is found.
        fit: Given all vectors of a part, returns what says of a block of them.
    """
    n = len(data.data)
    if values.rows == n:
        return
    vectors = [data.vectors(part) for part in PARTS]
    columns = [(f"{part}_{name}", fit(u)) for part, u in zip(PARTS, vectors, strict=True)]
    streams = [vector_blocks(u[values.rows :]) for u in vectors]
    for blocks in zip(*streams, strict=True):
        values.add(**{key: say(u) for (key, say), u in zip(columns, blocks, strict=True)})
        data.progress(values.rows, n)


def vector_blocks(vectors: Vectors, step: int = 1) -> Iterator[Vectors]:
    """Yield every `step`-th vector in blocks of at most `BLOCK`; memory holds one of them.

    Args:
        vectors: Array of shape (n, d), in memory or mapped.
        step: 1 for all.
    """
    mapped = getattr(vectors, "_mmap", None)
    for start in range(0, len(vectors), BLOCK * step):
        yield np.array(vectors[start : start + BLOCK * step : step])
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            # pages that were read count as ours until the system wants them back
            mapped.madvise(mmap.MADV_DONTNEED)
