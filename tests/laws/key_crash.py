"""Kill of an encryption or a rotation of a key at any instant, under load.

``scripts/prove-keys`` repeats it.
"""

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import ConflictError, ModelMovedError
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import Holdings, SourceKind
from mpi.service.core.index import Index
from mpi.service.holdings.settings import set_holdings
from mpi.service.holdings.tokens import count_rows_to_ask
from mpi.service.maintenance.payload_encryption import describe_keys, encrypt_index, rotate_payload_key
from mpi.service.maintenance.token_key_drop import drop_token_keys
from mpi.service.maintenance.token_rotation import DROPPED_ROWS_STEP, refresh_token_keys, rotate_token_key
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.derived_sync import CLEARING, WRITING
from mpi.service.recluster.run_executor import ACTIVATING
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from mpi.standardize.serialization import record_from_bytes, record_to_bytes
from mpi.storage.repositories.payload_keys import KeyState
from mpi.storage.repositories.steps.idempotent_answers import StoredAnswer
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, open_test_index
from tests.postgres import start_postgres

RECORDS = 400
"""Records of the index, of which each eighth has an SSN."""
DROPPED_ROWS = 300
"""Rows of a school of which the index keeps tokens."""
ANSWERS = 300
MOST_STEPS = 14
"""Most reports of a payload key's rotation before the kill: more than a whole one makes."""
TOKEN_STEPS = ("standardizing", WRITING, ACTIVATING, CLEARING, DROPPED_ROWS_STEP)
"""Steps of a token key's rotation, after whose first report it is killed."""
LONGEST_WAIT_S = 0.1
"""Longest time from such a report to the kill."""
_PRELOADED = ("mpi.matching.compiler.online_scorer", "mpi.service.recluster.run_executor", "splink", "duckdb")


@dataclass
class KeyKillReport:
    """Results over all kills.

    Args:
        kills: how often the work was killed.
        during: kills by what was under way.
        written: records that were written meanwhile and acknowledged.
        sent_again: records with an SSN that were sent again meanwhile.
        last_key: number of the payload key at the end.
        token_keys: numbers of the token keys in force at the end, before the earlier ones were dropped.
        faults: what was wrong after a kill.
    """

    kills: int = 0
    during: dict[str, int] = field(default_factory=dict)
    written: int = 0
    sent_again: int = 0
    last_key: int = 0
    token_keys: tuple[int, ...] = ()
    faults: list[str] = field(default_factory=list)


def work(home: Path, database_url: str | None, kind: str, progress: Connection) -> None:
    """Encrypt the index, and then rotate a key without end."""

    def report(step: str, done: int, total: int) -> None:
        progress.send((step, done, total))

    settings = Settings(home=home, model=None, database_url=database_url, secret_file=None)
    index = open_index(settings, for_look_up=True)
    if kind == "payload":
        progress.send("begun")
        encrypt_index(index, OPERATOR, report)
        while True:
            rotate_payload_key(index, OPERATOR, report)
    encrypt_index(index, OPERATOR)
    progress.send("begun")
    while True:
        rotate_token_key(index, OPERATOR, report)
        with suppress(ConflictError):  # not all were sent again
            drop_token_keys(index, OPERATOR, report)


def kill_often(
    folder: Path,
    database_url: str | None,
    kills: int,
    seed: int,
    note: Callable[[KeyKillReport], None] = lambda _report: None,
) -> KeyKillReport:
    """Kill the work again and again, beside a writer, and check the index after each kill."""
    chance, report = random.Random(seed), KeyKillReport()
    with open_test_index(folder, "sis", "ccwis", database_url=database_url, of_earlier_release=True) as index:
        _fill(index)
        with index.database.write(OPERATOR, "test") as unit:
            now = clock.format_timestamp(clock.now())
            for number in range(ANSWERS):
                unit.idempotent_answers.save("client", f"key {number}", now, _answer(number))
        contents, persons = _contents(index), crosswalk(index)
        with _writer(index) as written:
            for kill in range(kills):
                kind = ("payload", "token")[kill % 2]
                steps, token_step = chance.randint(1, MOST_STEPS), chance.choice(TOKEN_STEPS)
                moment = steps if kind == "payload" else token_step
                _kill_once(folder, database_url, kind, moment, chance.uniform(0, LONGEST_WAIT_S))
                report.kills += 1
                stage = _stage(index, kind)
                report.during[stage] = report.during.get(stage, 0) + 1
                report.faults += _find_faults(index, contents, persons)
                note(report)
        encrypt_index(index, OPERATOR)
        report.last_key = rotate_payload_key(index, OPERATOR).key
        report.token_keys = rotate_token_key(index, OPERATOR).in_force
        report.written, report.sent_again = len(written), written.sent_again
        rotated = refresh_token_keys(index, OPERATOR)
        report.faults += _find_faults(rotated, contents, persons)
        report.faults += [finding.detail for finding in verify(rotated, OPERATOR)]
        dropped = _drop_earlier_keys(rotated)
        report.faults += _find_faults(dropped, contents, persons, rows_to_ask=0)
        report.faults += [finding.detail for finding in verify(dropped, OPERATOR)]
        local_ids = {label.local_id for label in _labels(index)}
        report.faults += [f"{local_id} is lost" for local_id in written if local_id not in local_ids]
    return report


def _fill(index: Index) -> None:
    """Load records, of which some have an SSN, and rows of which tokens are kept."""
    children = many_children(RECORDS)
    for number, child in enumerate(children[::8]):
        child["ssn"] = _ssn(number)
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *_with_ssn())
    add_source(index, OPERATOR, NewSource("welfare", kind=SourceKind.CCWIS))
    add_source(index, OPERATOR, NewSource("school", kind=SourceKind.SIS))
    load_rows(
        index, "welfare", make_child("w", first_name="Quentin", last_name="Abbott", birth_date="2009-05-05")
    )
    set_holdings(index, OPERATOR, "school", Holdings.TOKENS)
    load_rows(index, "school", *_pupils())
    load_rows(index, "welfare", make_child("w2", first_name="Ada", last_name="Zyxw", ssn=_ssn(RECORDS)))


def _ssn(number: int) -> str:
    return f"219-{number % 80 + 11:02d}-{8001 + number}"


def _with_ssn() -> list[dict[str, object]]:
    """Return records of another source that their SSN ties to those loaded first."""
    children = many_children(RECORDS)[::8]
    return [
        {**child, "local_id": f"s{number}", "ssn": _ssn(number), "postal_code": "43009"}
        for number, child in enumerate(children)
    ]


def _pupils() -> list[dict[str, object]]:
    """Return rows of a school, of which one is a child in care, by the SSN."""
    pupils = many_children(DROPPED_ROWS - 1)
    for number, pupil in enumerate(pupils):
        pupil |= {"local_id": f"p{number}", "last_name": f"Pupil{number}"}
    return [*pupils, make_child("p", first_name="Adelaide", last_name="Zyxw", ssn=_ssn(RECORDS))]


def _drop_earlier_keys(index: Index) -> Index:
    """Send everything again, and drop the earlier token keys; return the index."""
    children = many_children(RECORDS)
    for number, child in enumerate(children[::8]):
        child["ssn"] = _ssn(number)
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *_with_ssn())
    load_rows(index, "welfare", make_child("w2", first_name="Ada", last_name="Zyxw", ssn=_ssn(RECORDS)))
    with suppress(ConflictError):  # the school has to send its rows again
        drop_token_keys(index, OPERATOR)
    newest = refresh_token_keys(index, OPERATOR)
    assert len(newest.keyed_hash.token_keys) == 1
    load_rows(newest, "school", *_pupils(), snapshot=Snapshot.FULL)
    assert len(drop_token_keys(newest, OPERATOR).in_force) == 1
    return newest


def _kill_once(folder: Path, database_url: str | None, kind: str, moment: int | str, wait_s: float) -> None:
    """Start the work, and kill it a while after some reports, or after a step's first."""
    context = get_context("forkserver")  # forked from a process that has imported everything
    context.set_forkserver_preload([__name__, *_PRELOADED])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(folder, database_url, kind, sender))
    process.start()
    sender.close()
    with receiver:
        first = receiver.recv()
        if isinstance(moment, int):
            for _ in range(moment - 1):
                receiver.recv()
        else:
            while receiver.recv()[0] != moment:
                pass
        time.sleep(wait_s)
        process.kill()
        process.join()
    assert (first, process.exitcode) == ("begun", -signal.SIGKILL)


class Written(list[str]):
    """Local IDs of records that were written and acknowledged."""

    sent_again = 0


@contextmanager
def _writer(index: Index) -> Iterator[Written]:
    """Write records without end, and send those with an SSN again."""
    written = Written()
    is_over = threading.Event()
    repeated = cycle(_with_ssn())

    def write() -> None:
        own_index = index
        child, again = None, None
        while not is_over.wait(0.05):
            child = child or make_child(f"w{len(written)}", first_name=f"Name{len(written) % 7}")
            again = again or next(repeated)
            try:
                upsert(own_index, OPERATOR, "ccwis", child)
                upsert(own_index, OPERATOR, "ccwis", again)
            except ModelMovedError:  # as a process that serves does
                own_index = refresh_token_keys(own_index, OPERATOR)
                continue
            written.append(str(child["local_id"]))
            written.sent_again += 1
            child = again = None

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
        assert thread.is_alive(), "the writer failed"
    finally:
        is_over.set()
        thread.join()


def _stage(index: Index, kind: str) -> str:
    """Return what is under way, as the index tells."""
    if kind == "token":
        return _token_stage(index)
    keys = describe_keys(index, OPERATOR).keys
    if any(key.state is KeyState.RETIRING for key in keys):
        return "rotation"
    if not keys:
        return "before encryption"
    with index.database.read(OPERATOR) as unit:
        _, altered = unit.stored_content.find_altered_payloads(0, RECORDS)
    return "encryption" if altered else "between two rotations"


def _token_stage(index: Index) -> str:
    """Return which step of a rotation of the token key is under way."""
    with index.database.read(OPERATOR) as unit:
        run = unit.runs.find_open()
        active = unit.configs.active_config()
        labels = {label for label, _ in unit.pupil_tokens.count_by_keys()}
    if run is not None:
        return f"token key: {run.stage}"
    newest = str(active.token_keys[-1])
    is_done = all(label.replace(";", ",").rpartition(",")[2] == newest for label in labels)
    return "between two token keys" if is_done else "token key: dropped rows"


def _find_faults(
    index: Index, contents: dict[int, bytes], persons: dict[object, str], rows_to_ask: int = 1
) -> list[str]:
    """Return how records, answers and persons differ from what they were."""
    faults = []
    now = _contents(index)
    [count] = count_rows_to_ask(refresh_token_keys(index, OPERATOR), OPERATOR)
    if count.rows != rows_to_ask:
        faults.append(f"{count.rows} dropped rows meet a child in care, and not {rows_to_ask}")
    if any(now.get(record) != content for record, content in contents.items()):
        faults.append("the content of a record is another")
    now_persons = crosswalk(index)
    if any(now_persons.get(label) != eid for label, eid in persons.items()):
        faults.append("the enterprise ID of a record is another")
    with index.database.read(OPERATOR) as unit:
        answers = [unit.idempotent_answers.get("client", f"key {number}") for number in range(ANSWERS)]
    if answers != list(map(_answer, range(ANSWERS))):
        faults.append("a kept answer is another")
    return faults


def _answer(number: int) -> StoredAnswer:
    return StoredAnswer("digest", (), f'{{"answer":{number}}}'.encode())


def _contents(index: Index) -> dict[int, bytes]:
    with index.database.read(OPERATOR) as unit:
        records = unit.records.active_canonical_keys()
        payloads = unit.record_versions.payloads(records).items()
        # The tokens of an SSN are others once the record was sent again.
        return {
            record: record_to_bytes(
                record_from_bytes(content)._replace(ssn_token=None, ssn_last4_token=None, as_of=None)
            )
            for record, (_, content) in payloads
        }


def _labels(index: Index) -> list[object]:
    with index.database.read(OPERATOR) as unit:
        return [label for _, label in unit.records.iterate_labels()]


def _print_report(report: KeyKillReport) -> None:
    print(f"{report.kills} kills, {len(report.faults)} faults: {report.during}", file=sys.stderr, flush=True)


def main() -> None:
    """Kill encryption and rotation of the keys, and check that nothing is lost."""
    parser = argparse.ArgumentParser(prog="scripts/prove-keys", description=main.__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mpi-keys-")))
        url = None
        if options.store == "postgresql":
            server = stack.enter_context(start_postgres())
            url = server.url(server.new_database())
        report = kill_often(folder / "home", url, options.kills, options.seed, _print_report)
    print(report)
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
