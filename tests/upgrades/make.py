"""Make the stored index of an earlier release, by the code of its commit.

usage: python -m tests.upgrades.make CHECKOUT VERSION, where CHECKOUT holds the files of the commit
(``git archive COMMIT | tar x -C CHECKOUT``). It writes ``tests/upgrades/VERSION.tar.xz``: databases as SQL,
the home folder besides, and the crosswalk that the release exported.
"""

import csv
import os
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

FOLDER = Path(__file__).parent
FIRST = (
    "Amara",
    "Noor",
    "Elijah",
    "Sofia",
    "Mateo",
    "Aaliyah",
    "Owen",
    "Priya",
    "Dante",
    "Lucia",
    "Kenji",
    "Zara",
)
LAST = (
    "Okonkwo",
    "Haddad",
    "Brooks",
    "Ramirez",
    "Nguyen",
    "Carter",
    "Lindqvist",
    "Patel",
    "Moreau",
    "Adeyemi",
)
COLUMNS = ("local_id", "first_name", "last_name", "birth_date", "sex", "postal_code")


def write_files(folder: Path) -> None:
    """Write three files: children of a school, of child welfare, and of the school a term later."""
    children = [
        (FIRST[n % 12], LAST[n * 7 % 10], f"20{10 + n % 9}-{1 + n % 12:02}-{1 + n * 5 % 28:02}", "FM"[n % 2])
        for n in range(24)
    ]
    for name, prefix, chosen, postal_code in (
        ("sis", "S", children[:18], 43100),
        ("ccwis", "C", children[6:], 43900),
        ("sis-later", "S", children[:17], 44100),
    ):
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows((f"{prefix}{n}", *child, postal_code + n) for n, child in enumerate(chosen))


def main() -> None:
    """Load the files with the code of a checkout, and store what it made."""
    checkout, version = Path(sys.argv[1]).resolve(), sys.argv[2]
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name), Path(name) / "home"
        write_files(folder)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout), "MPI_HOME": str(home)}
        for words in (
            ("init", "--test"),
            ("source", "add", "sis"),
            ("source", "add", "ccwis"),
            ("ingest", folder / "sis.csv", "--source", "sis"),
            ("ingest", folder / "ccwis.csv", "--source", "ccwis"),
            ("ingest", folder / "sis-later.csv", "--source", "sis", "--snapshot", "full", "--confirm"),
            ("export", "crosswalk", "--out", home / "crosswalk.csv"),
        ):
            command = [sys.executable, "-m", "mpi", *map(str, words)]
            subprocess.run(command, cwd=checkout, env=environment, check=True, stdout=subprocess.DEVNULL)
        for database in home.glob("*.db"):
            with closing(sqlite3.connect(database)) as connection:
                database.with_suffix(".sql").write_text("\n".join(connection.iterdump()))
            for path in home.glob(f"{database.name}*"):
                path.unlink()
        with tarfile.open(FOLDER / f"{version}.tar.xz", "w:xz") as archive:
            for path in sorted(home.rglob("*")):
                if path.is_file():
                    archive.add(path, path.relative_to(home))


if __name__ == "__main__":
    main()
