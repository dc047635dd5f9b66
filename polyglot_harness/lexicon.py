"""Share of known words: what tells text from gibberish that merely looks like the language.

Language identification passes made-up words. Word lists of wordfreq (frequencies from Wikipedia,
subtitles, news, web) do not: natural text has a share of .9 and more, the gibberish of a small
model .5 to .8. Languages written without spaces are not covered: what parts their words finds known
ones in anything (of Japanese letters in random order .98 are known words to MeCab).
"""

from __future__ import annotations

from functools import cache, lru_cache

MIN_ZIPF = 1.5
"""A word counts as known if it occurs 30 times or more in a thousand million (Zipf scale)."""
UNSEGMENTED = frozenset({"ja", "zh", "th", "ko"})
"""Languages whose words wordfreq finds only with further packages."""
WORD_LISTS = {"tl": "fil"}
"""Names of wordfreq that are not those of the packs."""


@cache
def covers(language: str) -> bool:
    """Whether there is a word list for the language."""
    from wordfreq import available_languages

    name = WORD_LISTS.get(language, language)
    return language not in UNSEGMENTED and name in available_languages()


def known_word_share(text: str, language: str) -> float | None:
    """Return the share (0-1) of the words of `text` that are in the language's word list.

    Args:
        text: Some text.
        language: ISO 639-1 code.

    Returns:
        The share; None if the language is not covered or the text has no words.
    """
    if not covers(language):
        return None
    from wordfreq.tokens import simple_tokenize

    words = [w for w in simple_tokenize(text) if any(map(str.isalpha, w))]
    if not words:
        return None
    return sum(_known(word, language) for word in words) / len(words)


@lru_cache(maxsize=1 << 16)
def _known(word: str, language: str) -> bool:
    from wordfreq import zipf_frequency

    return float(zipf_frequency(word, WORD_LISTS.get(language, language))) >= MIN_ZIPF
