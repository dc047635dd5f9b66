"""The capital of a country, from the localized names of territories and time-zone cities."""

from __future__ import annotations

import pickle
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .items import Draft
from .tables import CAPITAL_SHOTS, CAPITALS, COUNTRY_LABELS
from .words import fold


@dataclass(frozen=True)
class Capital:
    """A country and its capital in the language."""

    code: str
    country: str
    city: str
    region: str


def make_drafts(language: str, archive: Path, *, rng: random.Random) -> list[Draft]:
    """Make one draft from each country whose name does not contain its capital.

    None for a language without labels: of 116 countries and capitals CLDR gives all but five in
    English (Tagalog).
    """
    if language not in COUNTRY_LABELS:
        return []
    capitals = {capital.code: capital for capital in _capitals(language, archive)}
    country, city = COUNTRY_LABELS[language]
    head = "".join(
        f"{country}: {capitals[code].country}\n{city}: {capitals[code].city}\n\n"
        for code in CAPITAL_SHOTS
    )
    usable = [c for code, c in capitals.items() if code not in CAPITAL_SHOTS and not _leaks(c)]
    rng.shuffle(usable)
    drafts: list[Draft] = []
    for capital in usable:
        near = [o.city for o in usable if o.region == capital.region and o != capital]
        context = f"{head}{country}: {capital.country}\n{city}:"
        choices = [capital.city, *rng.sample(near, 3)]
        drafts.append(Draft(context=context, choices=choices, source="babel"))
    return drafts


def _capitals(language: str, archive: Path) -> list[Capital]:
    root, local = (_locale(archive, code) for code in ("root", language))
    found: list[Capital] = []
    for code, zone in CAPITALS.items():
        # CLDR: a city that a locale does not name is named after its zone
        default = root["time_zones"].get(zone, {}).get("city")
        city = local["time_zones"].get(zone, {}).get("city") or default
        city = city or zone.rpartition("/")[2].replace("_", " ")
        region = zone.partition("/")[0]
        region = {"Indian": "Africa", "Atlantic": "Europe"}.get(region, region)
        country = local["territories"][code]
        found.append(Capital(code, country, city.replace("\u00ad", ""), region))
    return found


def _locale(archive: Path, code: str) -> dict[str, Any]:
    """Read one locale of babel; the archive is pinned by its sha256, so its pickle is known."""
    with zipfile.ZipFile(archive) as wheel:
        data: dict[str, Any] = _LocaleReader(wheel.open(f"babel/locale-data/{code}.dat")).load()
    return data


class _Ignored:
    """Stands for the classes of babel, whose values we do not read."""

    def __new__(cls, *_values: object) -> _Ignored:
        """Accept any arguments."""
        return super().__new__(cls)

    def __setstate__(self, _state: object) -> None:
        """Accept any state."""


class _LocaleReader(pickle.Unpickler):
    """Reads the data without importing babel."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a placeholder for any class of babel and refuse all else."""
        if module.startswith("babel."):
            return _Ignored
        raise pickle.UnpicklingError(f"{module}.{name} is not expected")


def _leaks(capital: Capital) -> bool:
    """Whether the name of the country betrays that of its capital."""
    country, city = fold(capital.country), fold(capital.city)
    return city[:5] in country or country[:5] in city or city[:3] == country[:3]
