"""Korean: heads before their modifiers, split predicates; wrong case particles.

Phrases may change places, so only what must stand together is exchanged. A wrong particle suits the
last sound of its noun as the right one did (이 and 을, 가 and 를) and has as many bytes, so that
neither spelling nor length tells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .edits import Tokens, core, tail

# predicates that end a sentence in these sources
_FINAL = re.compile(r"(니다|니까|세요|시오|한다|된다|진다|린다|까요|어요|아요|는다|있다|없다)$")
_DETERMINERS = frozenset(
    "이 그 이런 그런 이러한 모든 각 해당 어떤 어떠한 새 다른 여러 몇몇 일부 아무".split()
)
_ADNOMINAL = re.compile(r"(의|있는|없는|[하되]는|[한된할될을운])$")
_OBJECT = re.compile(r"[가-힣]{2,}[을를]$")
_GOVERNORS = frozenset("위해 위한 위하여 의해 의하여 대한 대해 대하여 통해 통하여 인해".split())
_GOVERNED = re.compile(r"[가-힣](에|을|를|로)$")
_NEGATION = re.compile(r"^(않|못하|못했|아니한|아니하)")
_AUXILIARY = re.compile(r"^(주세|주십|주시|합니다|한다|하며|있습|있는|바랍)")
_CONVERB = re.compile(r"[가-힣](해|하여|해야|하여야|어야|되어|시기|하기)$")
_CASED = re.compile(r"[가-힣]{2,}(을|를|이|가|은|는|에|에서|으로|로)$")

# nouns and adverbs that only look as if they ended in a particle
_NO_SUBJECT = re.compile(r"(없이|같이|많이|높이|길이|차이|사이|나이|종이|평가|국가|추가)$")
# who or what can do what the predicate says: as a subject they are right
_AGENTS = re.compile(
    r"(자|사람|누구도?|학생|교사|교강사|당신|그룹|구성원|들|사이트|브라우저|시스템|은행|워크플로우?|뷰|모델)$"
)
_EXISTS = re.compile(r"^(있|없)(습|는|을|었|다|어|으)|^필요(합|한|하)|^(존재|발생)(합|하|했|한|할)")
_PASSIVE = re.compile(r"^[가-힣]{2,}(되|된|됩|될|됐)")
_ACTIVE = re.compile(
    r"^(선택|입력|삭제|추가|제거|수정|변경|확인|저장|사용|생성|제출|편집|복사|복제|게시|취소|업로드"
    r"|설정|지정|검색|수행|클릭|공유|수여|부여|업데이트|정의|적용|해제|완료|발송|재설정|정)(하|합|했|한|할|해)"
    r"|^(가진다|만드|만들|누르|눌러|누릅|고르|바꾸|받습)"
)
_RELATIVE = re.compile(r"([한할]|하[는던]|만드는|만든)$")

# what cannot follow an object: bound nouns, another object, predicates that take none
_NO_VERB_PHRASE = re.compile(
    r"^(수|데|것|것을|때|때는|개의|동안|후에|경우) |[가-힣][을를] "
    r"|[가-힣][이가] (있|없|필요|발생|하나)|[되된됩될][가-힣]*[.?]$|입니다\.$"
)
# what cannot follow a modifier: verbs and adverbs
_NO_NOUN_PHRASE = re.compile(
    r"^(다시|이미|정말|항상|더|확실히|완전히|분명하게|알맞게) "
    r"|^[가-힣]*(하여|하는|하고|하지|하려면|하면|하길|하기|하세요|하시|할|합니|했|해야|되어|되었)"
    r"|^(받|않|아니|만들|찾|가져오|내보내|열 |바꾸|지우|부여받|누르)"
)


def swap_sites(tokens: Tokens) -> Iterator[int]:
    """Yield where swapping two neighbours breaks the order beyond doubt."""
    for i in range(len(tokens) - 1):
        first, second = core(tokens[i]), core(tokens[i + 1])
        if tail(tokens[i]) or first == second or not (first + second).replace("-", "").isalpha():
            continue
        last = i + 2 == len(tokens)
        before_verb = i + 3 == len(tokens) and bool(_FINAL.search(core(tokens[i + 2])))
        modifier = first in _DETERMINERS or _ADNOMINAL.search(first)
        if (
            (first == "수" and second[0] in "있없")
            or (first[-1] == "지" and _NEGATION.match(second))
            or (second in _GOVERNORS and _GOVERNED.search(first))
            or (first == "및" and i and not last and _CASED.search(second))
            or (modifier and before_verb and _OBJECT.search(second))
            or (last and _CONVERB.search(first) and _AUXILIARY.match(second))
        ):
            yield i


def mistakes(tokens: Tokens) -> Iterator[Tokens]:
    """Yield sentences in which a predicate has an argument in the wrong case."""
    for i in range(len(tokens) - 1):
        noun, following = tokens[i], core(tokens[i + 1])
        stem = noun[:-1]
        if len(noun) < 3 or not re.fullmatch(r"[가-힣]+", noun):
            continue
        if noun[-1] == _subject(stem) and not _NO_SUBJECT.search(noun):
            if _EXISTS.match(following) or _PASSIVE.match(following):
                yield _put(tokens, i, stem + _object(stem))
        if noun[-1] == _object(stem) and not _AGENTS.search(stem):
            # a relative clause may be about what its subject did
            related = _RELATIVE.search(following) and tokens[i + 2 : i + 3] != ["수"]
            if _ACTIVE.match(following) and not related:
                yield _put(tokens, i, stem + _subject(stem))
            if following in ("위해", "위한", "위하여", "통해", "통하여"):
                yield _put(tokens, i, stem + "에")
        if noun[-1] == "에" and following in ("대한", "대해", "대하여"):
            yield _put(tokens, i, stem + _subject(stem))
        if noun[-1] == "에" and following in ("의해", "의하여"):
            yield _put(tokens, i, stem + _object(stem))
        if noun[-1] == "로" and noun[-2] != "으" and following in ("인해", "인하여"):
            yield _put(tokens, i, stem + _object(stem))


def continued_by(word: str) -> str:
    """Return what kind of phrase must follow a word, or nothing if many can."""
    if word in _DETERMINERS or word == "및" or _ADNOMINAL.search(word) and not word.endswith("을"):
        return "noun"
    if _OBJECT.search(word):
        return "transitive verb"
    return "negation" if re.search(r"[가-힣]지$", word) else ""


def could_follow(kind: str, rest: str) -> bool:
    """Whether the end of another sentence may fit after a word of this kind."""
    if kind == "noun":
        return not _NO_NOUN_PHRASE.search(rest)
    return kind == "transitive verb" and not _NO_VERB_PHRASE.search(rest)


def _put(tokens: Tokens, index: int, word: str) -> Tokens:
    return [*tokens[:index], word, *tokens[index + 1 :]]


def _closed(stem: str) -> bool:
    """Whether the last syllable ends in a consonant."""
    return (ord(stem[-1]) - 0xAC00) % 28 > 0


def _subject(stem: str) -> str:
    return "이" if _closed(stem) else "가"


def _object(stem: str) -> str:
    return "을" if _closed(stem) else "를"
