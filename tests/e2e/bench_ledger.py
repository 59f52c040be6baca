"""Measure the ledger at a size: cost of a line, signing, verification, proofs and questions."""

import argparse
import json
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.service.access.ledger import LedgerFilter, read_ledger
from mpi.service.audit.link_disclosures import find_disclosures_of_link
from mpi.service.audit.proofs import prove_growth, prove_line
from mpi.service.audit.signing import RootsFile, sign_root
from mpi.service.audit.signing_key import load_signing_key
from mpi.service.audit.verification import RootEvidence, verify_ledger
from mpi.service.persons.persons import look_up_crosswalk
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.database import Lock
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index
from tests.postgres import start_postgres

CHILDREN, CLIENTS, BATCH = 2_000, 300, 5_000
DAYS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.store == "sqlite":
            print(json.dumps(measure(Path(folder), None, options.lines), indent=1))
            return
        with start_postgres() as server:
            url = server.url(server.new_schema())
            print(json.dumps(measure(Path(folder), url, options.lines), indent=1))


def measure(folder: Path, url: str | None, lines: int) -> dict[str, object]:
    """Fill a ledger and return seconds (and microseconds a line) by name."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(name):
        begin = time.perf_counter()
        yield
        seconds[name] = round(time.perf_counter() - begin, 4)

    with open_test_index(folder, "sis", "ccwis", database_url=url) as index:
        load_rows(index, "sis", make_child("a"), *many_children(50))
        load_rows(index, "ccwis", make_child("b"))
        eid = look_up_crosswalk(index, OPERATOR, "sis", "a").enterprise_id
        with timed("fill"):
            fill(index, lines)
        roots = RootsFile(folder / "roots.jsonl", load_signing_key(folder / "key.pem", is_new=True))
        with timed("first root"):
            first = sign_root(index, OPERATOR, roots)
        look_up_crosswalk(index, OPERATOR, "sis", "a")
        with timed("next root"):
            root = sign_root(index, OPERATOR, roots)
        with timed("proof of a line"):
            prove_line(index, OPERATOR, lines // 3, root.size)
        with timed("proof of growth"):
            prove_growth(index, OPERATOR, first.size // 2, root.size)
        for name, wanted in (
            ("page of one child", LedgerFilter(enterprise_id=eid)),
            ("page of one client", LedgerFilter(client="client-7")),
            ("page of everybody", LedgerFilter()),
        ):
            with timed(name):
                read_ledger(index, OPERATOR, wanted)
        with timed("all because of a link"):
            report = find_disclosures_of_link(index, OPERATOR, RecordRef("sis", "a"), RecordRef("ccwis", "b"))
        with timed("verification"):
            result = verify_ledger(index, OPERATOR, RootEvidence(roots.path, roots.key.public))
        assert result.findings == (), result.findings
    return {
        "lines": lines,
        "microseconds of a line": round(seconds["fill"] / lines * 1e6, 1),
        "answers because of the link": len(report.disclosures),
        "seconds": seconds,
    }


def fill(index, lines: int) -> None:
    """Write lines of many clients about many children, spread over the last days."""
    begin, step = clock.now() - timedelta(days=DAYS), timedelta(days=DAYS) / lines
    for first in range(0, lines, BATCH):
        count = min(BATCH, lines - first)
        batch = [
            Disclosure(
                at=clock.format_timestamp((begin + step * number).astimezone(UTC)),
                client=f"client-{number % CLIENTS}",
                purpose="transport",
                action="person.read",
                record_ids=(1 + number * 7919 % CHILDREN,),
                fields=("enterprise_id", "first_name"),
                agreement=f"agreement-{number % 20}",
            )
            for number in range(first, first + count)
        ]
        with index.database.ledger.write(OPERATOR, "disclose", Lock.NONE) as unit:
            unit.disclosures.add_all(unit.counters.take("disclosure", count), batch)


if __name__ == "__main__":
    main()
