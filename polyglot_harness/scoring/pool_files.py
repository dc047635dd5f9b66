"""Frozen pools as files: against one of them old numbers stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from polyglot_harness.errors import ConfigError, unknown_name
from polyglot_harness.files import parse_record
from polyglot_harness.scoring.intrinsic_z import METRICS, Pool
from polyglot_harness.spec import Record, digest

_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Moments(Record):
    mean: dict[str, _Finite]
    sd: dict[str, Annotated[_Finite, Field(ge=0)]]
    n: int | None = Field(None, ge=1)


class _PoolFile(_Moments):
    name: str = Field(min_length=1)


class _LanguagesFile(Record):
    name: str = Field(min_length=1)
    languages: dict[str, _Moments] = Field(min_length=1)


def load_pool(path: Path) -> Pool:
    """Read a frozen pool: ``{"name": ..., "mean": {metric: ...}, "sd": {metric: ...}}``.

    Mean and sd of ``perplexity`` are those of -log1p(perplexity). An optional ``n`` is the number
    of cells that the pool was made of. Each metric of the file is part of z. In place of mean, sd
    and n there may be ``"languages": {code: {"mean": ..., "sd": ..., "n": ...}}``.

    Raises:
        ConfigError: If the file is missing, no JSON object, or not of this form.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not a frozen pool: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: not a frozen pool: expected a JSON object")
    if "languages" not in data:
        file = parse_record(_PoolFile, data, str(path))
        return _frozen(file.name, file, str(path))
    several = parse_record(_LanguagesFile, data, str(path))
    pools = {c: _frozen(several.name, m, f"{path} ({c})") for c, m in several.languages.items()}
    return Pool(several.name, (), languages=tuple(sorted(pools.items())))


def _frozen(name: str, file: _Moments, where: str) -> Pool:
    if not file.mean or set(file.mean) != set(file.sd):
        raise ConfigError(f"{where}: mean and sd must name the same metrics, at least one")
    for metric in file.mean:
        if metric not in METRICS:
            raise unknown_name(f"metric in {where}", metric, METRICS)
    moments = tuple((m, file.mean[m], file.sd[m]) for m in METRICS if m in file.mean)
    return Pool(name, moments, file.n)


def frozen_text(name: str, pools: Mapping[str, Pool]) -> str:
    """Return the text of a pool file that holds the pools of languages as they are now.

    Args:
        name: The file's name for itself; a digest of the numbers is added, so that two pools of
            one name are told apart.
        pools: By language; those without metrics are left out.

    Raises:
        ConfigError: If there is none, or one of fewer than two cells: it has no spread.
    """
    languages: dict[str, Any] = {}
    for code, pool in sorted(pools.items()):
        if not pool.moments:
            continue
        if pool.size is not None and pool.size < 2:
            raise ConfigError(f"{code}: a pool of {pool.size} cell cannot be frozen, it has no sd")
        languages[code] = {
            "mean": {m: mean for m, mean, _ in pool.moments},
            "sd": {m: sd for m, _, sd in pool.moments},
            **({} if pool.size is None else {"n": pool.size}),
        }
    if not languages:
        raise ConfigError("no pool to freeze: no cell has an intrinsic metric of z")
    found = {"name": f"{name}@{digest(languages)[:8]}", "languages": languages}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
