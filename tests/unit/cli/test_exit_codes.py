"""Exit codes, one-line errors, interrupts, full disks and damaged stores."""

import errno
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mpi.cli.catalog import COMMANDS
from mpi.cli.exit_codes import CommandInterrupt, ExitCode, OutputPipeClosed, describe_error
from mpi.cli.interrupts import handle_interrupts
from mpi.domain import errors
from tests.index import many_children
from tests.unit.cli.conftest import HEADER, is_one_line

ROOT = Path(__file__).resolve().parents[3]


def start_mpi(*arguments, **options):
    """Start ``mpi`` as a separate process."""
    return subprocess.Popen(
        [sys.executable, "-m", "mpi", *arguments],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def run_mpi(*arguments, **options):
    process = start_mpi(*arguments, **options)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture(autouse=True)
def _deliver_ctrl_c():
    """Let Ctrl-C reach these tests and their processes, even where the caller ignores it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture
def large_file(tmp_path):
    path = tmp_path / "large.csv"
    names = HEADER.strip().split(",")
    lines = [",".join(str(row[name]) for name in names) for row in many_children(1_500)]
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RecordError("local_id", "missing", "x"), 5),
        (errors.FileError("x"), 5),
        (errors.MappingError("x"), 5),
        (errors.EidError("x"), 5),
        (errors.NotFoundError("x"), 6),
        (errors.ConflictError("x"), 7),
        (errors.DecisionConflict("x"), 7),
        (errors.AccessDenied("x"), 8),
        (errors.LoadHeld("x"), 3),
        (errors.ModelError("x"), 9),
        (errors.RemoteSystemError("x"), 11),
        (errors.StoreError("x"), 10),
        (OSError(errno.ENOSPC, "No space left on device"), 10),
        (PermissionError(errno.EACCES, "Permission denied", "f"), 10),
        (CommandInterrupt(undone=True), 130),
        (OutputPipeClosed(), 141),
        (KeyError("x"), 70),
    ],
)
def test_each_error_class_has_its_exit_code(error, code):
    assert describe_error(error).code == code


def test_every_error_class_has_a_specific_exit_code():
    for error_class in errors.MpiError.__subclasses__():
        error = error_class.__new__(error_class)
        assert describe_error(error).code is not ExitCode.UNEXPECTED, error_class


def test_a_full_disk_is_named_in_the_error():
    assert "disk is full" in describe_error(OSError(errno.ENOSPC, "No space left on device")).line


def test_an_unexpected_error_shows_no_value_and_no_traceback(mpi, home, monkeypatch):
    def raise_error(*_arguments):
        raise ValueError("Zebulon")

    monkeypatch.setattr("mpi.service.quality.reports.make_report", raise_error)
    result = mpi("report")
    assert result.code == 70
    assert is_one_line(result.err)
    assert "Zebulon" not in result.err
    assert "MPI_DEBUG=1" in result.err
    monkeypatch.setenv("MPI_DEBUG", "1")
    assert "Traceback" in mpi("report").err


@pytest.mark.parametrize(
    "arguments",
    [("ingesst",), ("ingest",), ("ingest", "f", "--sourcee", "x"), ("source",), ("report", "--as-of", "x")],
)
def test_an_invalid_command_line_gives_one_error_line_that_points_to_help(mpi, home, arguments):
    result = mpi(*arguments)
    assert (result.code, result.out) == (2, "")
    assert is_one_line(result.err)
    assert "--help" in result.err


def test_without_an_index_every_command_names_init(mpi, empty_home):
    for arguments in (("verify",), ("report",), ("source", "list"), ("db", "check"), ("recluster",)):
        result = mpi(*arguments)
        assert result.code == 10, arguments
        assert "mpi init" in result.err
        assert is_one_line(result.err)


def test_an_invalid_setting_is_named(mpi, home, monkeypatch):
    monkeypatch.setenv("MPI_PORT", "many")
    result = mpi("report")
    assert (result.code, "MPI_PORT" in result.err) == (5, True)
    assert is_one_line(result.err)


def test_an_index_keeps_its_model_when_the_source_folder_changes(mpi, home, tmp_path):
    (tmp_path / "model" / "settings.json").write_text("{}")
    assert mpi("report").code == 0


def test_a_new_index_with_a_corrupt_model_folder_is_refused(mpi, empty_home, tmp_path):
    (tmp_path / "model" / "settings.json").write_text("{}")
    result = mpi("init")
    assert result.code == 9
    assert is_one_line(result.err)


def test_a_corrupt_model_folder_is_refused(mpi, home, tmp_path):
    (home / "models" / "tiny" / "1" / "settings.json").write_text("{}")
    result = mpi("report")
    assert result.code == 9
    assert "settings.json" in result.err
    assert is_one_line(result.err)


def test_a_missing_model_is_refused(mpi, home):
    result = mpi("recluster", "--model", "no/such")
    assert result.code == 9
    assert is_one_line(result.err)


def test_a_database_of_a_newer_version_is_refused_and_unchanged(mpi, home):
    connection = sqlite3.connect(home / "mpi.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for arguments in (("report",), ("db", "upgrade")):
        result = mpi(*arguments)
        assert result.code == 10
        assert "newer version" in result.err
        assert is_one_line(result.err)
    check_result = mpi("db", "check", "--json")
    assert (check_result.code, check_result.json["state"]) == (1, "newer")


def test_a_file_that_is_no_database_is_reported_as_damaged(mpi, home):
    (home / "mpi.db").write_bytes(b"nothing of the sort" * 100)
    for arguments in (("report",), ("db", "check"), ("init",)):
        result = mpi(*arguments)
        assert (result.code, "damaged" in result.err) == (10, True), arguments
        assert is_one_line(result.err)


def test_a_missing_secret_is_reported(mpi, home):
    (home / "secret.key").unlink()
    result = mpi("report")
    assert result.code == 10
    assert "secret" in result.err


def test_a_violated_law_exits_1(mpi, home):
    mpi("resolve", send={"source": "sis", "local_id": "1", "first_name": "Ana", "last_name": "Lopez"})
    connection = sqlite3.connect(home / "mpi.db")
    connection.execute("UPDATE person SET status = 'retired'")
    connection.commit()
    connection.close()
    result = mpi("verify", "--json")
    assert (result.code, result.json["sound"]) == (1, False)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_load_keeps_nothing_and_can_be_repeated(mpi, home, large_file, number, code):
    process = start_mpi("ingest", large_file, "--source", "sis")
    _wait_for_write_lock(home / "mpi.db", process)
    process.send_signal(number)
    _out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, "mpi: interrupted: nothing of this step was kept\n")
    assert mpi("report", "summary", "--current", "--json").json["rows"][0]["count"] == 0
    assert mpi("report", "loads", "--json").json["rows"] == []
    assert mpi("verify", "--json").json["sound"]
    assert mpi("ingest", large_file, "--source", "sis", "--json").json["created"] == 1_500


def _wait_for_write_lock(database, process):
    """Wait until another process holds the write lock for a while, as a load does from its middle."""
    connection = sqlite3.connect(database, timeout=0, isolation_level=None)
    refusals = 0
    while process.poll() is None and refusals < 3:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            refusals = 0
        except sqlite3.OperationalError:
            refusals += 1
        time.sleep(0.01)
    connection.close()


class _CommittingDatabase:
    is_commit_begun = False
    committed_units = 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_is_ignored_once_the_commit_has_begun(number):
    database, before = _CommittingDatabase(), signal.getsignal(number)
    with handle_interrupts(database):
        database.is_commit_begun = True
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


_CODE_FROM_A_STRING = """
import signal, sys
from mpi.cli.exit_codes import CommandInterrupt
from mpi.cli.interrupts import handle_interrupts
from mpi.cli.pilot.stop_signals import stop_on_signals

class NoCommit:
    is_commit_begun, committed_units = False, 0

context = {"command": lambda: handle_interrupts(NoCommit()), "pilot": stop_on_signals}[sys.argv[1]]
try:
    with context():
        exec(f"signal.raise_signal({sys.argv[2]})")
except CommandInterrupt as interrupt:
    sys.exit(interrupt.code)
"""


@pytest.mark.parametrize("place", ["command", "pilot"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_in_code_run_from_a_string_gives_its_exit_code(tmp_path, place, number, code):
    """Libraries run such code while they make data classes, and ``python -m`` would end by SIGINT."""
    (tmp_path / "stopped.py").write_text(_CODE_FROM_A_STRING)
    arguments = [sys.executable, "-m", "stopped", place, str(int(number))]
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))
    ended = subprocess.run(arguments, env={**os.environ, "PYTHONPATH": paths}, timeout=60, check=False)
    assert ended.returncode == code


def test_end_by_a_service_manager_has_an_exit_code_of_its_own():
    with pytest.raises(CommandInterrupt) as caught, handle_interrupts(_CommittingDatabase()):
        signal.raise_signal(signal.SIGTERM)
    assert describe_error(caught.value).code == 143


def test_an_engine_error_caused_by_ctrl_c_is_an_interrupt():
    with pytest.raises(CommandInterrupt), handle_interrupts(_CommittingDatabase()):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as interrupt:
            raise RuntimeError("query interrupted") from interrupt


@pytest.mark.slow
def test_a_load_on_a_full_disk_keeps_nothing_and_gives_one_error_line(mpi, home, large_file):
    # The system refuses to let any file grow past the limit, as a full disk would.
    limit = (home / "mpi.db").stat().st_size + 200_000
    code, out, err = run_mpi(
        "ingest",
        large_file,
        "--source",
        "sis",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (code, out) == (10, "")
    assert "disk is full" in err
    assert is_one_line(err)
    assert mpi("report", "summary", "--current", "--json").json["rows"][0]["count"] == 0
    assert mpi("ingest", large_file, "--source", "sis", "--json").json["created"] == 1_500


def test_an_export_on_a_full_disk_leaves_the_earlier_file(mpi, home, tmp_path, write_csv):
    rows = [f"{'x' * 190}{number},,Lopez,," for number in range(2_000)]
    mpi("ingest", write_csv(*rows), "--source", "sis")
    (tmp_path / "x.csv").write_text("earlier")
    limit = 2**18  # room for the line of the ledger, and not for the export
    code, _out, err = run_mpi(
        "export",
        "crosswalk",
        "--out",
        "x.csv",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert code == 10
    assert err.startswith("mpi: x.csv: the disk is full")
    assert is_one_line(err)
    assert (tmp_path / "x.csv").read_text() == "earlier"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file.csv", "home", "model", "x.csv"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_output_pipe_is_no_error(home, monkeypatch, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    reading, writing = os.pipe()
    os.close(reading)
    code, _out, err = run_mpi("report", "summary", "--current", stdout=writing)
    os.close(writing)
    assert (code, err) == (141, "")


def test_help_lists_every_command(mpi, empty_home):
    result = mpi("--help")
    assert result.code == 0
    for path in COMMANDS:
        assert path.split()[0] in result.out
    assert mpi().out == result.out


@pytest.mark.parametrize("path", [path for path, entry in COMMANDS.items() if entry.target])
def test_the_help_of_a_command_begins_with_its_line_in_the_list(mpi, empty_home, path):
    result = mpi(*path.split(), "--help")
    assert result.code == 0
    assert " ".join(COMMANDS[path].help.split()) in " ".join(result.out.split())


def test_help_loads_no_engine_and_is_fast():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, out, _err = run_mpi("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (code, "ingest" in out) == (0, True)
    # Processor time, which a busy machine leaves as it is: 0.15 s when measured. An engine takes seconds.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, mpi.cli.main as m; m.run(['--help']); print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout.split()
    assert not {"splink", "duckdb", "sqlalchemy", "pyarrow", "fastapi", "pydantic", "rich"} & set(loaded)


def test_the_shell_completes_commands_and_options():
    def completions(words):
        return subprocess.run(
            [sys.executable, "-m", "mpi"],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "_MPI_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            },
        ).stdout.split()

    assert completions("mpi rec") == ["recluster"]
    assert "--snapshot" in completions("mpi ingest --sn")


def test_the_manual_has_every_command_option_and_exit_code(mpi, empty_home):
    manual = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for path, entry in COMMANDS.items():
        if entry.target is None:
            continue
        assert f"`mpi {path}" in manual, path
        output = mpi(*path.split(), "--help").out
        options = set(re.findall(r"(?:^ +|/ )(--[a-z-]+)", output, re.MULTILINE)) - {"--help"}
        for option in options:
            assert re.search(rf"[ `]{option}[ `]", manual), (path, option)
    codes = {int(number) for number in re.findall(r"^\| (\d+) \|", manual, re.MULTILINE)}
    assert codes == {int(code) for code in ExitCode}
