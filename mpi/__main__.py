"""``python -m mpi`` is the ``mpi`` command."""

from mpi.cli.main import main

if __name__ == "__main__":
    main()
