"""Enterprise IDs: how they are made, checked and written.

An ID is twelve symbols of Crockford's base 32 in groups of four, such as ``7K3M-92QX-0HTV``: eleven random
symbols (55 bits) and a check symbol, which is one of the same 32 symbols.

The check is a weighted sum over GF(32), where every symbol is an element of the field and the weight of
position *i* is g**i for a primitive element g. Weights are not zero, so a single wrong symbol is always
caught. Weights of neighbors differ, so an adjacent swap is always caught. (Crockford's own check symbols
``*~$=U`` are bad in URLs and aloud.) The alphabet: https://www.crockford.com/base32.html
"""

import secrets
from collections.abc import Callable

from mpi.domain.errors import EidError

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
TEST_MARK = "T"
"""First symbol of every ID of a test index; no production ID starts with it."""

_SYMBOL_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_LOOKALIKE_SYMBOLS = str.maketrans({"O": "0", "I": "1", "L": "1"})
_LENGTH = 12
_PRODUCTION_SYMBOLS = ALPHABET.replace(TEST_MARK, "")
_REST_COUNT = 32 ** (_LENGTH - 2)
"""Number of different symbols between the first and the check symbol."""
_SHIFTS = tuple(range(5 * (_LENGTH - 3), -1, -5))
_PRIMITIVE_POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, primitive over GF(2)


def _multiply_by_generator(value: int) -> int:
    """Multiply an element of the field GF(32) by its generator g."""
    value <<= 1
    return value ^ _PRIMITIVE_POLYNOMIAL if value & 0b100000 else value


def _multiply(left: int, right: int) -> int:
    """Multiply two elements of GF(32)."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left = _multiply_by_generator(left)
        right >>= 1
    return product


def _compute_position_weights() -> tuple[int, ...]:
    """Return the checksum weight of each symbol position of an enterprise ID."""
    # The check symbol itself has weight 1, so it equals the sum of the others.
    weights = [1]
    while len(weights) < _LENGTH:
        weights.append(_multiply_by_generator(weights[-1]))
    return tuple(reversed(weights))


_WEIGHTED_VALUES = tuple(
    tuple(_multiply(weight, value) for value in range(32)) for weight in _compute_position_weights()
)
"""Product of each position's weight and each symbol's value.

Precomputed, because a load mints hundreds of thousands of IDs.
"""


def _compute_checksum(values: list[int]) -> int:
    """Return an enterprise ID's weighted sum of symbols; 0 if valid."""
    total = 0
    for products, value in zip(_WEIGHTED_VALUES, values, strict=False):
        total ^= products[value]
    return total


def _format_symbols(symbols: str) -> str:
    """Write an enterprise ID's twelve symbols in groups of four."""
    return "-".join(symbols[start : start + 4] for start in range(0, _LENGTH, 4))


def mint_eid(*, test: bool, randbelow: Callable[[int], int] = secrets.randbelow) -> str:
    """Make a new random enterprise ID.

    Args:
        test: whether the index is a test index, whose IDs start with ``T``.
        randbelow: source of randomness; the operating system's own unless a test gives another.
    """
    first_symbols = TEST_MARK if test else _PRODUCTION_SYMBOLS
    # One random number for all symbols: a load mints hundreds of thousands of IDs.
    first, rest = divmod(randbelow(len(first_symbols) * _REST_COUNT), _REST_COUNT)
    values = [_SYMBOL_VALUES[first_symbols[first]], *(rest >> shift & 31 for shift in _SHIFTS)]
    return _format_symbols("".join([ALPHABET[value] for value in (*values, _compute_checksum(values))]))


def parse_eid(text: str) -> str:
    """Parse a typed enterprise ID into its standard form.

    Case, hyphens and spaces do not matter; O is read as 0, I and L as 1.

    Raises:
        EidError: the text is no enterprise ID; the message says which rule it breaks.
    """
    symbols = text.upper().replace("-", "").replace(" ", "").translate(_LOOKALIKE_SYMBOLS)
    if len(symbols) != _LENGTH:
        raise EidError(
            f"an enterprise ID has {_LENGTH} letters and digits, like 7K3M-92QX-0HTV; this has {len(symbols)}"
        )
    if any(symbol not in _SYMBOL_VALUES for symbol in symbols):
        raise EidError("an enterprise ID has only digits and the letters A to Z without I, L, O, U")
    if _compute_checksum([_SYMBOL_VALUES[symbol] for symbol in symbols]):
        raise EidError("its check symbol does not fit: a letter or digit is wrong, or two are swapped")
    return _format_symbols(symbols)


def is_test_eid(eid: str) -> bool:
    """Return whether an enterprise ID was minted by a test index."""
    return eid.startswith(TEST_MARK)
