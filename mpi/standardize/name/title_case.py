"""Title case of names in capitals or in small letters.

A name in mixed case stays as it is written: its writer chose the capitals (DeShawn, McDonald, de la Cruz).
The comparison of records ignores case, so this is for display alone.
"""

import re
import unicodedata
from collections.abc import Callable

_LETTERS = re.compile(r"(?<!\d)[^\W\d_]+")
_ROMAN_NUMERALS = frozenset({"II", "III", "IV", "V"})
_SUFFIXES = {"JR": "Jr.", "SR": "Sr.", "JNR": "Jr.", "SNR": "Sr."}

_SMALL_WORDS = frozenset(
    ("de", "del", "della", "dei", "da", "das", "dos", "von", "zu", "y", "e", "bin", "bint", "ibn")
)
"""Particles in small letters before another word of a last name."""

_SMALL_AFTER = {
    "la": frozenset({"de"}), "las": frozenset({"de"}), "los": frozenset({"de"}),
    "der": frozenset({"van", "von"}), "den": frozenset({"van", "von"}),
}  # fmt: skip
"""Particles in small letters only after another particle.

La Rosa and Van Buren alone are written with capitals in the United States.
"""

_MAC_NAMES = frozenset({
    "macarthur", "macaulay", "macbeth", "macbride", "maccallum", "macdonald", "macdonnell", "macdougall",
    "macduff", "macfarlane", "macgregor", "macgillivray", "macinnis", "macintosh", "macintyre", "maciver",
    "mackay", "mackenzie", "mackinnon", "maclaren", "maclean", "macleod", "macmahon", "macmillan",
    "macmurray", "macnamara", "macneil", "macneill", "macphee", "macpherson", "macqueen", "macrae",
    "mactavish",
})  # fmt: skip
"""Last names with a capital after Mac. No rule tells them from Macias, Machado and Mackey."""


def format_given_name(text: str) -> str:
    """Return a first, middle or preferred name in title case."""
    return _format_words(text, lambda words: [_capitalize(word) for word in words])


def format_last_name(text: str) -> str:
    """Return a last name in title case, its particles in small letters."""
    return _format_words(text, _format_surname_words)


def format_suffix(text: str) -> str:
    """Return a generational suffix as usual, such as Jr. or III."""
    bare = text.strip().rstrip(".").upper()
    return bare if bare in _ROMAN_NUMERALS else _SUFFIXES.get(bare, format_given_name(text))


def format_name(first: str | None, middle: str | None, last: str | None, suffix: str | None) -> str:
    """Return a person's name in title case, without the missing parts."""
    parts = (
        format_given_name(first or ""),
        format_given_name(middle or ""),
        format_last_name(last or ""),
        format_suffix(suffix or ""),
    )
    return " ".join(part for part in parts if part)


def _format_words(text: str, format_words: Callable[[list[str]], list[str]]) -> str:
    """Return a text of one case with its words formatted; else unchanged."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    if composed not in (composed.upper(), composed.lower()):
        return composed
    return " ".join(format_words(composed.lower().split(" ")))


def _format_surname_words(words: list[str]) -> list[str]:
    """Return the words of a last name, each with its capitals."""
    return [_format_surname_word(words, position) for position in range(len(words))]


def _format_surname_word(words: list[str], position: int) -> str:
    word, is_last = words[position], position == len(words) - 1
    if is_last and position > 0 and word.rstrip(".").upper() in _ROMAN_NUMERALS:
        return word.upper()
    if not is_last and _is_small(words, position):
        return word
    return _LETTERS.sub(lambda letters: _MAC_FORMS.get(letters[0]) or _capitalize_letters(letters), word)


def _is_small(words: list[str], position: int) -> bool:
    """Return whether a last name's word is a particle in small letters."""
    word = words[position]
    if word in _SMALL_WORDS:
        return True
    if word == "van":
        return words[position + 1] in {"de", "den", "der"}
    return position > 0 and words[position - 1] in _SMALL_AFTER.get(word, ())


def _capitalize(word: str) -> str:
    """Return a word with each run of letters capitalized."""
    return _LETTERS.sub(_capitalize_letters, word)


def _capitalize_letters(letters: re.Match[str]) -> str:
    """Return a run of letters with its capitals, such as McDonald."""
    text = letters[0]
    if text.startswith("mc") and len(text) > len("mcx"):
        return f"Mc{_to_capital(text[2])}{text[3:]}"
    return _to_capital(text[0]) + text[1:]


def _to_capital(letter: str) -> str:
    """Return the capital of a letter, if it has one.

    Another letter is returned as it is.
    """
    capital = letter.upper()
    return capital if capital.lower() == letter else letter


_MAC_FORMS = {name: f"Mac{name[3].upper()}{name[4:]}" for name in _MAC_NAMES}
