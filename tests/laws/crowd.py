"""Several processes that work one index at once, each with several threads.

As a program, this module is one of them: it opens the index, says that it is ready, reads its tasks from
standard input, does them all at once and prints what it was answered.
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
PATIENCE_S = 90


@dataclass(frozen=True)
class Answer:
    """What one record was answered."""

    local_id: str
    enterprise_id: str
    outcome: str
    record: str


def all_at_once(index, home: Path, database_url: str | None, source: str, records) -> list[Answer]:
    """Upsert records through several processes at once.

    Args:
        index: the open index, for its source.
        home: its home.
        database_url: its store; None for the file in its home.
        source: of the records.
        records: dealt out in turn.
    """
    command = [sys.executable, "-m", "tests.laws.crowd", str(home), database_url or "", source]
    crowd = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for process in crowd:
            assert process.stdout.readline() == "ready\n"
        for number, process in enumerate(crowd):
            process.stdin.write(json.dumps(records[number::PROCESSES]) + "\n")
            process.stdin.flush()
        answers = []
        for process in crowd:
            told, _ = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 0
            answers += [Answer(**answer) for answer in json.loads(told)]
        return answers
    finally:
        for process in crowd:
            process.kill()
            process.communicate()


def main() -> None:
    """One process of the crowd."""
    home, database_url, source = sys.argv[1:]
    settings = Settings(home=Path(home), model=None, database_url=database_url or None, secret_file=None)
    index = open_index(settings)

    def one(record):
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
        print(json.dumps(list(pool.map(one, records))), flush=True)
    index.database.dispose()


if __name__ == "__main__":
    main()
