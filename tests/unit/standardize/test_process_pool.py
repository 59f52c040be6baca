import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mpi.standardize.process_pool import MIN_PARALLEL_CHUNKS, map_chunks

DEADLINE_SECONDS = 30


def pid_after_writing_it(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(0.01)
    return os.getpid()


def test_what_is_made_comes_back_in_order_and_from_other_processes(tmp_path):
    made = list(map_chunks(pid_after_writing_it, [str(tmp_path)] * (MIN_PARALLEL_CHUNKS + 4), 2))
    assert len(made) == MIN_PARALLEL_CHUNKS + 4
    assert os.getpid() not in made


def test_workers_end_when_whoever_asked_for_the_work_is_killed(tmp_path):
    asking = subprocess.Popen([sys.executable, __file__, str(tmp_path)])
    started = wait_for(lambda: sorted(int(found.name) for found in tmp_path.iterdir()))
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    assert wait_for(lambda: not any(map(is_alive, started))), "a worker outlives its parent"


class Lost:
    """Says where it was when the garbage in which it lies is looked for."""

    def __init__(self, folder):
        self.mark, self.itself = f"{folder}/sought", self

    def __del__(self, make=os.mkdir):
        # By then modules may have lost what they import.
        make(self.mark)


def lose(folder):
    Lost(folder)
    return folder


def test_a_process_that_standardizes_does_not_look_for_garbage_as_it_ends(tmp_path):
    assert (
        len(list(map_chunks(lose, [str(tmp_path)] * (MIN_PARALLEL_CHUNKS + 4), 2))) == MIN_PARALLEL_CHUNKS + 4
    )
    assert not (tmp_path / "sought").exists()


def wait_for(condition):
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.05)
    return condition()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody has waited for is as good as gone.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _without_end(folder):
    while True:
        yield folder


if __name__ == "__main__":
    for _pid in map_chunks(pid_after_writing_it, _without_end(sys.argv[1]), 2):
        pass
