"""Check the pages of all questions of two indexes; ``scripts/prove-questions`` prints JSON.

The indexes are the demo's, and one of the public set ``sim_state_100k``. Each page is built and rendered as a
steward of all sources sees it.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq

from mpi.api.app import create_app
from mpi.api.pages.rendering.paths import question_path
from mpi.bootstrap import init_index, open_index
from mpi.cli.demo.demo_index import build_demo, open_demo_index, read_build, read_truth
from mpi.config import Settings
from mpi.domain.record_ref import RecordRef
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import make_operator
from mpi.intake.rows import CanonicalRow
from mpi.service.core.index import Index
from mpi.service.loads.load import LoadOptions, load
from mpi.service.review.question_view import BURST
from mpi.service.statements.sources import NewSource, add_source
from tests.e2e.public_set import DATA
from tests.question_checks import CHECKS, build_pages, check_html, check_page, count_answers
from tests.unit.api.live import calling
from training.evaluate.datasets.public_sets import DEVELOPMENT_SETS

STATE_SET = "sim_state_100k"
DEMO_RECORDS = 20_000
MAX_ANSWERS = 1.05
"""Most answers a question, on average."""
_SHOWN_FAULTS = 20
_COMPLETE = "loaded"
"""Name of the empty file that says that every row of the set is loaded."""
_PersonOf = Mapping[RecordRef, Hashable]


def main() -> int:
    """Check both indexes; exit with 1 if a page has a fault or needs too many answers."""
    parser = argparse.ArgumentParser(prog="scripts/prove-questions", description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=("demo", STATE_SET), default=["demo", STATE_SET])
    parser.add_argument("--records", type=int, default=DEMO_RECORDS, help="records of the demo")
    parser.add_argument(
        "--households", type=int, default=1, help="of the public set, one household in so many"
    )
    parser.add_argument("--keep", type=Path, help="folder of the indexes: made there, or taken from there")
    arguments = parser.parse_args()
    report = {}
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        for each in arguments.sets:
            home = folder / each
            is_demo = each == "demo"
            with (
                open_demo(home, arguments.records) if is_demo else open_state(home, arguments.households)
            ) as opened:
                report[each] = check_index(*opened)
    print(json.dumps(report, indent=2))
    is_bad = any(figures["faults"] or figures["answers"] > MAX_ANSWERS for figures in report.values())
    return 1 if is_bad else 0


@contextmanager
def open_demo(folder: Path, records: int) -> Iterator[tuple[Index, _PersonOf]]:
    """Open the demo's index with the true person of each record."""
    if read_build(folder, records) is None:
        build_demo(folder, records, lambda *_: None)
    truth = {RecordRef(*record): person for record, person in read_truth(folder).person.items()}
    with open_demo_index(folder) as index:
        yield index, truth


@contextmanager
def open_state(folder: Path, households: int) -> Iterator[tuple[Index, _PersonOf]]:
    """Open an index of the public set with the true person of each record.

    Args:
        folder: folder of the index; one that is loaded is taken as it is.
        households: one household in so many is loaded.
    """
    path = DATA / "eval" / f"{STATE_SET}.parquet"
    [described] = [each for each in DEVELOPMENT_SETS if each.name == STATE_SET]
    rows = pq.read_table(path).to_pylist()
    truth = {RecordRef(row["source"], str(number)): row["true_id"] for number, row in enumerate(rows, 1)}
    settings = Settings(home=folder, database_url=None, model=None, secret_file=None)
    complete = folder / _COMPLETE
    if complete.exists():
        index = open_index(settings)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        index = init_index(settings, is_test=True)[0]
    try:
        for source in () if complete.exists() else sorted({row["source"] for row in rows}):
            add_source(index, make_operator(), NewSource(source))
            records = [
                CanonicalRow(
                    number,
                    None,
                    {"local_id": str(number)}
                    | {name: value for name, value in described.to_canonical(row).items() if value},
                )
                for number, row in enumerate(rows, 1)
                if row["source"] == source and row["household_true"] % households == 0
            ]
            load(index, make_operator(), source, records, LoadOptions(Snapshot.FULL))
        complete.touch()
        yield index, truth
    finally:
        index.database.dispose()


def check_index(index: Index, person_of: _PersonOf) -> dict[str, object]:
    """Return figures of all questions of an index, and the first faults."""
    started = time.perf_counter()
    faults, strengths, reasons = [], Counter(), Counter()
    questions = bursts = answers = pairs = 0
    with calling(create_app(index, open_pages=True), None) as client:
        client.cookies.set("mpi-acting-as", "steward")
        for page in build_pages(index, make_operator()):
            questions += page.view.shape != BURST
            bursts += page.view.shape == BURST
            pairs += len(page.pairs)
            answers += count_answers(page, person_of)
            strengths.update(str(pair.told.strength) for pair in page.why)
            reasons.update(pair.asked.reason for pair in page.why if pair.asked is not None)
            faults += check_page(page)
            answer = client.get(question_path(page.view.summary.key))
            answer.raise_for_status()
            faults += check_html(page.view.summary.key, answer.text)
    return {
        "questions": questions,
        "bursts": bursts,
        "pairs": pairs,
        "answers": round(answers / max(questions, 1), 3),
        "strengths": dict(strengths),
        "reasons": dict(reasons),
        "checks": {name: sum(fault.check == name for fault in faults) for name in CHECKS},
        "faults": len(faults),
        "first_faults": [asdict(fault) for fault in faults[:_SHOWN_FAULTS]],
        "seconds": round(time.perf_counter() - started, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
