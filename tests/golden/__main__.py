"""Every golden pair as the shipped model decides it: ``python -m tests.golden [--json]``."""

import json
import sys
import tempfile
from pathlib import Path

from mpi.composition.models import open_matcher
from mpi.domain import clock
from mpi.domain.features import Features
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.matching.model.match_model import DEFAULT_MODEL
from mpi.standardize.record_validation import validate_record
from mpi.standardize.shared_value_detection import find_shared_values
from mpi.standardize.shared_values import NO_SHARED_VALUES, SharedValues, drop_shared_values
from mpi.standardize.standardizer import standardize
from tests.golden.hard_cases import Case, cases, decide, make_state, others
from tests.golden.scenes import RECLUSTERED

_SEAL = KeyedHash(bytes(SECRET_BYTES))


def main() -> None:
    """Print the table or JSON; exit with 1 when a pair is not decided as expected."""
    scorer, decisions = open_matcher(DEFAULT_MODEL).scorer, {}
    as_json = "--json" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        make_state(state)
        for name, case in cases().items():
            decision = decide(case, state, Path(folder) / name)
            expected = case.expected.removesuffix("_no_address")
            shared = _shared_values_of(case)
            pair = (drop_shared_values(_features(*side), shared, _SEAL) for side in (case.left, case.right))
            bits = scorer.weigh(*pair)
            decisions[name] = {"decided": decision, "expected": expected, "kept": decision == expected}
            if not as_json:
                mark = "" if decision == expected else "  WRONG"
                print(
                    f"{name:6} {case.topic:42.42} {expected:8} {decision:12} {bits:+7.2f}{mark}", flush=True
                )
    correct_count = sum(each["kept"] for each in decisions.values())
    print(json.dumps(decisions) if as_json else f"{correct_count} of {len(decisions)} as expected")
    sys.exit(correct_count < len(decisions))


def _shared_values_of(case: Case) -> SharedValues:
    if case.name not in RECLUSTERED:
        return NO_SHARED_VALUES
    return find_shared_values((_features(*record) for record in others(case)), _SEAL)


def _features(source: str, record: dict[str, object]) -> Features:
    return standardize(validate_record(record, _SEAL, clock.now()).record, source, _SEAL)


if __name__ == "__main__":
    main()
