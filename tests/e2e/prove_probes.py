"""Make an attacker's probes in a scope and in a shared index; ``scripts/prove-probes`` prints JSON."""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.laws.scope_probes import open_scope_target, open_shared_target, run_probes

TARGETS = {"scope": open_scope_target, "shared index": open_shared_target}


def main() -> int:
    """Make the probes; exit with 1 if one finds a child in a scope."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--children", type=int, default=200, help="children of child welfare, and as many others"
    )
    count = parser.parse_args().children
    report: dict[str, dict[str, object]] = {}
    found = 0
    for name, open_target in TARGETS.items():
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, open_target(Path(folder), count) as target:
            outcomes = run_probes(target, count)
        seconds = round(time.perf_counter() - started, 1)
        report[name] = {probe: asdict(outcome) for probe, outcome in outcomes.items()} | {"seconds": seconds}
        if name == "scope":
            found = sum(outcome.children + outcome.others for outcome in outcomes.values())
    print(json.dumps(report, indent=2))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
