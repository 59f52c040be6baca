"""Rules of sources for inspection and retention."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

from mpi.domain.errors import InputError, StaleError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.agreement import AgreementState, choose_terms
from mpi.policy.cases.retention import check_retention
from mpi.policy.cases.subject_rights import (
    MAX_DAYS,
    MAX_TEXT_LENGTH,
    Inspection,
    SourceRule,
    default_rule,
    from_details,
    to_details,
)
from mpi.service.access.setup import hash_token
from mpi.service.agreements.terms import build_versions
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

MAX_CLOCK_DAYS = 366
"""Most days that a clock for an amendment or a hearing may have."""
VERSION_LENGTH = 16
"""Characters of the version of a rule, in hexadecimal."""
_CLOCK_FIELDS = {
    "inspection": "inspection_days",
    "amendment": "amendment_days",
    "hearing": "hearing_days",
}
"""Field of a rule by the name of an agreement's clock."""


def set_rule(
    index: Index,
    viewer: Viewer,
    source_code: str,
    *,
    expected: str | None = None,
    **changes: Any,  # noqa: ANN401 - fields of a rule
) -> SourceRule:
    """Change the rule of a source.

    Args:
        index: the open index.
        viewer: who changes it.
        source_code: code of the source.
        expected: version of the rule that the viewer read (``make_rule_version``); None for any.
        changes: fields of ``SourceRule``; what is not named stays.

    Returns:
        The rule from now on.

    Raises:
        InputError: a field is wrong.
        StaleError: the rule is no longer of the expected version.
        NotFoundError: there is no such source.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)
    with index.database.write(viewer, "rights-rule") as unit:
        source = unit.sources.get_by_code(source_code)
        present = read_rules(unit)[source.id]
        rule = replace(present, **changes)
        if find_stored_answer(unit, index) is not None:
            return rule
        # A form that is sent twice finds its own rule, which is no conflict.
        if expected not in (None, make_rule_version(present)) and rule != present:
            raise StaleError("somebody has changed this rule since you opened the page: nothing was saved")
        _check_rule(unit, rule)
        unit.rights_cases.set_rule(source.id, unit.commit_no, to_details(rule))
        store_answer(unit, index, {}, ())
    return rule


def make_rule_version(rule: SourceRule) -> str:
    """Return a text that changes with each field of a rule."""
    return hash_token(json.dumps(to_details(rule), sort_keys=True))[:VERSION_LENGTH]


def list_rules(index: Index, viewer: Viewer) -> dict[str, SourceRule]:
    """Return the rules of the viewer's sources, by code.

    Raises:
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.read(viewer) as unit:
        rules = read_rules(unit)
        return {source.code: rules[source.id] for source in unit.sources.all() if viewer.may_see(source.code)}


def read_rules(unit: ReadUnit) -> dict[int, SourceRule]:
    """Return each source's rule, configured or default, by its number."""
    stored = unit.rights_cases.rules()
    return {
        source.id: from_details(stored[source.id]) if source.id in stored else default_rule(source.kind)
        for source in unit.sources.all()
    }


def read_rule_with_clocks(unit: ReadUnit, source: Source, today: date) -> SourceRule:
    """Return a source's rule, with agreements' shorter clocks."""
    rule = read_rules(unit)[source.id]
    for history in unit.agreements.all():
        terms = choose_terms(build_versions(history), today)
        if terms is None or terms.state(today) is not AgreementState.ACTIVE:
            continue
        if not any(party.owns(source.code) for party in terms.parties):
            continue
        for each in terms.clocks:
            field = _CLOCK_FIELDS.get(each.name)
            if field is not None:
                rule = replace(rule, **{field: min(each.days, getattr(rule, field))})
    return rule


def _check_rule(unit: ReadUnit, rule: SourceRule) -> None:
    """Refuse a rule that no law could mean.

    Raises:
        InputError: a field is wrong.
    """
    if not 1 <= rule.inspection_days <= MAX_DAYS:
        raise InputError(f"inspection_days: 1 to {MAX_DAYS} days (34 CFR 99.10(b))")
    for name in ("amendment_days", "hearing_days"):
        if not 1 <= getattr(rule, name) <= MAX_CLOCK_DAYS:
            raise InputError(f"{name}: 1 to {MAX_CLOCK_DAYS} days")
    for name in ("citation", "appeal_office"):
        text = getattr(rule, name)
        if len(text) > MAX_TEXT_LENGTH or not text.isprintable():
            raise InputError(f"{name}: at most {MAX_TEXT_LENGTH} characters that can be seen, in one line")
    if rule.inspection is not Inspection.NONE and not rule.citation.strip():
        raise InputError("citation: name the law that lets a person inspect these records")
    check_retention(rule.retention_days, rule.retention_begins, rule.retention_agreement)
    agreement = rule.retention_agreement
    if agreement is not None and unit.agreements.find(agreement) is None:
        raise InputError("retention_agreement: there is no such agreement")
