"""The decision on a request, by caller, purpose, agreement and child.

Default deny: a request is permitted only where each rule below permits it. The first rule that does not gives
the reason. ``tests/policy/policy.cedar`` states the same rules a second time, in another language.
"""

from collections.abc import Callable, Iterable
from datetime import date
from types import MappingProxyType

from mpi.domain.roles import ACTIONS_BY_ROLE, PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import ACTIONS_GRANTED_TO_PEOPLE, Action
from mpi.policy.access_request import BREAK_GLASS, AccessDecision, AccessRequest, BreakGlassState, ScopeKind
from mpi.policy.action_classes import (
    ACTION_CLASSES,
    CLASSES_BY_PURPOSE,
    CLASSES_OF_ADDED_PURPOSE,
    CLASSES_OF_OWN_RECORDS,
    CLASSES_WITHOUT_PURPOSE,
    WHOLE_INDEX_ACTIONS,
    AnswerClass,
)
from mpi.policy.agreement import FLAG_PREFIX, HOUSE, Agreement, AgreementState, Grant
from mpi.policy.parties import ALL, CARE_KINDS, Party
from mpi.policy.reasons import ReasonCode
from mpi.policy.role_rules import Condition, RoleRule, rule_of
from mpi.policy.tiers import (
    ADDED_PURPOSE_RULE,
    COURT_POPULATIONS,
    FLAGS_FIELD,
    OWN_FIELDS,
    POPULATIONS,
    PURPOSE_RULES,
    PurposeRule,
    Tier,
    fields_up_to,
)

DEFAULT_PURPOSES = MappingProxyType({HOUSE: "data_quality"})
"""Purpose of a call that names none, by agreement. Under other agreements such a call is refused."""

_REVIEW_PURPOSE = "data_quality"
_FIELD_ALIASES = MappingProxyType({"birth_place": "birth_city"})
"""Golden-record attributes, with the canonical field by which an agreement permits them."""


_AGREEMENT_REASONS = MappingProxyType({
    AgreementState.DRAFT: ReasonCode.AGREEMENT_DRAFT,
    AgreementState.SCHEDULED: ReasonCode.AGREEMENT_SCHEDULED,
    AgreementState.SUSPENDED: ReasonCode.AGREEMENT_SUSPENDED,
    AgreementState.EXPIRED: ReasonCode.AGREEMENT_EXPIRED,
    AgreementState.ENDED: ReasonCode.AGREEMENT_ENDED,
})  # fmt: skip
_CONDITION_REASONS = MappingProxyType(
    {
        Condition.LEGAL_RESPONSIBILITY: ReasonCode.NO_LEGAL_RESPONSIBILITY,
        Condition.CASE_PLAN_ACCESS: ReasonCode.NO_CASE_PLAN_ACCESS,
        Condition.ENROLLMENT: ReasonCode.NOT_ENROLLED,
    }
)


def decide(request: AccessRequest, agreement: Agreement | None, day: date) -> AccessDecision:
    """Decide a request under an agreement on a day.

    Args:
        request: what the caller wants.
        agreement: the terms to which the caller is bound; None where there are none.
        day: the present day.
    """
    if agreement is None:
        return AccessDecision(is_permitted=False, reason_code=ReasonCode.NO_AGREEMENT)
    facts = _Facts(request, agreement, day)
    for rule in _RULES:
        reason = rule(facts)
        if reason is not None:
            return AccessDecision(is_permitted=False, reason_code=reason)
    populations = facts.permitted_populations()
    return AccessDecision(
        is_permitted=True,
        reason_code=ReasonCode.PERMITTED,
        permitted_fields=facts.permitted_fields() | ({FLAGS_FIELD} if populations else frozenset()),
        permitted_populations=populations,
    )


def covers_source(request: AccessRequest, agreement: Agreement) -> bool:
    """Return whether a source is own or disclosed to the caller."""
    return _Facts(request, agreement, date.min).covers_source()


def covers_child(request: AccessRequest, agreement: Agreement) -> bool:
    """Return whether a source is own or disclosed for this child."""
    facts = _Facts(request, agreement, date.min)
    return facts.is_party_source or bool(facts.grants_on_record())


def is_own(request: AccessRequest, agreement: Agreement) -> bool:
    """Return whether the record is the caller's own, by name."""
    return _Facts(request, agreement, date.min).is_own


def is_of_party(request: AccessRequest, agreement: Agreement) -> bool:
    """Return whether the caller's party owns the record's source, named or not."""
    return _Facts(request, agreement, date.min).is_party_source


def find_comparable_fields(request: AccessRequest, agreement: Agreement) -> frozenset[str] | None:
    """Return the fields of a record that an answer may compare.

    These are the fields that the grants on the record name for matching, and those that an answer may hold
    anyway.

    Returns:
        None for all: the record is the caller's own, or a grant permits every field to be compared.
    """
    facts = _Facts(request, agreement, date.min)
    grants = facts.grants_on_record()
    if facts.is_own or any(grant.matches_all_fields for grant in grants):
        return None
    return facts.permitted_fields().union(*(grant.list_matching_fields() for grant in grants))


def trusts_statement(request: AccessRequest, agreement: Agreement, stating_source: str) -> bool:
    """Return whether a source's flag counts for a grant on the record.

    The discloser's own flags count. The recipient's count where it is responsible for the care of children:
    who is in care is for a care agency to say. A recipient of another kind could otherwise open a record by
    a flag that it sends itself.

    Args:
        request: the request, with the record's source.
        agreement: the agreement.
        stating_source: code of the source that states the flag.
    """
    recipient = None if request.party is None else agreement.find_party(request.party)
    if recipient is not None and recipient.kind in CARE_KINDS and recipient.owns(stating_source):
        return True
    source = request.source
    owners = [party for party in agreement.parties if source is not None and party.owns(source)]
    return any(owner.owns(stating_source) for owner in owners)


def find_party(
    agreement: Agreement, role: Role | None, sources: frozenset[str] | None, bound_to: str | None = None
) -> str | None:
    """Return the code of the party for which a caller acts.

    It is the party that owns a source of the caller and, for a person, is of a kind that fits the role. A
    caller of all sources acts for the party that owns all. A binding chooses where several fit. It never
    makes a party fit that owns none of the caller's sources.

    Args:
        agreement: the agreement.
        role: role of a person; None for a client.
        sources: codes of the sources that the caller was granted; None for all.
        bound_to: code of the party that the caller's binding names; None where it names none.

    Returns:
        None where no party fits, several do, or the one that the binding names does not.
    """
    kinds = rule_of(role).party_kinds
    parties = [party for party in agreement.parties if not kinds or party.kind in kinds]
    if sources is None:
        owners = [party.code for party in parties if ALL in party.sources]
    else:
        owners = [party.code for party in parties if any(party.owns(source) for source in sources)]
    if bound_to is not None:
        return bound_to if bound_to in owners else None
    return owners[0] if len(owners) == 1 else None


def list_actions(request: AccessRequest) -> frozenset[Action]:
    """Return the actions of a client or of a person."""
    if request.role is None:
        return request.granted
    return ACTIONS_BY_ROLE[request.role] | (request.granted & ACTIONS_GRANTED_TO_PEOPLE)


class _Facts:
    """Facts that the rules read: the request, seen under its agreement."""

    def __init__(self, request: AccessRequest, agreement: Agreement, day: date) -> None:
        self.request = request
        self.agreement = agreement
        self.state = agreement.state(day)
        default = DEFAULT_PURPOSES.get(agreement.code)
        self.purpose = default if request.purpose is None else request.purpose
        self.role_rule: RoleRule = rule_of(request.role)
        self.party: Party | None = None if request.party is None else agreement.find_party(request.party)
        self.actions = list_actions(request)
        self.answer_class = None if request.action is None else ACTION_CLASSES.get(request.action)
        self.is_break_glass = self.purpose == BREAK_GLASS

    @property
    def purpose_rule(self) -> PurposeRule:
        return PURPOSE_RULES.get(self.purpose or "", ADDED_PURPOSE_RULE)

    @property
    def is_known_purpose(self) -> bool:
        """Whether the purpose is the program's, or one that a grant names."""
        return self.purpose in PURPOSE_RULES or any(self.purpose in grant.purposes for grant in self.grants())

    @property
    def is_own(self) -> bool:
        """Whether the record is of a source that is the caller's own.

        The party owns the source by name. A party that owns all sources stands for many agencies: a caller of
        it who is named for one source alone speaks for that source, and a caller of several for none.
        """
        source, sources = self.request.source, self.request.sources
        if self.party is None or source is None or sources is None or source not in sources:
            return False
        return source in self.party.sources or (ALL in self.party.sources and len(sources) == 1)

    def grants(self) -> Iterable[Grant]:
        """Yield the grants to the caller's party for the purpose.

        A grant for emergency access has to name it.
        """
        for grant in self.agreement.grants:
            has_purpose = self.purpose in grant.purposes or (
                ALL in grant.purposes and not self.is_break_glass
            )
            if grant.recipient == self.request.party and has_purpose:
                yield grant

    @property
    def is_party_source(self) -> bool:
        """Whether the source is of the caller's party, named or not."""
        source = self.request.source
        return self.party is not None and source is not None and self.party.owns(source)

    def covers_source(self) -> bool:
        """Return whether the source is the party's or disclosed to it."""
        return self.is_party_source or any(self._covers_source(grant) for grant in self.grants())

    def grants_on_record(self) -> list[Grant]:
        """Return the grants that cover the record's source and the child.

        A grant on the basis of consent is there once for each consent that covers it, with its fields.
        """
        return [
            covering
            for grant in self.grants()
            if self._covers_source(grant) and self._covers_child(grant)
            for covering in ((grant,) if not grant.needs_consent else self._limit_to_consents(grant))
        ]

    def _limit_to_consents(self, grant: Grant) -> Iterable[Grant]:
        """Yield a grant once for each consent, with its fields."""
        for consent in self.request.consents:
            is_to_party = (consent.agreement, consent.recipient) == (self.agreement.code, grant.recipient)
            if is_to_party and self.purpose in consent.purposes:
                yield grant.limit_to(consent.fields)

    def _covers_source(self, grant: Grant) -> bool:
        discloser = self.agreement.find_party(grant.discloser)
        source = self.request.source
        return source is None or (discloser is not None and discloser.owns(source))

    def _covers_child(self, grant: Grant) -> bool:
        return grant.population == ALL or grant.population in self.request.populations

    @property
    def is_reviewing(self) -> bool:
        """Whether a steward compares records and sees the fields for it."""
        return self.role_rule.is_reviewer and self.purpose == _REVIEW_PURPOSE

    def permitted_populations(self) -> frozenset[str]:
        """Return the populations whose flags the answer may hold."""
        if self.answer_class not in _CLASSES_WITH_FLAGS:
            return frozenset()
        grants = self.grants_on_record()
        if self.role_rule.is_reviewer:
            return frozenset(
                population
                for population in (POPULATIONS if self.is_reviewing else ())
                if _names_field(grants, FLAG_PREFIX + population)
            )
        if self.is_own:
            return self.role_rule.own_populations & self._carried_own_populations()
        carried = self.role_rule.populations & self.purpose_rule.populations
        return frozenset(population for population in carried if _permits_flag(grants, population))

    def _carried_own_populations(self) -> frozenset[str]:
        return POPULATIONS if self.purpose_rule.carries_own else self.purpose_rule.populations

    def permitted_fields(self) -> frozenset[str]:
        """Return the fields that the answer may hold, flags apart."""
        if self.purpose is None:
            return frozenset()
        grants = self.grants_on_record()
        named_fields = self.role_rule.named_fields
        carries_all = self.is_own and self.purpose_rule.carries_own
        carried = fields_up_to(Tier.RESTRICTED) if carries_all else self.purpose_rule.fields
        candidates = carried | named_fields if self.is_reviewing else carried
        candidates = candidates | OWN_FIELDS if self.is_own else candidates - OWN_FIELDS
        return frozenset(
            field
            for field in candidates
            if (
                _names_field(grants, field)
                if field in named_fields
                else self.is_own or _permits_field(grants, field)
            )
        )


def _refuse_purpose(facts: _Facts) -> ReasonCode | None:
    if facts.purpose is None:
        return None if facts.answer_class in CLASSES_WITHOUT_PURPOSE else ReasonCode.PURPOSE_MISSING
    return None if facts.is_known_purpose else ReasonCode.UNKNOWN_PURPOSE


def _refuse_state(facts: _Facts) -> ReasonCode | None:
    return _AGREEMENT_REASONS.get(facts.state)


def _refuse_party(facts: _Facts) -> ReasonCode | None:
    return ReasonCode.PARTY_UNKNOWN if facts.party is None else None


def _refuse_action(facts: _Facts) -> ReasonCode | None:
    is_granted = facts.answer_class is not None and facts.request.action in facts.actions
    return None if is_granted else ReasonCode.ACTION_NOT_GRANTED


def _refuse_role(facts: _Facts) -> ReasonCode | None:
    role = facts.request.role
    if role is None or facts.purpose is None or facts.is_break_glass:
        return None
    return None if facts.purpose in PURPOSES_BY_ROLE[role] else ReasonCode.PURPOSE_OUTSIDE_ROLE


def _refuse_break_glass(facts: _Facts) -> ReasonCode | None:
    if not facts.is_break_glass:
        return None
    if Action.BREAK_GLASS not in facts.request.granted:
        return ReasonCode.BREAK_GLASS_NOT_GRANTED
    return _BREAK_GLASS_REASONS.get(facts.request.break_glass)


def _refuse_class(facts: _Facts) -> ReasonCode | None:
    if facts.purpose is None:
        return None
    needed_classes = CLASSES_BY_PURPOSE.get(facts.purpose, CLASSES_OF_ADDED_PURPOSE)
    is_needed = facts.answer_class in needed_classes
    return None if is_needed else ReasonCode.ACTION_OUTSIDE_PURPOSE


def _refuse_outside_agreement(facts: _Facts) -> ReasonCode | None:
    if facts.purpose is None:
        return None
    return None if any(True for _ in facts.grants()) else ReasonCode.PURPOSE_OUTSIDE_AGREEMENT


def _refuse_scope(facts: _Facts) -> ReasonCode | None:
    if facts.request.action not in WHOLE_INDEX_ACTIONS or facts.agreement.code == HOUSE:
        return None
    owns_all = facts.party is not None and ALL in facts.party.sources
    # In the shared index, other scopes have agreements of their own about their records.
    is_own_index = owns_all and facts.request.scope is ScopeKind.HOME
    return None if is_own_index else ReasonCode.SCOPE_OUTSIDE_AGREEMENT


def _refuse_source(facts: _Facts) -> ReasonCode | None:
    if facts.request.source is None:
        return None
    if facts.answer_class in CLASSES_OF_OWN_RECORDS:
        return None if facts.is_party_source else ReasonCode.SOURCE_OUTSIDE_AGREEMENT
    if facts.answer_class not in _CLASSES_WITH_FLAGS or facts.is_own or facts.grants_on_record():
        return None
    return ReasonCode.SOURCE_OUTSIDE_AGREEMENT


def _refuse_child(facts: _Facts) -> ReasonCode | None:
    if facts.is_break_glass or facts.answer_class not in _CLASSES_WITH_FLAGS:
        return None
    missing = facts.role_rule.conditions - facts.request.met_conditions
    return next((reason for condition, reason in _CONDITION_REASONS.items() if condition in missing), None)


_CLASSES_WITH_FLAGS = frozenset({AnswerClass.PERSON, AnswerClass.REVIEW, AnswerClass.ROSTER})
_BREAK_GLASS_REASONS = MappingProxyType(
    {
        BreakGlassState.NONE: ReasonCode.BREAK_GLASS_REASON_MISSING,
        BreakGlassState.ENDED: ReasonCode.BREAK_GLASS_ENDED,
    }
)
_RULES: tuple[Callable[[_Facts], ReasonCode | None], ...] = (
    _refuse_purpose, _refuse_state, _refuse_party, _refuse_action, _refuse_role, _refuse_break_glass,
    _refuse_class, _refuse_outside_agreement, _refuse_scope, _refuse_source, _refuse_child,
)  # fmt: skip
"""The rules of the table, in the order in which they are asked."""


def _permits_field(grants: Iterable[Grant], field: str) -> bool:
    name = _FIELD_ALIASES.get(field, field)
    return any(grant.permits_output(name) for grant in grants)


def _names_field(grants: Iterable[Grant], field: str) -> bool:
    return any(field in grant.output_fields for grant in grants)


def _permits_flag(grants: Iterable[Grant], population: str) -> bool:
    if population in COURT_POPULATIONS:
        return any(FLAG_PREFIX + population in grant.output_fields for grant in grants)
    return any(grant.permits_output(FLAG_PREFIX + population) for grant in grants)
