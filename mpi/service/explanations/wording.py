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
def words() -> Mapping[str, Any]:
    """The whole file."""
    return tomllib.loads(files("mpi.service.explanations").joinpath("wording.toml").read_text("utf-8"))


def comparison(name: str) -> str:
    """What is compared, as a heading."""
    return str(words()["comparisons"].get(name, name.replace("_", " ")))


def level(name: str, label: str) -> str:
    """What a level of a comparison says of a pair, as a part of a sentence."""
    known = words()["levels"].get(name, {}).get(label)
    return str(known or f"{comparison(name)}: {label}")


def caution(label: str) -> str:
    """A caution, after "because"."""
    return str(words()["cautions"].get(label, label))


def authority(name: str) -> str:
    """Whose word a decision is."""
    return str(words()["authorities"][name])


def cause(code: str) -> str:
    """What brought a change of the lineage about."""
    return str(words()["causes"].get(code, code))


def what_if(subject: str, how: str) -> str:
    """What could be otherwise about a pair, after "if"."""
    return str(words()["what_ifs"][subject][how])


def rule(code: str) -> str:
    """Why a value stands in the golden record."""
    return str(words()["rules"].get(code, code))


def listed(parts: Sequence[str]) -> str:
    """``a``; ``a and b``; ``a, b, and c``; with semicolons where a part has commas of its own."""
    if len(parts) < len(("one", "other")):
        return "".join(parts)
    *first, last = parts
    mark = ";" if any("," in part for part in parts) else ","
    return f"{f'{mark} '.join(first)}{mark if len(first) > 1 or mark == ';' else ''} and {last}"


def sentence(text: str) -> str:
    """A text begun with a capital letter and ended with a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def bits(weight: float) -> str:
    """A weight as people read it."""
    return f"{weight:.1f} bits"


def counted(number: int, one: str, many: str) -> str:
    """``1 link``, ``3 links``."""
    return f"{number:,} {one if number == 1 else many}"
