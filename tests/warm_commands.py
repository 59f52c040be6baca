"""Commands of ``mpi`` for a shell, each in a fork of a process that has imported the program already.

Most of the time of a short command is spent on imports, so a page of twenty commands would import the program
twenty times. Each command still has a process, a folder, an environment and output files of its own.
"""

import importlib
import json
import os
import select
import shlex
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
_SEND_COMMAND = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    command = json.dumps([os.getcwd(), dict(os.environ), sys.argv[2:]]).encode()
    socket.send_fds(connection, [command[:1]], [0, 1, 2])
    connection.sendall(command[1:])
    connection.shutdown(socket.SHUT_WR)
    code = connection.recv(10)
sys.exit(int(code))
"""


@contextmanager
def shell_function() -> Iterator[str]:
    """Yield the definition of a shell function ``mpi`` that runs one command of the program."""
    with tempfile.TemporaryDirectory(prefix="mpi-warm-") as folder:
        address = str(Path(folder) / "commands")
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            [sys.executable, "-m", "tests.warm_commands", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline(), "no process that runs commands"
            words = [sys.executable, "-I", "-S", "-c", _SEND_COMMAND, address]
            yield f'mpi() {{ {shlex.join(words)} "$@"; }}'


def _serve(address: str) -> None:
    """Run a command for each connection, until who started the process ends or closes its input."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                start, files, *_ = socket.recv_fds(connection, 1, 3)
                folder, environment, arguments = json.loads(start + _read_all(connection))
                code, modules = _run_in_fork(folder, environment, arguments, files)
                connection.sendall(str(code).encode())
            for file in files:
                os.close(file)
            for name in modules:
                importlib.import_module(name)


def _read_all(connection: socket.socket) -> bytes:
    content = b""
    while piece := connection.recv(1 << 16):
        content += piece
    return content


def _run_in_fork(
    folder: str, environment: dict[str, str], arguments: list[str], files: list[int]
) -> tuple[int, list[str]]:
    """Run a command in a child; return its exit code, and the modules of the program that it imported."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        for number, file in enumerate(files):
            os.dup2(file, number)
        sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, closefd=False)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _run_command(arguments, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        modules = pipe.read().split()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), modules


def _run_command(arguments: list[str], report: int) -> None:
    """Run a command, report the modules of the program to a file and end the process."""
    from mpi.cli.main import main

    code: object = 1
    try:
        sys.argv = ["mpi", *arguments]
        main()
    except SystemExit as ending:
        code = ending.code
    except BaseException:  # noqa: BLE001 - the child must not go on as the parent
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(report, " ".join(name for name in list(sys.modules) if name.startswith("mpi.")).encode())
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _serve(sys.argv[1])
