"""Characters without a width, and those that turn a text's direction.

They hide that two texts differ, or show a text in another order than it is stored. Persian, Arabic and the
scripts of India need two of them inside words, the zero-width joiner and non-joiner: these stay between two
letters of such a script.

Source: Unicode Technical Report 36 (bidirectional text), RFC 5892 appendix A (joiners).
"""

import re
import unicodedata

_JOINERS = "\u200c\u200d"
_INVISIBLE = re.compile(
    f"[{_JOINERS}\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SCRIPTS_WITHOUT_JOINERS = ("LATIN", "GREEK", "CYRILLIC")


def holds_invisible_characters(text: str) -> bool:
    """Return whether a text holds a character that ``remove_invisible_characters`` removes."""
    if text.isascii():
        return False
    return any(not _joins_letters(text, match.start()) for match in _INVISIBLE.finditer(text))


def remove_invisible_characters(text: str) -> str:
    """Return a text without the characters that cannot be seen."""
    if text.isascii() or not _INVISIBLE.search(text):
        return text
    return _INVISIBLE.sub(lambda match: match[0] if _joins_letters(text, match.start()) else "", text)


def _joins_letters(text: str, position: int) -> bool:
    """Return whether a joiner stands between letters that need it."""
    if text[position] not in _JOINERS or not 0 < position < len(text) - 1:
        return False
    return _needs_joiners(text[position - 1]) and _needs_joiners(text[position + 1])


def _needs_joiners(character: str) -> bool:
    """Return whether a character's script has joiners."""
    if unicodedata.category(character)[0] not in "LM":
        return False
    return not unicodedata.name(character, "LATIN").startswith(_SCRIPTS_WITHOUT_JOINERS)
