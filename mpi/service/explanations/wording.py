"""What the model's names are in English: ``wording.toml`` is the one place that says it.

A level that is not listed there reads as the model names it, after its comparison's name.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

PRIOR, CAUTION = "prior", "caution"
"""Names of the first part of a weight and of the last."""

SILENT = frozenset({"missing", "no caution"})
"""Levels that say nothing of a pair; left out of a sentence."""


@lru_cache(maxsize=1)
def load_words() -> Mapping[str, Any]:
    """The whole file."""
    return tomllib.loads(files("mpi.service.explanations").joinpath("wording.toml").read_text("utf-8"))


def describe_comparison(name: str) -> str:
    """What is compared, as a heading."""
    return str(load_words()["comparisons"].get(name, name.replace("_", " ")))


def describe_level(name: str, level: str) -> str:
    """What a level of a comparison says of a pair, as a part of a sentence."""
    wording = load_words()["levels"].get(name, {}).get(level)
    return str(wording or f"{describe_comparison(name)}: {level}")


def describe_caution(label: str) -> str:
    """A caution, after "because"."""
    return str(load_words()["cautions"].get(label, label))


def describe_authority(name: str) -> str:
    """Whose word a decision is."""
    return str(load_words()["authorities"][name])


def describe_cause(code: str) -> str:
    """What brought a change of the lineage about."""
    return str(load_words()["causes"].get(code, code))


def describe_what_if(subject: str, variation: str) -> str:
    """What could be otherwise about a pair, after "if"."""
    return str(load_words()["what_ifs"][subject][variation])


def describe_rule(code: str) -> str:
    """Why a value stands in the golden record."""
    return str(load_words()["rules"].get(code, code))


def join_phrases(parts: Sequence[str]) -> str:
    """``a``; ``a and b``; ``a, b, and c``; with semicolons where a part has commas of its own."""
    if len(parts) < len(("one", "other")):
        return "".join(parts)
    *first, last = parts
    mark = ";" if any("," in part for part in parts) else ","
    return f"{f'{mark} '.join(first)}{mark if len(first) > 1 or mark == ';' else ''} and {last}"


def format_sentence(text: str) -> str:
    """A text begun with a capital letter and ended with a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def format_bits(weight: float) -> str:
    """A weight as people read it."""
    return f"{weight:.1f} bits"


def format_count(number: int, singular: str, plural: str) -> str:
    """``1 link``, ``3 links``."""
    return f"{number:,} {singular if number == 1 else plural}"
