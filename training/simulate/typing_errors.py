"""Spelling and typing errors in names and numbers.

Each is a pure function of text and random integer. The tables are our own short ones: neighboring
keys, letters that scanners confuse, spellings that sound alike, and given names with several
accepted spellings.
"""

from functools import cache
from itertools import chain

from anyascii import anyascii
from nicknames import NickNamer

from training.simulate.rates import MisspellingRates, load_rates

_KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOR_KEYS = {
    key: (row[place - 1] if place else "") + row[place + 1 : place + 2]
    for row in _KEY_ROWS
    for place, key in enumerate(row)
}
_SCANNER_CONFUSIONS = (
    ("m", "rn"),
    ("rn", "m"),
    ("l", "1"),
    ("o", "0"),
    ("i", "l"),
    ("cl", "d"),
    ("e", "c"),
    ("h", "b"),
)
_SOUND_ALIKES = (
    ("ph", "f"), ("f", "ph"), ("ck", "k"), ("c", "k"), ("k", "c"), ("ie", "y"), ("y", "ie"), ("ee", "ea"),
    ("ea", "ee"), ("ai", "ay"), ("ay", "ai"), ("sh", "ch"), ("z", "s"), ("s", "z"), ("ll", "l"), ("l", "ll"),
    ("nn", "n"), ("n", "nn"), ("tt", "t"), ("rr", "r"), ("i", "y"), ("j", "g"), ("g", "j"), ("ei", "ie"),
    ("ah", "a"), ("a", "ah"), ("en", "an"), ("on", "en"), ("x", "ks"), ("qu", "kw"), ("v", "b"), ("b", "v"),
)  # fmt: skip
_SPELLINGS = (
    ("Mohamed", "Mohammed", "Muhammad", "Mohamad"), ("Ahmed", "Ahmad"), ("Hussein", "Hussain", "Husayn"),
    ("Yusuf", "Yousef", "Youssef"), ("Aisha", "Ayesha", "Aysha"), ("Fatima", "Fatimah", "Faduma"),
    ("Omar", "Umar"), ("Abdi", "Abdiy"), ("Khadija", "Khadijah", "Khadeeja"), ("Ibrahim", "Ebrahim"),
    ("Zhang", "Chang"), ("Xu", "Hsu"), ("Zhou", "Chou"), ("Wang", "Wong"), ("Liu", "Lau"), ("Huang", "Hwang"),
    ("Sara", "Sarah"), ("Catherine", "Katherine", "Kathryn"), ("Sean", "Shawn", "Shaun"), ("Jon", "John"),
    ("Stephen", "Steven"), ("Brian", "Bryan"), ("Geoffrey", "Jeffrey"), ("Alan", "Allen", "Allan"),
    ("Ana", "Anna"), ("Teresa", "Theresa"), ("Rebecca", "Rebekah"), ("Caitlin", "Kaitlyn", "Katelyn"),
    ("Aaliyah", "Aliyah", "Aleah"), ("Jaylen", "Jalen", "Jaylin"), ("Mohammad", "Mohammed"),
)  # fmt: skip
_VARIANTS = {name: tuple(v for v in group if v != name) for group in _SPELLINGS for name in group}
_STREET_TYPES = {
    "St": "Street", "Ave": "Avenue", "Rd": "Road", "Dr": "Drive", "Ln": "Lane", "Ct": "Court", "Pl": "Place",
    "Blvd": "Boulevard",
}  # fmt: skip
_SHORTEST_TO_SPOIL = 3
_OMITTED, _DOUBLED, _EXCHANGED = range(3)
"""Kinds of keyboard slips; the fourth is a neighboring key."""
_SHARE_STEPS = 1_000


def make_keyboard_slip(text: str, draw: int) -> str:
    """Make one typing slip in a text.

    A key is left out, doubled, exchanged with the next, or replaced by its neighbor.
    """
    if len(text) < _SHORTEST_TO_SPOIL:
        return text
    position = 1 + draw % (len(text) - 1)
    letter = text[position]
    slip = (draw >> 8) % 4
    if slip == _OMITTED:
        return text[:position] + text[position + 1 :]
    if slip == _DOUBLED:
        return text[:position] + letter + text[position:]
    if slip == _EXCHANGED and position + 1 < len(text):
        return text[:position] + text[position + 1] + letter + text[position + 2 :]
    keys = _NEIGHBOR_KEYS.get(letter.lower(), "e")
    return text[:position] + keys[(draw >> 12) % len(keys)] + text[position + 1 :]


def _apply_table(text: str, draw: int, table: tuple[tuple[str, str], ...]) -> str:
    """Apply the first misspelling rule that fits, or make a keyboard slip."""
    start = draw % len(table)
    for pattern, replacement in chain(table[start:], table[:start]):
        position = text.find(pattern, 1)
        if position > 0:
            return text[:position] + replacement + text[position + len(pattern) :]
    return make_keyboard_slip(text, draw)


def misspell(text: str, draw: int) -> str:
    """Misspell a text by ear, by scanner or by a keyboard slip."""
    kind = (draw >> 20) % _SHARE_STEPS / _SHARE_STEPS
    rates = _load_misspelling_rates()
    if kind < rates.by_ear:
        return _apply_table(text, draw, _SOUND_ALIKES)
    if kind < rates.by_ear + rates.by_scanner:
        return _apply_table(text, draw, _SCANNER_CONFUSIONS)
    return make_keyboard_slip(text, draw)


@cache
def _load_misspelling_rates() -> MisspellingRates:
    """Load the simulation's misspelling rates once."""
    return load_rates().misspelling


def change_digit(text: str, draw: int) -> str:
    """Replace one digit, or exchange two neighboring digits."""
    positions = [position for position, letter in enumerate(text) if letter.isdigit()]
    if not positions:
        return text
    position = positions[draw % len(positions)]
    if (draw >> 8) % 2 and position + 1 < len(text) and text[position + 1].isdigit():
        return text[:position] + text[position + 1] + text[position] + text[position + 2 :]
    digit = str((int(text[position]) + 1 + (draw >> 12) % 9) % 10)
    return text[:position] + digit + text[position + 1 :]


def respell(text: str, draw: int) -> str:
    """Return another accepted spelling of a name that has several."""
    variants = _VARIANTS.get(text, (text,))
    return variants[draw % len(variants)]


@cache
def _list_nicknames(lower: str) -> tuple[str, ...]:
    """Return the sorted nicknames of a lower-case name."""
    return tuple(sorted(_load_namer().nicknames_of(lower)))


@cache
def _load_namer() -> NickNamer:
    """Load the nickname library once."""
    return NickNamer()


def to_nickname(text: str, draw: int) -> str:
    """Return a nickname of a name that has one."""
    short = _list_nicknames(text.lower())
    return short[draw % len(short)].title() if short else text


def join_surnames(text: str, draw: int) -> str:
    """Hyphenate, join or swap two surnames."""
    first, _, second = text.partition(" ")
    if not second:
        return text
    return (f"{first}-{second}", f"{first}{second.lower()}", f"{second} {first}", f"{first}-{second}")[
        draw % 4
    ]


def keep_one_surname(text: str, draw: int) -> str:
    """Keep one of two surnames, mostly the first."""
    first, _, second = text.replace("-", " ").partition(" ")
    return second if second and draw % 5 == 0 else first


def restyle_phone(text: str, draw: int) -> str:
    """Rewrite a phone number with other punctuation."""
    digits = "".join(letter for letter in text if letter.isdigit())
    return (digits, f"{digits[:3]}-{digits[3:6]}-{digits[6:]}", f"+1{digits}")[draw % 3]


def spell_out_street(text: str, _draw: int) -> str:
    """Spell out the street type of an address, such as Avenue."""
    street, _, kind = text.rpartition(" ")
    return f"{street} {_STREET_TYPES.get(kind, kind)}"


def remove_accents(text: str, _draw: int = 0) -> str:
    """Remove the accents of a text."""
    return text if text.isascii() else str(anyascii(text))
