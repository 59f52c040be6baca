"""Classification of false and missed pairs by cause."""

from collections import Counter
from collections.abc import Mapping

from mpi.clustering.component import Pair
from mpi.domain.features import Features
from training.evaluate.datasets.dataset import Dataset
from training.evaluate.measures.pair_errors import find_false_links, find_missed_links
from training.evaluate.model_clusters import Clusters

_EXPLAINING_TAGS = (
    "placeholder_name", "former_identity", "name_changed", "carer_surname", "adopted", "mononym",
    "registered_twice", "two_surnames", "twin",
)  # fmt: skip
"""Tags that may explain a missed match, the likeliest reason first."""


def count_errors_by_kind(clusters: Clusters, dataset: Dataset) -> dict[str, dict[str, int]]:
    """Count false and missed pairs by kind of error, each pair once."""
    features = dataset.features
    false = Counter(
        _classify_false_link(pair, dataset, features) for pair in find_false_links(clusters, dataset.truth)
    )
    missed = Counter(
        _classify_missed_link(pair, dataset, features) for pair in find_missed_links(clusters, dataset.truth)
    )
    return {"false": dict(false.most_common()), "missed": dict(missed.most_common())}


def _classify_false_link(pair: Pair, dataset: Dataset, features: Mapping[int, Features]) -> str:
    """Return the kind of a false link, such as twins."""
    left, right = (features[number] for number in pair)
    tags = _pair_tags(pair, dataset)
    born_alike = bool(set(left.birth_dates) & set(right.birth_dates))
    if _is_one_household(pair, dataset):
        return "twin" if born_alike or all("twin" in record_tags for record_tags in tags) else "sibling"
    if all("cousin_namesake" in record_tags for record_tags in tags):
        return "cousin of one name"
    if born_alike and left.given == right.given and left.surname == right.surname:
        return "stranger of one name and birth date"
    return "other"


def _classify_missed_link(pair: Pair, dataset: Dataset, features: Mapping[int, Features]) -> str:
    """Return the kind of a missed link, such as a changed name."""
    pair_tags = frozenset[str]().union(*_pair_tags(pair, dataset))
    tag_reason = next((tag.replace("_", " ") for tag in _EXPLAINING_TAGS if tag in pair_tags), None)
    return tag_reason or _describe_difference(*(features[number] for number in pair))


def _describe_difference(left: Features, right: Features) -> str:
    """Describe which fields differ between the two records of a pair."""
    if left.birth_date is None or right.birth_date is None:
        return "birth date missing or placeholder"
    if left.given is None or right.given is None:
        return "given name missing or placeholder"
    if not set(left.birth_dates) & set(right.birth_dates):
        return "birth date differs"
    if not set(left.surname_tokens) & set(right.surname_tokens):
        return "surname differs"
    if not set(left.given_roots) & set(right.given_roots):
        return "given name differs"
    return "names and birth date agree"


def _is_one_household(pair: Pair, dataset: Dataset) -> bool:
    """Return whether the two persons of a pair are of one household."""
    homes = [dataset.households.get(dataset.truth[number]) for number in pair]
    return homes[0] is not None and homes[0] == homes[1]


def _pair_tags(pair: Pair, dataset: Dataset) -> list[frozenset[str]]:
    """Return the simulation tags, such as ``twin``, of a pair's two records."""
    return [dataset.tags.get(number, frozenset()) for number in pair]
