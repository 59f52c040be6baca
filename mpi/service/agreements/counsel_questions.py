"""Answers to counsel's 30 questions, from the running configuration.

An answer is a set of named facts: codes, numbers and days. The pages put them into sentences.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mpi.domain import clock
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.policy.access_request import BREAK_GLASS
from mpi.policy.agreement import Agreement, AgreementState
from mpi.policy.legal_bases import LegalBasis
from mpi.policy.never_ingested import list_never_ingested_topics
from mpi.policy.papers import PaperRow
from mpi.policy.parties import CARE_KINDS, PartyKind
from mpi.policy.purposes import EXCLUDED_USES
from mpi.policy.tiers import FIELD_TIERS, Tier
from mpi.service.agreements.papers import list_papers, list_shared
from mpi.service.agreements.views import list_agreements
from mpi.service.core.index import Index, IndexSettings

Facts = Mapping[str, object]
"""Facts of an answer by name: a number, a text, or a sorted list of codes or texts."""

_CHECKED_MARKS = frozenset({"R", "F", "V"})
"""Marks of facts of law that were read at their source."""


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What the answers are read from.

    Args:
        settings: settings of the index.
        agreements: terms in force today that the viewer may read.
        rows: what each party and role may be shown.
    """

    settings: IndexSettings
    agreements: tuple[Agreement, ...]
    rows: tuple[PaperRow, ...]

    def bases(self) -> list[LegalBasis]:
        """Return the legal bases on which an agreement in force rests."""
        codes = {grant.legal_basis for agreement in self.agreements for grant in agreement.grants}
        return [self.settings.legal_bases[code] for code in sorted(codes & self.settings.legal_bases.keys())]


def answer_questions(index: Index, viewer: Viewer) -> dict[str, Facts]:
    """Return the facts of each answer, by the code of the question.

    Raises:
        AccessDenied: the viewer may not read agreements.
    """
    today = clock.now().date()
    terms = [view.terms for view in list_agreements(index, viewer)]
    configuration = _Configuration(
        settings=index.settings,
        agreements=tuple(each for each in terms if each.state(today) is AgreementState.ACTIVE),
        rows=tuple(list_papers(index, viewer)),
    )
    return {code: answer(configuration) for code, answer in QUESTIONS.items()}


def _roles_with(*actions: Action) -> Callable[[_Configuration], Facts]:
    """Return an answer: the roles that have one of the actions."""
    roles = sorted(role for role in Role if ACTIONS_BY_ROLE[role] & set(actions))
    return lambda _: {"roles": roles}


def _rows_where(condition: Callable[[PaperRow], bool]) -> Callable[[_Configuration], Facts]:
    """Return an answer: who is shown some rows, under which law."""

    def answer(configuration: _Configuration) -> Facts:
        rows = [row for row in list_shared(configuration.rows) if condition(row)]
        bases = {
            f"{basis.title}, {basis.citation} [{basis.mark}]" for row in rows for basis in row.legal_bases
        }
        return {
            "who": sorted({f"{row.recipient.name}: {row.role or 'program'}" for row in rows}),
            "law": sorted(bases),
        }

    return answer


def _settings(**names: Callable[[IndexSettings], object]) -> Callable[[_Configuration], Facts]:
    """Return an answer that is read from settings."""
    return lambda configuration: {name: read(configuration.settings) for name, read in names.items()}


def _by_agreement(read: Callable[[Agreement], object]) -> Callable[[_Configuration], Facts]:
    """Return an answer: a fact of each agreement in force, by code."""
    return lambda configuration: {
        "agreements": sorted(
            f"{each.code}: {value}" for each in configuration.agreements if (value := read(each))
        )
    }


def _answer_purposes(configuration: _Configuration) -> Facts:
    return {"purposes": sorted({code for each in configuration.agreements for code in each.list_purposes()})}


def _answer_bases(configuration: _Configuration) -> Facts:
    return {"law": [f"{each.title}, {each.citation} [{each.mark}]" for each in configuration.bases()]}


def _answer_unchecked(configuration: _Configuration) -> Facts:
    unchecked = [each.title for each in configuration.bases() if each.mark not in _CHECKED_MARKS]
    return {"count": len(unchecked), "law": unchecked}


def _answer_consent(configuration: _Configuration) -> Facts:
    return {
        "agreements": sorted(
            each.code
            for each in configuration.agreements
            if any(grant.needs_consent for grant in each.grants)
        )
    }


def _answer_emergency(configuration: _Configuration) -> Facts:
    named = [
        each.code
        for each in configuration.agreements
        if any(BREAK_GLASS in grant.purposes for grant in each.grants)
    ]
    return {
        "agreements": sorted(named),
        "minutes": configuration.settings.break_glass_minutes,
        "children": configuration.settings.break_glass_children,
    }


def _list_never_shown(_: _Configuration) -> Facts:
    return {"fields": sorted(name for name, tier in FIELD_TIERS.items() if tier is Tier.SEALED)}


def _list_conditions(configuration: _Configuration) -> Facts:
    named = {f"{row.role}: {condition}" for row in configuration.rows for condition in row.conditions}
    return {"conditions": sorted(named)}


def _texts(values: Iterable[str]) -> list[str]:
    return sorted(values)


QUESTIONS: Mapping[str, Callable[[_Configuration], Facts]] = MappingProxyType({
    # Who may
    "who_reads": _roles_with(Action.PERSON_READ, Action.RECORD_READ),
    "who_searches": _roles_with(Action.PERSON_SEARCH),
    "who_exports": _roles_with(Action.CROSSWALK_EXPORT),
    "who_links": _roles_with(Action.DECIDE),
    "who_approves": _roles_with(Action.APPROVE),
    "who_operates": _roles_with(Action.ACCOUNT_ADMIN),
    "who_subpoena": _roles_with(Action.SUBPOENA_DECIDE),
    "school_foster": _rows_where(
        lambda row: row.recipient.kind is PartyKind.EDUCATION and "foster_care" in row.populations
    ),
    "agency_school": _rows_where(lambda row: row.recipient.kind in CARE_KINDS and "school_id" in row.fields),
    "placements": _rows_where(lambda row: "placements" in row.fields),
    "conditions": _list_conditions,
    "never_shown": _list_never_shown,
    "never_stored": lambda _: {"topics": _texts(list_never_ingested_topics())},
    "emergency": _answer_emergency,
    # Under which law
    "law": _answer_bases,
    "unchecked_law": _answer_unchecked,
    "purposes": _answer_purposes,
    "excluded": lambda _: {"uses": _texts(EXCLUDED_USES)},
    "consent": _answer_consent,
    "redisclosure": _by_agreement(lambda each: "yes" if each.redisclosure else ""),
    # For how long
    "end": _by_agreement(lambda each: each.ends.isoformat() if each.ends else ""),
    "retention": _by_agreement(lambda each: each.retention_days),
    "clocks": _by_agreement(lambda each: ", ".join(f"{item.name} {item.days}" for item in each.clocks)),
    "session": _settings(
        idle=lambda settings: int(settings.sign_in_limits.idle.total_seconds() // 60),
        longest=lambda settings: int(settings.sign_in_limits.longest.total_seconds() // 3600),
    ),
    # How known
    "ledger": _roles_with(Action.LEDGER_READ),
    "guesses": _settings(
        searches=lambda settings: settings.search_limits.per_minute,
        child=lambda settings: settings.search_limits.per_child,
        program=lambda settings: settings.guess_limits.of_program,
        person=lambda settings: settings.guess_limits.of_person,
    ),
    "figures": _settings(
        base=lambda settings: settings.publication_rules.base,
        lag=lambda settings: settings.publication_rules.lag_days,
    ),
    # How undone
    "undo_link": _roles_with(Action.DECIDE),
    "second_approver": _settings(setting=lambda settings: settings.second_approver.value),
    "stop_agreement": _roles_with(Action.AGREEMENT_ADMIN),
})  # fmt: skip
"""Answer of each question, by its code; the texts are in the table ``papers`` of the pages' words."""
