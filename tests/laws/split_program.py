"""The program that runs ``mpi`` and is killed: it says when it begins, and waits for a word.

All that the command needs is imported before, so that a kill falls into its work.
"""

import sys

import mpi.bootstrap
import mpi.service.scopes.split
import mpi.service.scopes.split_plan  # noqa: F401 - imported for the command
from mpi.cli.main import run

READY = "ready"


def main() -> None:
    """Run the command of the arguments once a line comes."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.exit(int(run(sys.argv[1:])))


if __name__ == "__main__":
    main()
