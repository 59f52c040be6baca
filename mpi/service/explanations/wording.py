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


def describe_contacts(verdict: str, fields: Sequence[str], level: str) -> str:
    """Return in words how parts of home and contact compare.

    Args:
        verdict: what is said of the fields, such as ``same``; ``neutral`` without fields.
        fields: codes of the fields.
        level: the model's level of home and contact, which may say more of the address.
    """
    texts = load_words()["contacts"][verdict]
    more = load_words()["contact_levels"].get(verdict, {})
    nouns = [more.get(level, texts[field]) if field == "addresses" else texts[field] for field in fields]
    return str(texts["all"]).format(fields=join_phrases(nouns))


def describe_evidence(strength: str, answer: str) -> str:
    """Return the strength of evidence and the answer that it is for."""
    words = load_words()
    return f"{words['strengths'][strength]} evidence for {words['answers'][answer]}"


def describe_caution(label: str) -> str:
    """Return a caution (reason for review) as a phrase following "except:"."""
    return str(load_words()["cautions"].get(label, label))


def describe_hold(*, is_enough: bool) -> str:
    """Return what a caution keeps from happening, as the words before it.

    Args:
        is_enough: whether the evidence without the caution would be enough to link.
    """
    return str(load_words()["holds"]["enough" if is_enough else "too_little"])


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

    Semicolons separate phrases that contain commas or lists.
    """
    if len(parts) <= 1:
        return "".join(parts)
    *first, last = parts
    mark = ";" if any("," in part or " and " in part for part in parts) else ","
    return f"{f'{mark} '.join(first)}{mark if len(first) > 1 or mark == ';' else ''} and {last}"


def format_sentence(text: str) -> str:
    """Return a text with an initial capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def format_count(number: int, singular: str, plural: str) -> str:
    """Return a number with its noun, as ``1 link`` or ``3 links``."""
    return f"{number:,} {singular if number == 1 else plural}"
