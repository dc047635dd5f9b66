"""Read GGUF files: the header in one pass, tensors dequantised one at a time.

The ``gguf`` library has a reader too, but it walks the strings of a vocabulary one numpy slice at a
time (8 s for the 262,144 of Gemma; 0.15 s here). Only its dequantisation is used.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyglot_harness.errors import MissingDependency, StoreError

__all__ = ["GgufFile", "TensorInfo", "open_gguf"]

# Types of header values, as codes of the struct module; 8 and 9 are not of fixed size.
_SCALARS = dict(zip((*range(8), 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies in the file."""

    name: str
    shape: tuple[int, ...]
    """Row-major, as numpy and torch say it (the file lists it reversed)."""
    type: int
    offset: int


@dataclass
class GgufFile:
    """The header of a GGUF file, and access to its tensors."""

    fields: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, TensorInfo] = field(default_factory=dict)
    _read: Callable[[TensorInfo], NDArray[np.float32]] | None = None

    @property
    def architecture(self) -> str:
        """The name of the architecture, e.g. ``llama``."""
        return str(self.fields.get("general.architecture", ""))

    def get(self, key: str, default: Any = None) -> Any:
        """Return a hyperparameter of the architecture, e.g. ``block_count``."""
        return self.fields.get(f"{self.architecture}.{key}", default)

    def read(self, name: str) -> NDArray[np.float32]:
        """Return a tensor, dequantised."""
        if self._read is None:
            raise StoreError("the GGUF file is closed")
        return self._read(self.tensors[name])


class _Cursor:
    """Reads little-endian values one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.position = 0

    def array(self, code: str, count: int) -> tuple[Any, ...]:
        layout = f"<{count}{code}"
        values = struct.unpack_from(layout, self.data, self.position)
        self.position += struct.calcsize(layout)
        return values

    def one(self, code: str) -> Any:
        return self.array(code, 1)[0]

    def string(self) -> str:
        start = self.position + 8
        self.position = start + self.one("Q")
        if self.position > len(self.data):
            raise struct.error("string beyond the end of the file")
        return self.data[start : self.position].decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.one(_SCALARS[kind])
        item, count = self.one("I"), self.one("Q")
        if item in _SCALARS:
            return list(self.array(_SCALARS[item], count))
        return [self.value(item) for _ in range(count)]


@contextmanager
def open_gguf(path: Path) -> Iterator[GgufFile]:
    """Read the header of a GGUF file and keep it open for its tensors.

    Args:
        path: The file.

    Yields:
        The header; its tensors can be read while the context lasts.

    Raises:
        StoreError: The file is not GGUF, or is cut short.
        MissingDependency: The ``gguf`` library is not installed.
    """
    try:
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType
        from gguf.quants import dequantize
    except ImportError as error:
        raise MissingDependency("gguf", "hf") from error

    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise StoreError(f"{path} is not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                model, base = _read_header(data)
            except (struct.error, KeyError, UnicodeDecodeError) as error:
                raise StoreError(f"{path}: damaged GGUF header ({error})") from error

            def read(info: TensorInfo) -> NDArray[np.float32]:
                kind = GGMLQuantizationType(info.type)
                per_block, block_bytes = GGML_QUANT_SIZES[kind]
                columns = info.shape[-1] // per_block * block_bytes
                size = math.prod(info.shape[:-1]) * columns
                start = base + info.offset
                if start + size > len(data):
                    raise StoreError(f"{path} is cut short: no bytes for tensor {info.name}")
                # A copy: a view would keep the memory map from being closed.
                raw = np.frombuffer(data[start : start + size], np.uint8)
                values = dequantize(raw.reshape(*info.shape[:-1], columns), kind)
                return np.asarray(values, np.float32).reshape(info.shape)

            model._read = read
            try:
                yield model
            finally:
                model._read = None


def _read_header(data: mmap.mmap) -> tuple[GgufFile, int]:
    """Return the header and the position of the first tensor."""
    cursor = _Cursor(data)
    cursor.position = 4
    _version, tensor_count, field_count = cursor.one("I"), cursor.one("Q"), cursor.one("Q")
    model = GgufFile()
    for _ in range(field_count):
        key = cursor.string()
        model.fields[key] = cursor.value(cursor.one("I"))
    for _ in range(tensor_count):
        name = cursor.string()
        dimensions = cursor.array("Q", cursor.one("I"))
        kind, offset = cursor.one("I"), cursor.one("Q")
        model.tensors[name] = TensorInfo(name, tuple(reversed(dimensions)), kind, offset)
    alignment = model.fields.get("general.alignment", 32)
    return model, -(-cursor.position // alignment) * alignment
