"""Name particles, joined prefixes and generational suffixes.

Facts of naming in the languages they come from: Dutch and German (van, von, der, den, ten, zu), Romance
(de, del, la, los, di, da, dos, du, le, y, e), Arabic (al, el, bin, bint, ibn, abu), Scots and Irish
(mac, mc, o, fitz), Italian and French elision (d, l, dell).
"""

PARTICLES = frozenset(
    ("VAN", "VON", "DER", "DEN", "TEN", "TER", "ZU", "ZUM", "ZUR",
     "DE", "DEL", "DELLA", "DELLO", "DEGLI", "LA", "LAS", "LO", "LOS", "LE", "LES", "DI", "DA", "DAS",
     "DO", "DOS", "DU", "DES", "Y", "E", "AL", "EL", "BIN", "BINT", "IBN", "BEN", "ABU")
)  # fmt: skip
"""Words that may be left out before another word of a last name."""

JOINED_PREFIXES = frozenset(("MAC", "MC", "O", "D", "L", "FITZ", "AP", "DELL", "ST", "SAINT"))
"""Words that belong to the next one: Mac Donald is MacDonald."""

SUFFIXES = {
    "JR": "JR", "JNR": "JR", "SR": "SR", "SNR": "SR", "II": "II", "2ND": "II",
    "III": "III", "3RD": "III", "IV": "IV", "4TH": "IV",
}  # fmt: skip
"""Generational suffixes that may stand in a name field, with their standard form."""

SUFFIX_FIELD_VALUES = {**SUFFIXES, "JUNIOR": "JR", "SENIOR": "SR", "2": "II", "3": "III", "4": "IV"}
"""Values of the suffix field, with their standard form.

"Junior" counts only here, as it may be a name in a name field.
"""
