"""Files of a source are read or refused, whatever they hold.

``FUZZ_EXAMPLES`` changes each file more often than the suite does (`scripts/prove-attacks`).
"""

import os
import resource
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.attacks.hostile_files import MARKER, ORDINARY, change_bytes, list_bombs, read_hostile

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
MOST_SECONDS = 20
MOST_BYTES = 600 * 1024**2
"""Most memory that a bomb may add to the process."""


def attempt(attempts, path, what):
    """Read a file; it is through with an error that is no refusal, or with another file's content."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        fault = "another file was read" if MARKER in read_hostile(path) else ""
    except Exception as error:  # noqa: BLE001 - any error that is no refusal
        fault = f"{type(error).__name__}: {error}"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    seconds = time.process_time() - begun
    is_through = bool(fault) or grown > MOST_BYTES or seconds > MOST_SECONDS
    attempts.add(is_through=is_through, what=(path.name, fault[:200], grown, seconds, what))


@pytest.mark.parametrize("name", ORDINARY)
def test_a_file_changed_anywhere_is_read_or_refused(attack, tmp_path, name):
    path = tmp_path / name

    with attack("Fuzzed files and mappings") as attempts:

        @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(content=change_bytes(ORDINARY[name]))
        def change_and_read(content):
            path.write_bytes(content)
            attempt(attempts, path, content[:200])

        change_and_read()


@pytest.mark.slow
def test_a_bomb_takes_little_memory_and_time_and_reads_no_other_file(attack, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text(MARKER)
    with attack("Bombs in XML, JSON, TOML, CSV, Parquet, gzip and zip") as attempts:
        for number, (name, content) in enumerate(list_bombs(str(outside))):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / name).write_bytes(content)
            attempt(attempts, folder / name, content[:60])
