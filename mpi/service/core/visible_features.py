"""Features of records, as far as a viewer may compare them.

Linkage compares all fields. An answer must not tell how a field compares that no grant of the viewer's
agreement names for matching or output: a caller could confirm a guess of it. So whatever compares records
for a viewer takes another party's record as if it had been sent with the permitted fields alone (ADR 0090),
and without whereabouts that are withheld (ADR 0081). The viewer's own records are compared whole.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mpi.domain.features import Features
from mpi.domain.viewer import Viewer, sees_only_own
from mpi.policy.parties import ALL
from mpi.service.core.confidential_addresses import find_withheld_records, withhold_contacts_of
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.core.visibility import read_facts_by_record
from mpi.standardize.fields.kept_fields import keep_fields
from mpi.standardize.serialization import record_from_bytes
from mpi.standardize.shared_values import drop_shared_values
from mpi.standardize.standardizer import standardize
from mpi.standardize.tokens.record_tokens import carry_tokens
from mpi.standardize.tokens.sent_tokens import FIELD as TOKEN_FIELD
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class VisibleFeatures:
    """Features of some active records, as a viewer may compare them.

    Args:
        by_record: features by record number.
        withheld: records whose whereabouts are left out.
        limited: records of which the viewer's agreement permits some fields alone.
    """

    by_record: Mapping[int, Features]
    withheld: frozenset[int]
    limited: frozenset[int]

    @property
    def partial(self) -> frozenset[int]:
        """Records not compared whole, for which stored weights do not hold."""
        return self.withheld | self.limited


def load_visible_features(unit: ReadUnit, index: Index, record_ids: Collection[int]) -> VisibleFeatures:
    """Load the features of records, as the viewer may compare them."""
    stored = load_features(unit, index.config_id(unit), record_ids)
    limited = limit_features(unit, index, stored)
    withheld = find_withheld_records(unit, record_ids)
    by_record = withhold_contacts_of({**stored, **limited}, withheld)
    return VisibleFeatures(by_record, withheld, frozenset(limited))


def find_partial_records(unit: ReadUnit, record_ids: Collection[int]) -> frozenset[int]:
    """Return the records that the viewer may not compare whole.

    No answer may tell of a stored match weight of theirs.
    """
    return find_withheld_records(unit, record_ids) | _find_comparable_fields(unit, record_ids).keys()


def limits_comparisons(viewer: Viewer) -> bool:
    """Return whether the viewer may not compare every record whole."""
    rights = viewer.rights
    return rights is not None and not sees_only_own(viewer) and rights.find_comparable_fields(ALL) is not None


def limit_features(unit: ReadUnit, index: Index, features: Mapping[int, Features]) -> dict[int, Features]:
    """Return the features that other parties' records have by permitted fields.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        features: stored features of the records.

    Returns:
        Features by record number, without the records that are compared whole.
    """
    comparable = _find_comparable_fields(unit, features)
    if not comparable:
        return {}
    shared_values = index.shared_values_of(unit, index.config_id(unit))
    source_codes = {source.id: source.code for source in unit.sources.all()}
    limited = {}
    for record, (source_id, payload) in unit.record_versions.payloads(comparable).items():
        whole, source = record_from_bytes(payload), source_codes[source_id]
        kept_features = standardize(keep_fields(whole, comparable[record]), source, index.keyed_hash)
        if TOKEN_FIELD in comparable[record] and index.keyed_hash.exchanges:
            kept_features = carry_tokens(kept_features, standardize(whole, source, index.keyed_hash))
        limited[record] = drop_shared_values(kept_features, shared_values, index.keyed_hash)
    return limited


def _find_comparable_fields(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """Return the permitted fields of each record that is not compared whole."""
    viewer, rights = unit.viewer, unit.viewer.rights
    if rights is None or not record_ids or not limits_comparisons(viewer):
        return {}
    labels = unit.records.labels(record_ids)
    stated = read_facts_by_record(unit, labels) if rights.needs_populations else {}
    fields_by_record = {
        record: rights.find_comparable_fields(label.source, stated.get(record, frozenset()))
        for record, label in labels.items()
    }
    return {record: fields for record, fields in fields_by_record.items() if fields is not None}
