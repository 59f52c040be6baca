"""What a source does about each kind of quality issue."""

from collections.abc import Iterable
from types import MappingProxyType

from mpi.standardize.quality.declared_rules import DeclaredRule

_BY_KIND = MappingProxyType({
    "conflicting-ssn": "The last four digits differ from the whole SSN. Send the right ones.",
    "control-character": "Remove the control character.",
    "early-date": "The date is earlier than any child's. Send the right one.",
    "future-date": "The date is in the future. Send the right one.",
    "impossible-date": "There is no such day. Send the right date.",
    "invalid-email": "Send a whole e-mail address, or none.",
    "invalid-phone": "Send a phone number with its area code, or none.",
    "invalid-postal-code": "Send a ZIP code of 5 or 9 digits, or none.",
    "invalid-ssn": "No such SSN was ever issued. Send the right one, or none.",
    "invisible-character": "A character that cannot be seen was removed. Type the value again.",
    "malformed-time": "Send a time as ISO 8601, such as 2026-11-24.",
    "misplaced-ssn": "An SSN stands in another field. Send it as SSN, or leave it out.",
    "missing": "Send the value.",
    "placeholder-name": "The name stands for no name. Send the child's name.",
    "placeholder-value": "The text stands for no value. Send the value, or leave the field empty.",
    "sentinel-date": "The date stands for no date. Send the right one, or leave it empty.",
    "too-long": "Shorten the value.",
    "unknown-code": "The code is not in the list. Map it, or send one of the list.",
    "unknown-field": "The field is not known. Map the column, or leave it out.",
    "unreadable-date": "Send the date as YYYY-MM-DD.",
})  # fmt: skip
_OTHER = "Look at the value at the source, and send it right."


def suggest_correction(kind: str, rules: Iterable[DeclaredRule] = ()) -> str:
    """Suggest in a sentence or two how to correct an issue.

    Args:
        kind: code of the issue.
        rules: declared rules, which have sentences of their own.
    """
    titles = {rule.kind: rule.title for rule in rules}
    return titles.get(kind) or _BY_KIND.get(kind, _OTHER)
