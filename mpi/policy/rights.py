"""Decision table of one caller, compiled for a purpose and day."""

from dataclasses import dataclass
from datetime import date

from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Carried, ConsentScope, RecordAccess, Refusal, StatedFacts
from mpi.policy.access_request import BREAK_GLASS, AccessDecision, AccessRequest, BreakGlassState, ScopeKind
from mpi.policy.agreement import OUTPUT_FIELDS, Agreement
from mpi.policy.cases.child_reports import ReportReader, find_report_refusal
from mpi.policy.decision_table import (
    DEFAULT_PURPOSES,
    covers_child,
    covers_source,
    decide,
    find_comparable_fields,
    find_party,
    is_of_party,
    is_own,
    list_actions,
    trusts_statement,
)
from mpi.policy.duties import receives_from_others
from mpi.policy.parties import ALL
from mpi.policy.reasons import ReasonCode
from mpi.policy.role_rules import Condition, rule_of
from mpi.policy.tiers import POPULATIONS

_ALL_CONDITIONS = frozenset(Condition)
_NOTHING = Carried(frozenset(), frozenset())
_MAX_CACHED = 1_000


@dataclass(frozen=True, slots=True)
class _RecordFacts:
    """What a decision about a record depends on.

    Args:
        source: code of its source.
        populations: populations of the child that count for it.
        consents: consents in force to disclose it.
    """

    source: str
    populations: frozenset[str]
    consents: frozenset[ConsentScope]


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks, and for which purpose.

    Args:
        purpose: purpose of use as named; None where the call names none.
        granted: actions granted to a client, or to a person by name.
        role: role of a person; None for a client.
        sources: codes of the sources that the caller was granted; None for all.
        break_glass: state of the caller's emergency access.
        scope: scope in which the caller asks.
        party: code of the party that the caller's binding names; None where the sources name it.
    """

    purpose: str | None
    granted: frozenset[Action]
    role: Role | None
    sources: frozenset[str] | None
    break_glass: BreakGlassState = BreakGlassState.NONE
    scope: ScopeKind = ScopeKind.SHARED
    party: str | None = None


class Rights:
    """What one caller may do and be shown on one day.

    Args:
        subject: who asks.
        agreement: the terms to which the caller is bound; None where there are none.
        day: the day.
    """

    def __init__(self, subject: Subject, agreement: Agreement | None, day: date) -> None:
        self._subject = subject
        self._agreement = agreement
        self._day = day
        self._party = (
            None if agreement is None else find_party(agreement, subject.role, subject.sources, subject.party)
        )
        self._forbids_redisclosure = (
            agreement is not None
            and self._party is not None
            and not agreement.redisclosure
            and receives_from_others(agreement, self._party, subject.sources)
        )
        self._carried: dict[tuple[Action, _RecordFacts], Carried] = {}
        self._access: dict[_RecordFacts, RecordAccess] = {}
        self._comparable: dict[_RecordFacts, frozenset[str] | None] = {}
        self._refusals: dict[tuple[Action, str | None], Refusal | None] = {}
        self.actions = frozenset(action for action in Action if self.find_refusal(action) is None)
        self.sources = self._find_covered_sources()

    @property
    def purpose(self) -> str | None:
        """The purpose of use: as named, or the default of the agreement."""
        if self._subject.purpose is not None or self._agreement is None:
            return self._subject.purpose
        return DEFAULT_PURPOSES.get(self._agreement.code)

    @property
    def known_purpose(self) -> str | None:
        """The purpose of use, unless nobody has registered it."""
        refusals = (self.find_refusal(action) for action in Action)
        is_unknown = any(refusal and refusal.code == ReasonCode.UNKNOWN_PURPOSE for refusal in refusals)
        return None if is_unknown else self.purpose

    @property
    def granted_sources(self) -> frozenset[str] | None:
        """Codes of the sources granted for any purpose; None for all."""
        return self._subject.sources

    @property
    def conditions(self) -> frozenset[Condition]:
        """Conditions on a child before anything of it is shown."""
        return frozenset() if self.purpose == BREAK_GLASS else rule_of(self._subject.role).conditions

    @property
    def needs_populations(self) -> bool:
        """Whether a decision depends on the child's populations or on a consent."""
        grants = () if self._agreement is None else self._agreement.grants
        return any(
            grant.population != ALL or grant.needs_consent
            for grant in grants
            if grant.recipient == self._party
        )

    @property
    def needs_consents(self) -> bool:
        """Whether a decision depends on a consent to disclose the record."""
        grants = () if self._agreement is None else self._agreement.grants
        return any(grant.needs_consent for grant in grants if grant.recipient == self._party)

    @property
    def carries_all_flags(self) -> bool:
        """Whether answers about review may hold all flags of all sources."""
        return self.decide(Action.TASK_READ, ALL).permitted_populations >= POPULATIONS

    @property
    def forbids_redisclosure(self) -> bool:
        """Whether answers hold others' records that may not be passed on."""
        return self._forbids_redisclosure

    @property
    def smallest_count(self) -> int:
        """Smallest count above 0 that the agreement lets the caller be told."""
        return 1 if self._agreement is None else self._agreement.small_cell

    @property
    def granted_actions(self) -> frozenset[Action]:
        """Actions that the caller has for any purpose."""
        return list_actions(self._request(None, None))

    @property
    def role(self) -> Role | None:
        """Role of a person; None for a client."""
        return self._subject.role

    def find_report_refusal(self, report: str, smallest_shown: int) -> Refusal | None:
        """Return why a published report on children is not shown, or None.

        Args:
            report: name of the report.
            smallest_shown: smallest count above 0 that it shows.
        """
        reader = ReportReader(self._subject.role, self.purpose, self._party)
        return find_report_refusal(report, smallest_shown, reader, self._agreement)

    def find_clock(self, name: str) -> int | None:
        """Return the days of a clock of the agreement, or None.

        Args:
            name: name of the clock.
        """
        clocks = () if self._agreement is None else self._agreement.clocks
        return next((clock.days for clock in clocks if clock.name == name), None)

    def decide(
        self,
        action: Action,
        source: str | None = None,
        populations: frozenset[str] = frozenset(),
        consents: frozenset[ConsentScope] = frozenset(),
    ) -> AccessDecision:
        """Decide an action on a record whose child meets the conditions.

        Args:
            action: the action.
            source: the record's source; None before a record is known.
            populations: populations of the child.
            consents: consents in force to disclose the record.
        """
        return decide(self._request(action, source, populations, consents), self._agreement, self._day)

    def suppose_consent(self) -> frozenset[ConsentScope]:
        """Return a supposed consent to all that the agreement permits the caller."""
        if self._agreement is None or self._party is None or self.purpose is None:
            return frozenset()
        fields = OUTPUT_FIELDS.union(*(grant.output_fields for grant in self._agreement.grants))
        return frozenset(
            {ConsentScope(self._agreement.code, self._party, frozenset({self.purpose}), fields - {ALL})}
        )

    def find_refusal(self, action: Action, source: str | None = None) -> Refusal | None:
        """Return why an action is refused, or None if it is permitted.

        Args:
            action: the action.
            source: the source that it is about, if any.
        """
        key = (action, source)
        if key not in self._refusals:
            decision = self.decide(action, source, POPULATIONS, self.suppose_consent())
            refusal = None if decision.is_permitted else Refusal(decision.reason_code, decision.sentence)
            if len(self._refusals) >= _MAX_CACHED:
                return refusal
            self._refusals[key] = refusal
        return self._refusals[key]

    def owns(self, source: str) -> bool:
        """Return whether a source is of the caller's party."""
        if self._agreement is None or self._party is None:
            return False
        return is_of_party(self._request(None, source), self._agreement)

    def find_access(self, source: str, stated: StatedFacts = frozenset()) -> RecordAccess:
        """Return whether a child's record is own, disclosed or hidden.

        Args:
            source: code of the record's source.
            stated: populations of the child, of which those that the source's agreement does not trust are
                ignored, and consents to disclose the record.
        """
        facts = self._find_facts(source, stated)
        access = self._access.get(facts)
        if access is None:
            access = self._compute_access(facts)
            if len(self._access) < _MAX_CACHED:
                self._access[facts] = access
        return access

    def carried(self, action: Action, source: str, stated: StatedFacts = frozenset()) -> Carried:
        """Return the fields and flags of a record that may be answered."""
        facts = self._find_facts(source, stated)
        carried = self._carried.get((action, facts))
        if carried is None:
            carried = self._compute_carried(action, facts)
            if len(self._carried) < _MAX_CACHED:
                self._carried[action, facts] = carried
        return carried

    def find_comparable_fields(self, source: str, stated: StatedFacts = frozenset()) -> frozenset[str] | None:
        """Return the fields that an answer may compare; None for all."""
        facts = self._find_facts(source, stated)
        if facts in self._comparable:
            return self._comparable[facts]
        fields = self._compute_comparable_fields(facts)
        if len(self._comparable) < _MAX_CACHED:
            self._comparable[facts] = fields
        return fields

    def _compute_carried(self, action: Action, facts: _RecordFacts) -> Carried:
        decision = self.decide(action, facts.source, facts.populations, facts.consents)
        if not decision.is_permitted:
            return _NOTHING
        return Carried(decision.permitted_fields, decision.permitted_populations)

    def _compute_access(self, facts: _RecordFacts) -> RecordAccess:
        if self._agreement is None or self._party is None:
            return RecordAccess.HIDDEN
        request = self._request(None, facts.source, facts.populations, facts.consents)
        if is_own(request, self._agreement):
            return RecordAccess.OWN
        is_disclosed = covers_child(request, self._agreement)
        return RecordAccess.DISCLOSED if is_disclosed else RecordAccess.HIDDEN

    def _compute_comparable_fields(self, facts: _RecordFacts) -> frozenset[str] | None:
        if self._agreement is None or self._party is None:
            return frozenset()
        request = self._request(None, facts.source, facts.populations, facts.consents)
        return find_comparable_fields(request, self._agreement)

    def _find_facts(self, source: str, stated: StatedFacts) -> _RecordFacts:
        """Return the stated facts that count for a source's record."""
        if not stated or self._agreement is None or self._party is None:
            return _RecordFacts(source, frozenset(), frozenset())
        request = self._request(None, source)
        consents = frozenset(fact for fact in stated if isinstance(fact, ConsentScope))
        return _RecordFacts(
            source,
            frozenset(
                fact[1]
                for fact in stated
                if not isinstance(fact, ConsentScope) and trusts_statement(request, self._agreement, fact[0])
            ),
            consents,
        )

    def _find_covered_sources(self) -> frozenset[str] | None:
        """Return the caller's sources without those that the agreement leaves out."""
        sources = self._subject.sources
        if self._agreement is None or self._party is None:
            return frozenset()
        if sources is None:
            return None
        return frozenset(
            source for source in sources if covers_source(self._request(None, source), self._agreement)
        )

    def _request(
        self,
        action: Action | None,
        source: str | None,
        populations: frozenset[str] = frozenset(),
        consents: frozenset[ConsentScope] = frozenset(),
    ) -> AccessRequest:
        subject = self._subject
        return AccessRequest(
            action=action,
            purpose=subject.purpose,
            granted=subject.granted,
            role=subject.role,
            party=self._party,
            sources=subject.sources,
            scope=subject.scope,
            source=source,
            populations=populations,
            consents=consents,
            met_conditions=_ALL_CONDITIONS,
            break_glass=subject.break_glass,
        )
