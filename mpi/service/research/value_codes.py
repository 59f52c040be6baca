"""Codes in place of texts in a research extract.

A text that a source typed could hold a name. So an extract holds a text only where the index knows it as a
code, where the directory of contacts names it, or where the project's agreement lists it. A school that none
of them names has a pseudonym of the project. Any other text becomes ``UNLISTED``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mpi.policy.agreement import Agreement
from mpi.service.core.index import Index
from mpi.service.directory.contact_file import load_directory
from mpi.service.directory.contacts import ContactLevel
from mpi.service.research.variables import SEPARATOR, UNLISTED, Variable
from mpi.service.rights.research_ids import make_id
from mpi.standardize.fields.known_codes import find_known_code
from mpi.standardize.identifiers import find_number_fault
from mpi.standardize.missing_values import PLACEHOLDER_VALUE, is_missing_marker

_PSEUDONYMOUS = frozenset({"school", "district"})
"""Lists whose other values have a pseudonym: no analysis of schools goes without telling them apart."""
_LEVELS = {"county": ContactLevel.COUNTY, "district": ContactLevel.DISTRICT}
"""Level of the directory's contacts whose codes a list has."""


@dataclass(frozen=True, slots=True)
class ValueCodes:
    """Codes of a project's extract.

    Args:
        named: code by folded value, for each list.
        key: key of the project, from which pseudonyms are made.
    """

    named: Mapping[str, Mapping[str, str]]
    key: bytes

    def encode(self, variable: Variable, value: str | None) -> str | None:
        """Return a value as a code; None where there is none."""
        if not value or variable.codes is None:
            return value
        parts = value.split(SEPARATOR) if variable.is_list else [value]
        codes = {code for part in parts if (code := self.find_code(variable.codes, part)) is not None}
        return SEPARATOR.join(sorted(codes)) or None

    def find_code(self, code_list: str, text: str) -> str | None:
        """Return a text's code, pseudonym or ``UNLISTED``; None for no value."""
        folded = _fold(text)
        code = self.named.get(code_list, {}).get(folded) or find_known_code(code_list, text)
        if code is not None:
            return code
        if code_list not in _PSEUDONYMOUS:
            return None if is_missing_marker(text) else UNLISTED
        fault = find_number_fault(text)
        if fault is None:
            return make_id(self.key, code_list, folded)
        return None if fault == PLACEHOLDER_VALUE else UNLISTED


def make_value_codes(index: Index, agreement: Agreement, key: bytes) -> ValueCodes:
    """Return the codes of a project's extract.

    Args:
        index: the open index.
        agreement: the project's agreement in force.
        key: key of the project.

    Raises:
        InputError: the file of the directory cannot be used; the message names line and column.
    """
    directory = load_directory(index.home)
    named = {
        code_list: {_fold(contact.code): contact.code for contact in directory.list_level(level)}
        for code_list, level in _LEVELS.items()
    }
    for each in agreement.codes:
        named.setdefault(each.name, {}).update({_fold(code): code for code in sorted(each.codes)})
    return ValueCodes(named, key)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
