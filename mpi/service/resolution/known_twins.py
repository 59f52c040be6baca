"""Detect twins that two source systems keep apart, which need no review.

Two similar records with different given names weigh enough for review. They are left out where each has an
*exact partner*: a record of its person with the same given name, surname and birth date. The partners must
be of one source, or each of the other record's source. Then more than one source knows both children,
separately, under the same names.
"""

from collections.abc import Collection, Iterator, Mapping

from mpi.domain.features import Features
from mpi.service.resolution.task_facts import FeatureLoader, TaskFacts
from mpi.storage.repositories.review.tasks import Task


def find_known_twins(tasks: Collection[Task], facts: TaskFacts, load_features: FeatureLoader) -> set[str]:
    """Return keys of review tasks about twins that sources keep apart.

    Args:
        tasks: tasks about pairs of active records.
        facts: versions, persons and sources of the records.
        load_features: loads the features of active records by number.
    """
    # Most pairs have no partner, so their features need not be loaded.
    candidate_tasks = [task for task in tasks if all(len(facts.person_members[end]) > 1 for end in task.ends)]
    members = {
        member for task in candidate_tasks for end in task.ends for member in facts.person_members[end]
    }
    features_by_record = load_features(members) if candidate_tasks else {}
    twin_keys = set()
    for task in candidate_tasks:
        if not _have_different_names(features_by_record[task.lo], features_by_record[task.hi]):
            continue
        low_sources, high_sources = (
            {
                facts.sources_by_record[member]
                for member in _find_exact_partners(end, facts.person_members[end], features_by_record)
            }
            for end in (task.lo, task.hi)
        )
        is_crosswise = (
            facts.sources_by_record[task.hi] in low_sources
            and facts.sources_by_record[task.lo] in high_sources
        )
        if is_crosswise or low_sources & high_sources:
            twin_keys.add(task.key)
    return twin_keys


def _have_different_names(left: Features, right: Features) -> bool:
    """Return whether two records' given names share neither spelling nor root."""
    if left.given is None or right.given is None:
        return False
    return not {left.given, *left.given_roots} & {right.given, *right.given_roots}


def _find_exact_partners(
    record: int, members: Collection[int], features_by_record: Mapping[int, Features]
) -> Iterator[int]:
    """Yield the person's other records with a record's names and birth date."""
    identity_key = _build_identity_key(features_by_record[record])
    if None in identity_key:
        return
    yield from (
        member
        for member in members
        if member != record and _build_identity_key(features_by_record[member]) == identity_key
    )


def _build_identity_key(features: Features) -> tuple[str | None, ...]:
    """Return given name, surname and birth date of a record."""
    return features.given, features.surname, features.birth_date
