"""Conversion of one OneRoster student to canonical fields.

By design, passwords, usernames, pronouns, resources and free metadata are not read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain.errors import InputError
from mpi.intake.oneroster.items import Item, list_items, read_text

Fields = dict[str, object]

STATE_ID_SYSTEM = "state_student_id"
NUMBER_SYSTEM = "local_student_id"
RULE_OPTIONS = frozenset({"state_id", "student_number_assigner"})
"""Options of a connection that ``read_rules`` reads."""
_STATE_ID_KEYS = frozenset({"assigner", "user_id_type", "metadata", "identifier"})
_MAX_METADATA_DEPTH = 8


@dataclass(frozen=True, slots=True)
class StateIdRule:
    """Where a user holds the student ID of the state.

    Args:
        assigner: who gives the ID, such as ``OH``.
        user_id_type: type of the entry of ``userIds``; empty for another place.
        metadata: name below ``metadata``, with dots between levels; empty for another place.
    """

    assigner: str
    user_id_type: str = ""
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class StudentRules:
    """Which numbers of a student are read, and who gives them.

    Args:
        state_id: where the state's ID is; None if the system has none.
        number_assigner: who gives the value of ``identifier``, the student number; empty to leave it out.
    """

    state_id: StateIdRule | None = None
    number_assigner: str = ""


def read_rules(name: str, options: Mapping[str, Any]) -> StudentRules:
    """Read the rules from the options of a connection or a command.

    Args:
        name: name of their file, for messages.
        options: the options.

    Raises:
        InputError: one is wrong; the message names it.
    """
    assigner = options.get("student_number_assigner", "")
    if not isinstance(assigner, str):
        raise InputError(f"{name}: options.student_number_assigner: a text")
    values = options.get("state_id")
    if values is None:
        return StudentRules(None, assigner.strip())
    form = "a table with assigner, and with user_id_type, metadata or identifier = true"
    if not isinstance(values, dict) or values.keys() - _STATE_ID_KEYS:
        raise InputError(f"{name}: options.state_id: {form}")
    texts = [values.get(key, "") for key in ("assigner", "user_id_type", "metadata")]
    places = [text for text in (*texts[1:], values.get("identifier", False)) if text]
    if not all(isinstance(text, str) for text in texts) or not texts[0] or len(places) != 1:
        raise InputError(f"{name}: options.state_id: {form}")
    return StudentRules(StateIdRule(*texts), assigner.strip())


def read_names(user: Item) -> Fields:
    """Return the names, addresses of contact and grade of a user."""
    preferred_last = read_text(user, "preferredFamilyName", "preferredLastName")
    preferred_first = read_text(user, "preferredGivenName", "preferredFirstName")
    other_names = []
    if preferred_last and preferred_last != read_text(user, "familyName"):
        other_names.append(
            drop_empty({"first_name": preferred_first, "last_name": preferred_last, "type": "preferred"})
        )
    return drop_empty({
        "local_id": read_text(user, "sourcedId"),
        "first_name": read_text(user, "givenName"),
        "middle_name": read_text(user, "middleName"),
        "last_name": read_text(user, "familyName"),
        "preferred_name": preferred_first,
        "other_names": other_names,
        "phone": read_text(user, "phone", "sms"),
        "email": read_text(user, "email"),
    })  # fmt: skip


def read_grade(user: Item) -> str | None:
    """Return the first of a user's grades."""
    grades = user.get("grades")
    for value in grades if isinstance(grades, list) else [grades, user.get("grade")]:
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def read_identifiers(user: Item, rules: StudentRules) -> list[Fields]:
    """Return the identifiers of a user that the rules name."""
    identifiers = []
    if rules.state_id and (value := _read_state_id(user, rules.state_id)):
        identifiers.append(_make_identifier(STATE_ID_SYSTEM, rules.state_id.assigner, value))
    if rules.number_assigner and (number := read_text(user, "identifier")):
        identifiers.append(_make_identifier(NUMBER_SYSTEM, rules.number_assigner, number))
    return identifiers


def drop_empty(values: Mapping[str, object]) -> Fields:
    """Return the fields that have a value."""
    return {name: value for name, value in values.items() if value}


def _read_state_id(user: Item, rule: StateIdRule) -> str | None:
    """Return the state's ID of a user, or None."""
    if rule.user_id_type:
        wanted = rule.user_id_type.casefold()
        return next((value for kind, value in _list_user_ids(user) if kind.casefold() == wanted), None)
    if not rule.metadata:
        return read_text(user, "identifier")
    metadata = user.get("metadata")
    if isinstance(metadata, dict) and rule.metadata in metadata:
        return read_text(metadata, rule.metadata)
    *levels, name = rule.metadata.split(".")[:_MAX_METADATA_DEPTH]
    for level in levels:
        metadata = metadata.get(level) if isinstance(metadata, dict) else None
    return read_text(metadata, name) if isinstance(metadata, dict) else None


def _list_user_ids(user: Item) -> Iterator[tuple[str, str]]:
    """Yield type and value of each entry of ``userIds``."""
    for entry in list_items(user, "userIds"):
        kind, value = read_text(entry, "type"), read_text(entry, "identifier")
        if kind and value:
            yield kind, value


def _make_identifier(system: str, assigner: str, value: str) -> Fields:
    return {"system": system, "assigner": assigner, "value": value}
