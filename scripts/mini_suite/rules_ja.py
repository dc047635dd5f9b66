"""Japanese: particles before their noun; wrong case particles and verb forms.

There are no spaces: the rules work on the string and know a noun as a maximal run of kanji or
katakana.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NOUN = r"(?P<noun>[一-龠々]{2,}|[ァ-ヺー]{2,})"
_OBJECT = re.compile(_NOUN + r"を(?=[一-龠ァ-ヺぁ-ん])")
_AFTER_VERB = re.compile(r"(?<=[たる])" + _NOUN + r"(?P<particle>[はに])(?=[一-龠ァ-ヺぁ-ん、])")
_SAFE_BEFORE = re.compile(r"(この|その|どの|[たるいなはがに、])$")
# pattern -> replacement; each yields a form that no Japanese sentence has
_FORMS = (
    (r"してください", "するください"),
    (r"ありません", "あるません"),
    (r"できません", "できるません"),
    (r"られません", "られるません"),
    (r"されません", "されるません"),
    (r"(?<=[てで])います", "いるます"),
    (r"(?<=[てで])いません", "いるません"),
    (r"されました", "されるました"),
    (r"しました", "するました"),
    (r"されます", "されるます"),
    (r"できます", "できるます"),
    (r"なければなりません", "ないければなりません"),
    (r"であることを", "でいることを"),
    (r"してもよろしい", "するもよろしい"),
    (r"選んでください", "選びでください"),
    (r"されている", "されるている"),
    (r"している", "するている"),
    (r"されなければ", "されるなければ"),
    (r"有する", "有しる"),
)
# a particle that the predicate cannot take
_CASES = (
    (r"が必要です", "を必要です"),
    (r"が必要があります", "を必要があります"),
    (r"がありません", "をありません"),
    (r"があります", "をあります"),
    (r"が見つかりません", "を見つかりません"),
    (r"が存在しません", "を存在しません"),
    (r"は存在しません", "を存在しません"),
    (r"ことができます", "ことをできます"),
    (r"ことはできません", "ことをできません"),
    (r"ことができません", "ことをできません"),
    (r"権利を有する", "権利が有する"),
    (r"がいません", "をいません"),
    (r"でエラーが発生", "をエラーが発生"),
    (r"中にエラーが", "中をエラーが"),
    (r"を(?=(追加|編集|削除|選択|入力|設定|変更)しても?(ください|よろしい))", "が"),
    (r"を(?=(修正|確認|指定|更新)しても?(ください|よろしい))", "が"),
)


def swaps(text: str) -> Iterator[str]:
    """Yield sentences with a noun and its particle exchanged."""
    found: list[str] = []
    for match in _OBJECT.finditer(text):
        if _SAFE_BEFORE.search(text[: match.start()]):
            found.append(_exchange(text, match, "を"))
    for match in _AFTER_VERB.finditer(text):
        if not match["noun"].endswith("又"):
            found.append(_exchange(text, match, match["particle"]))
    first = _OBJECT.match(text)
    if first and not found:
        found.append(_exchange(text, first, "を"))
    yield from found


def _exchange(text: str, match: re.Match[str], particle: str) -> str:
    end = match.start() + len(match["noun"]) + len(particle)
    return text[: match.start()] + particle + match["noun"] + text[end:]


def mistakes(text: str) -> Iterator[str]:
    """Yield sentences with a wrong case particle."""
    yield from _apply(_CASES, text)


def easy_mistakes(text: str) -> Iterator[str]:
    """Yield sentences with a wrongly joined verb form."""
    yield from _apply(_FORMS, text)


def _apply(table: tuple[tuple[str, str], ...], text: str) -> Iterator[str]:
    for pattern, wrong in table:
        for match in re.finditer(pattern, text):
            yield text[: match.start()] + wrong + text[match.end() :]
