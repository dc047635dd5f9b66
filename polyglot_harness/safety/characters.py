"""Characters that hide: controls, bidirectional overrides, invisible letters and tags.

See Unicode Technical Report 36 and "Trojan Source" (Boucher and Anderson 2021, arXiv 2111.00169).
Joiners are needed to write Persian and the scripts of India, direction marks in mixed Arabic and
Hebrew texts, spaces without width in Thai and Khmer: those pass where texts stand.
"""

from __future__ import annotations

import re
import unicodedata

_JOINERS = "\u200c\u200d"
_MARKS = "\u200e\u200f\u061c"
_LINES = "\u2028\u2029"
_BREAKS = "\u200b\u2060"
_NEEDS_BREAKS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\uaa7f\u0f00-\u0fff"
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_NEVER = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # controls but tab, line feed, carriage return
    "\u202a-\u202e\u2066-\u2069"  # bidirectional overrides, embeddings, isolates
    "\u2061-\u2065\u206a-\u206f\ufff9-\ufffb\ufeff"  # invisible operators, annotations, BOM
    "\u115f\u1160\u3164\uffa0\u17b4\u17b5"  # letters that show nothing
    "\ud800-\udfff\ufffe\uffff"  # halves of pairs (escapes in JSON), no characters
    "\u00ad\u034f\u180e\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # soft hyphen and the like
    "\U000e0000-\U000e007f"  # tags
)
_SELECTORS = "\U000e0100-\U000e01ef"
# a selector after a letter of ASCII, a space or a selector selects nothing: a row of them is a text
_LOOSE = "(?:^|(?<=[A-Za-z\\s\ufe00-\ufe0f]))[\ufe00-\ufe0f]"
_PROSE = re.compile(
    rf"[{_NEVER}]|(?<![{_IDEOGRAPHS}])[{_SELECTORS}]|{_LOOSE}"
    rf"|(?<![{_NEEDS_BREAKS}])[{_BREAKS}](?![{_NEEDS_BREAKS}])"
)
_SETTINGS = re.compile(f"[{_NEVER}{_SELECTORS}{_MARKS}{_LINES}{_BREAKS}]|{_LOOSE}")
_JOINED = re.compile(f"[{_JOINERS}]")


def hidden(text: str, *, prose: bool) -> tuple[int, str] | None:
    """Find a character that a reader does not see, and that need not be there.

    Args:
        text: Some text.
        prose: It is written in a language (seeds, items, requests), not a setting.

    Returns:
        Its position and its name; None if there is none.
    """
    if text.isascii() and not _NEVER_ASCII.search(text):
        return None
    found = (_PROSE if prose else _SETTINGS).search(text) or _loose_joiner(text, prose)
    if found is None:
        return None
    sign = found.group()
    return found.start(), f"U+{ord(sign):04X} {unicodedata.name(sign, 'control')}"


def _loose_joiner(text: str, prose: bool) -> re.Match[str] | None:
    """Find a joiner that joins nothing: after a letter or mark it is spelling, else an emoji."""
    for found in _JOINED.finditer(text):
        letter = text[found.start() - 1 : found.start()]
        before = unicodedata.category(letter) if letter else "Cn"
        # no script whose letters are of ASCII joins them
        if letter.isascii() or not (before[0] in "LM" or (prose and before in ("So", "Sk"))):
            return found
    return None


_NEVER_ASCII = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
