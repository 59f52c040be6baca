"""Work of stewards by day, its reversals, and their agreement."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.statistics.rater_agreement import Agreement, measure_pooled_agreement
from mpi.domain.statistics.sampling import Estimate, estimate_share
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.quality.dashboard import StewardAgreement, measure_steward_agreement
from mpi.service.quality.figure_access import permit_figures, sees_every_question
from mpi.service.quality.throughput import ANSWER_ACTION
from mpi.storage.repositories.review.steward_work import DecidedDay

FIELDS = ("steward_work",)
_ALIAS_DOMAIN = "steward-alias"


@dataclass(frozen=True, slots=True)
class StewardDay:
    """What one steward did on one day.

    Args:
        steward: name, or a number for a reader who may not know names.
        day: the day, ``YYYY-MM-DD``.
        answers: review questions answered.
        decisions: decisions made.
        undone: of these, decisions that were undone since.
        replaced: of these, decisions that another one replaced since.
    """

    steward: str
    day: str
    answers: int
    decisions: int
    undone: int
    replaced: int


@dataclass(frozen=True, slots=True)
class StewardReport:
    """Workload and agreement of stewards since a day.

    Args:
        since: first day, ``YYYY-MM-DD``.
        days: work by day and steward, earliest first.
        reversed_share: share of all decisions since that day that were undone or replaced; None without any.
        agreement: agreement of all second reviews together, from the first day of the index, with Fleiss'
            kappa (1971), since the two stewards are others from review to review.
        pairs: the same by pair of stewards, with Cohen's kappa.
    """

    since: str
    days: tuple[StewardDay, ...]
    reversed_share: Estimate | None
    agreement: Agreement
    pairs: tuple[StewardAgreement, ...]


def report_stewards(index: Index, viewer: Viewer, since: str) -> StewardReport:
    """Return what stewards did since a day, and how well they agree.

    Args:
        index: the open index.
        viewer: who may read every question; only who manages accounts sees names.
        since: first day, ``YYYY-MM-DD``.

    Raises:
        InputError: the day is wrong.
        AccessDenied: the viewer may not read reports, or not every record and question.
    """
    require_permission(viewer, Action.REPORT)
    permit_figures(viewer)
    if not sees_every_question(viewer):
        raise AccessDenied("figures about stewards are for who may read every record and question")
    first = datetime.combine(clock.parse_day(since, "--since"), datetime.min.time(), UTC)
    moment = clock.format_timestamp(first)
    with index.database.read(viewer) as unit:
        answers = unit.steward_work.count_answers(moment, ANSWER_ACTION)
        decided = {(each.actor, each.day): each for each in unit.steward_work.count_decisions(moment)}
        pairs = measure_steward_agreement(unit)
        verdicts: Counter[tuple[str, str]] = Counter()
        for _, _, first_verdict, second_verdict, count in unit.blind_pairs.count_second_reviews():
            verdicts[first_verdict, second_verdict] += count
    disclose(index, viewer, Action.REPORT, (), FIELDS)
    reversed_count = sum(each.undone + each.replaced for each in decided.values())
    made = sum(each.decisions for each in decided.values())
    report = StewardReport(
        since=since,
        days=tuple(
            _build_day(actor, day, answers.get((actor, day), 0), decided.get((actor, day)))
            for actor, day in sorted(answers.keys() | decided.keys(), key=lambda key: (key[1], key[0]))
        ),
        reversed_share=estimate_share(reversed_count, made) if made else None,
        agreement=measure_pooled_agreement(verdicts),
        pairs=pairs,
    )
    return report if is_allowed(viewer, Action.ACCOUNT_ADMIN) else _hide_names(report, index.keyed_hash)


def _build_day(actor: str, day: str, answers: int, decided: DecidedDay | None) -> StewardDay:
    if decided is None:
        return StewardDay(actor, day, answers, 0, 0, 0)
    return StewardDay(actor, day, answers, decided.decisions, decided.undone, decided.replaced)


def _hide_names(report: StewardReport, keyed_hash: KeyedHash) -> StewardReport:
    """Return a report with numbers in place of names.

    Their order tells nothing.
    """
    names = {each.steward for each in report.days}
    names |= {name for pair in report.pairs for name in (pair.first, pair.second)}
    ordered = sorted(names, key=lambda name: keyed_hash.to_int64(_ALIAS_DOMAIN, name))
    aliases = {name: f"steward {number}" for number, name in enumerate(ordered, 1)}
    days = [replace(each, steward=aliases[each.steward]) for each in report.days]
    pairs = [replace(each, first=aliases[each.first], second=aliases[each.second]) for each in report.pairs]
    return replace(
        report,
        days=tuple(sorted(days, key=lambda each: (each.day, each.steward))),
        pairs=tuple(sorted(pairs, key=lambda each: (each.first, each.second))),
    )
