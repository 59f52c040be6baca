"""Entry point of ``python -m mpi``."""

from mpi.cli.main import main

if __name__ == "__main__":
    main()
