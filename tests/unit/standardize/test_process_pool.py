import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mpi.standardize.process_pool import MIN_PARALLEL_CHUNKS, map_chunks

DEADLINE_SECONDS = 30


def write_pid(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(0.01)
    return os.getpid()


def test_results_return_in_order_and_from_other_processes(tmp_path):
    results = list(map_chunks(write_pid, [str(tmp_path)] * (MIN_PARALLEL_CHUNKS + 4), 2))
    assert len(results) == MIN_PARALLEL_CHUNKS + 4
    assert os.getpid() not in results


def test_workers_end_when_the_requesting_process_is_killed(tmp_path):
    parent = subprocess.Popen([sys.executable, __file__, str(tmp_path)])
    worker_pids = wait_for(lambda: sorted(int(pid_file.name) for pid_file in tmp_path.iterdir()))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_for(lambda: not any(map(is_alive, worker_pids))), "a worker outlives its parent"


class CyclicGarbage:
    """Garbage that leaves a mark when the collector finds it."""

    def __init__(self, folder):
        self.mark, self.itself = f"{folder}/sought", self

    def __del__(self, make=os.mkdir):
        # By then modules may have lost what they import.
        make(self.mark)


def leave_cyclic_garbage(folder):
    CyclicGarbage(folder)
    return folder


def test_a_worker_does_not_collect_garbage_as_it_ends(tmp_path):
    assert (
        len(list(map_chunks(leave_cyclic_garbage, [str(tmp_path)] * (MIN_PARALLEL_CHUNKS + 4), 2)))
        == MIN_PARALLEL_CHUNKS + 4
    )
    assert not (tmp_path / "sought").exists()


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.05)
    return condition()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie process counts as gone.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _endless(folder):
    while True:
        yield folder


if __name__ == "__main__":
    for _pid in map_chunks(write_pid, _endless(sys.argv[1]), 2):
        pass
