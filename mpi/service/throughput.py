"""Throughput: how many questions each steward answers, and how long one takes, where that was measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from mpi.storage.repositories.figures import Acted

ANSWERED = "answer"
"""The action that answers a question."""
AWAY = timedelta(minutes=15)
"""Two acts of one person further apart than this have something else between them."""
FEWEST_TIMED = 20
"""Answers from which on their time is taken as measured."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one person answered.

    Args:
        actor: who.
        answers: how many.
        timed: of these, those that another act came before by no more than ``AWAY``.
        hours: at work: the time between acts that are no more than ``AWAY`` apart.
        an_hour: timed answers an hour; None where none was timed.
    """

    actor: str
    answers: int
    timed: int
    hours: float
    an_hour: float | None


def throughputs(acts: Iterable[Acted]) -> tuple[Throughput, ...]:
    """What each person answered, by name; acts come by person and time."""
    by_actor: dict[str, list[Acted]] = {}
    for act in acts:
        by_actor.setdefault(act.actor, []).append(act)
    made = (_of_one(actor, theirs) for actor, theirs in sorted(by_actor.items()))
    return tuple(one for one in made if one.answers)


def minutes_an_answer(people: Sequence[Throughput]) -> float | None:
    """Minutes that an answer takes, over all people; None where too few were timed."""
    timed = sum(one.timed for one in people)
    return 60 * sum(one.hours for one in people) / timed if timed >= FEWEST_TIMED else None


def _of_one(actor: str, acts: Sequence[Acted]) -> Throughput:
    moments = [datetime.fromisoformat(act.at) for act in acts]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    at_work = sum((gap for gap in gaps if gap <= AWAY), timedelta())
    answers = sum(act.action == ANSWERED for act in acts)
    hours = at_work / timedelta(hours=1)
    # An answer that nothing came shortly before is not timed: how long it took is not known.
    timed = sum(act.action == ANSWERED and gap <= AWAY for act, gap in zip(acts[1:], gaps, strict=True))
    return Throughput(actor, answers, timed, hours, timed / hours if timed and hours else None)
