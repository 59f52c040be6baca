"""The policy table and one decision, as rows of text for people."""

from collections.abc import Iterator

from mpi.domain.roles import ACTIONS_BY_ROLE, PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import PURPOSES
from mpi.policy.access_request import BREAK_GLASS, AccessDecision
from mpi.policy.action_classes import ACTION_CLASSES, CLASSES_BY_PURPOSE
from mpi.policy.role_rules import rule_of
from mpi.policy.tiers import POPULATION_TIERS, PURPOSE_RULES, Tier

_CLIENT = "client"
TABLE_COLUMNS = ("role", "purpose", "classes of answers", "highest tier", "populations", "conditions")


def list_table_rows() -> Iterator[tuple[str, str, str, str, str, str]]:
    """Yield the policy table: a row for each role and purpose."""
    for role in (None, *Role):
        purposes = PURPOSES if role is None else PURPOSES_BY_ROLE[role]
        for purpose in purposes:
            yield _table_row(role, purpose)


def _table_row(role: Role | None, purpose: str) -> tuple[str, str, str, str, str, str]:
    rule, carried = rule_of(role), PURPOSE_RULES[purpose]
    classes = set(CLASSES_BY_PURPOSE[purpose])
    if role is not None:
        classes &= {ACTION_CLASSES[action] for action in ACTIONS_BY_ROLE[role]}
    populations = ["by agreement"] if rule.is_reviewer else sorted(rule.populations & carried.populations)
    conditions = "" if purpose == BREAK_GLASS else ", ".join(sorted(rule.conditions))
    return (
        role or _CLIENT,
        purpose,
        ", ".join(sorted(classes)),
        f"{carried.highest_tier.value} {carried.highest_tier.name.lower()}",
        _shorten(populations),
        conditions,
    )


def _shorten(populations: list[str]) -> str:
    """Return populations as text; all of the lower tiers as "all"."""
    carried = [name for name, tier in POPULATION_TIERS.items() if tier < Tier.SEALED]
    return "all" if len(populations) == len(carried) else ", ".join(populations) or "none"


def describe_decision(decision: AccessDecision) -> dict[str, str]:
    """Describe a decision as named facts."""
    facts = {
        "decision": "permitted" if decision.is_permitted else "refused",
        "reason": decision.reason_code.value,
        "why": decision.sentence,
    }
    if decision.is_permitted:
        facts["fields"] = ", ".join(sorted(decision.permitted_fields)) or "none"
        facts["flags"] = _shorten(sorted(decision.permitted_populations))
    return facts
