"""English wording of the model's comparisons, levels and cautions, from ``wording.toml``.

A level without wording reads as the model names it, after the name of its comparison.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

PRIOR, CAUTION = "prior", "caution"
"""Names of the first and last part of a match weight."""

SILENT = frozenset({"missing", "no caution"})
"""Comparison levels that carry no evidence and are left out of sentences."""


@lru_cache(maxsize=1)
def load_words() -> Mapping[str, Any]:
    """Load the file of English wordings once."""
    return tomllib.loads(files("mpi.service.explanations").joinpath("wording.toml").read_text("utf-8"))


def describe_comparison(name: str) -> str:
    """Return the English heading of a model's comparison."""
    return str(load_words()["comparisons"].get(name, name.replace("_", " ")))


def describe_level(name: str, level: str) -> str:
    """Return a comparison level of the model as an English phrase."""
    wording = load_words()["levels"].get(name, {}).get(level)
    return str(wording or f"{describe_comparison(name)}: {level}")


def describe_caution(label: str) -> str:
    """Return a caution (reason for review) as a phrase following "because"."""
    return str(load_words()["cautions"].get(label, label))


def describe_authority(name: str) -> str:
    """Return the English wording of a decision's authority."""
    return str(load_words()["authorities"][name])


def describe_cause(code: str) -> str:
    """Return the English wording of why a person's records changed."""
    return str(load_words()["causes"].get(code, code))


def describe_what_if(subject: str, variation: str) -> str:
    """Return a hypothetical difference of two records as a phrase following "if"."""
    return str(load_words()["what_ifs"][subject][variation])


def describe_rule(code: str) -> str:
    """Return in words why a golden-record value was chosen."""
    return str(load_words()["rules"].get(code, code))


def join_phrases(parts: Sequence[str]) -> str:
    """Join phrases as ``a``, ``a and b`` or ``a, b, and c``.

    Semicolons separate phrases that contain commas.
    """
    if len(parts) <= 1:
        return "".join(parts)
    *first, last = parts
    mark = ";" if any("," in part for part in parts) else ","
    return f"{f'{mark} '.join(first)}{mark if len(first) > 1 or mark == ';' else ''} and {last}"


def format_sentence(text: str) -> str:
    """Return a text with an initial capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def format_bits(weight: float) -> str:
    """Return a match weight with one decimal and its unit."""
    return f"{weight:.1f} bits"


def format_count(number: int, singular: str, plural: str) -> str:
    """Return a number with its noun, as ``1 link`` or ``3 links``."""
    return f"{number:,} {singular if number == 1 else plural}"
