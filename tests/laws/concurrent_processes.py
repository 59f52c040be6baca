"""Several processes that use one index at once, each with several threads.

As a program, this module is one of them: it opens the index, prints that it is ready, reads its tasks from
standard input, runs them concurrently and prints the answers.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR

PROCESSES, THREADS = 3, 6
TIMEOUT_S = 90


@dataclass(frozen=True)
class Answer:
    """Answer to one upsert."""

    local_id: str
    enterprise_id: str
    outcome: str
    record: str


def upsert_concurrently(index, home: Path, database_url: str | None, source: str, records) -> list[Answer]:
    """Upsert records through several processes at once.

    Args:
        index: the open index, for its source.
        home: its home folder.
        database_url: its store; None for the file in its home.
        source: source of the records.
        records: records, distributed over the processes in turn.
    """
    command = [sys.executable, "-m", "tests.laws.concurrent_processes", str(home), database_url or "", source]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for number, process in enumerate(processes):
            process.stdin.write(json.dumps(records[number::PROCESSES]) + "\n")
            process.stdin.flush()
        answers = []
        for process in processes:
            output, _ = process.communicate(timeout=TIMEOUT_S)
            assert process.returncode == 0
            answers += [Answer(**answer) for answer in json.loads(output)]
        return answers
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def main() -> None:
    """Run one of the processes."""
    home, database_url, source = sys.argv[1:]
    settings = Settings(home=Path(home), model=None, database_url=database_url or None, secret_file=None)
    index = open_index(settings)

    def upsert_record(record):
        answer = upsert(index, OPERATOR, source, record)
        return {
            "local_id": answer.local_id,
            "enterprise_id": answer.enterprise_id,
            "outcome": answer.outcome,
            "record": answer.record,
        }

    print("ready", flush=True)
    records = json.loads(sys.stdin.readline())
    with ThreadPoolExecutor(THREADS) as pool:
        print(json.dumps(list(pool.map(upsert_record, records))), flush=True)
    index.database.dispose()


if __name__ == "__main__":
    main()
