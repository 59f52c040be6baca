"""Twins: two children whom two systems tell apart alike are nobody's question.

Two records that look alike and are of different given names weigh enough to be asked about. They are not
asked about where each has an *exact partner*, a record of its person with the same given name, surname and
birth date, and the partners are of one system, or each is of the other's system: so more than one system
knows both children, apart, under the same names.
"""

from collections.abc import Collection, Iterator, Mapping

from mpi.domain.features import Features
from mpi.service.resolution.task_facts import FeatureLoader, TaskFacts
from mpi.storage.repositories.review.tasks import Task


def find_known_twins(tasks: Collection[Task], known: TaskFacts, features: FeatureLoader) -> set[str]:
    """Keys of those pair tasks that need not be asked.

    Args:
        tasks: about pairs of active records.
        known: what is known of the records.
        features: where features come from.
    """
    # Most have no partner at all, and need no look at what they say.
    several = [task for task in tasks if all(len(known.person_members[end]) > 1 for end in task.ends)]
    everyone = {each for task in several for end in task.ends for each in known.person_members[end]}
    said = features(everyone) if several else {}
    found = set()
    for task in several:
        if not _have_different_names(said[task.lo], said[task.hi]):
            continue
        mine, other = (
            {known.sources_by_record[each] for each in _find_exact_partners(end, known.person_members[end], said)}
            for end in (task.lo, task.hi)
        )
        crosswise = known.sources_by_record[task.hi] in mine and known.sources_by_record[task.lo] in other
        if crosswise or mine & other:
            found.add(task.key)
    return found


def _have_different_names(one: Features, other: Features) -> bool:
    """Whether both have a given name, and neither bears the other's nor one of its root."""
    if one.given is None or other.given is None:
        return False
    return not {one.given, *one.given_roots} & {other.given, *other.given_roots}


def _find_exact_partners(record: int, person: Collection[int], said: Mapping[int, Features]) -> Iterator[int]:
    me = _build_identity_key(said[record])
    if None in me:
        return
    yield from (each for each in person if each != record and _build_identity_key(said[each]) == me)


def _build_identity_key(features: Features) -> tuple[str | None, ...]:
    return features.given, features.surname, features.birth_date
