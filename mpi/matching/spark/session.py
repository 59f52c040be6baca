"""Spark session for one batch scoring, closed at its end.

What the scoring asks of Spark is set here; all else (executors, their memory, encryption, queues) stays as
the cluster's own ``spark-defaults.conf`` has it. On this machine (``local[N]``) nothing listens on the
network.
"""

import logging
import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from mpi.domain.errors import EngineError
from mpi.matching.spark.functions import FUNCTION_PREFIX, FUNCTIONS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG_FILE = "spark.log"
"""Name of Spark's own log, in the folder of the session.

The log lies with the data, and never goes to the screen.
"""

_LOG4J_PROPERTIES = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d %p %c{1}: %m%n%ex
"""
_PYSPARK_MISSING = (
    "--engine spark needs the optional extra spark, which is not installed: "
    "pip install '.[spark]' in a checkout"
)
_JAVA_MISSING = (
    "--engine spark needs Java 17 or newer on this machine, and there is none: install it (Debian and "
    "Ubuntu: apt-get install openjdk-17-jre-headless), or set JAVA_HOME to where it is"
)


def is_local(master: str) -> bool:
    """Return whether a Spark master URL means threads of this machine."""
    return master == "local" or master.startswith("local[")


@contextmanager
def open_session(master: str, memory: str, folder: Path) -> Iterator["SparkSession"]:
    """Open a Spark session with the index's string functions registered.

    The session is stopped at the end, and by Ctrl-C.

    Args:
        master: Spark's master URL, such as ``spark://host:7077``, ``yarn`` or ``local[2]``.
        memory: memory of the driver, such as ``2g``; of ``local[N]`` that is all there is.
        folder: for spills, checkpoints of this machine and the log; readable by this user only.

    Raises:
        EngineError: the extra or Java is missing, or Spark does not start.
    """
    _require_spark()
    (folder / "log4j2.properties").write_text(_LOG4J_PROPERTIES)
    previous_handler = signal.getsignal(signal.SIGINT)
    with (folder / LOG_FILE).open("ab") as log, _silence_root_logger():
        try:
            session = _start_session(
                _make_settings(master, memory, folder), log.fileno(), local=is_local(master)
            )
        except EngineError:
            raise
        except Exception as error:  # whatever Java raises, of which Spark makes errors of several kinds
            raise EngineError(
                f"Spark does not start on {master}: {_read_failure_reason(error, folder)}"
            ) from error
        try:
            with _cancel_jobs_on_interrupt(session, previous_handler):
                _register_functions(session)
                yield session
        finally:
            session.stop()
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, previous_handler)


@contextmanager
def _silence_root_logger() -> Iterator[None]:
    """Keep Python's root logger from printing an interrupt.

    Py4J logs an interrupt with its traceback, and the logger prints it where nobody listens.
    """
    listener = logging.NullHandler()
    logging.getLogger().addHandler(listener)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(listener)


def _require_spark() -> None:
    """Raise where PySpark (an optional extra) or Java is missing."""
    try:
        import pyspark  # noqa: F401, PLC0415 - an optional extra
    except ImportError:
        raise EngineError(_PYSPARK_MISSING) from None
    # It warns of pandas 3, which nothing here hands to it.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"pyspark\.")
    home = os.environ.get("JAVA_HOME")
    if not (Path(home) / "bin" / "java").exists() if home else shutil.which("java") is None:
        raise EngineError(_JAVA_MISSING)


def _make_settings(master: str, memory: str, folder: Path) -> Mapping[str, str]:
    """Return the Spark settings of a session."""
    log4j_uri = (folder / "log4j2.properties").as_uri()
    settings = {
        "spark.master": master,
        "spark.app.name": "mpi recluster",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": memory,
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log4j_uri}",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        # Java does not compile a method of more than 8,000 bytes, and the conditions of a model make one.
        "spark.sql.codegen.hugeMethodLimit": "8000",
    }
    if is_local(master):
        settings |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": "8",
        }
    return settings


def _start_session(settings: Mapping[str, str], log: int, *, local: bool) -> "SparkSession":
    """Start Java and a Spark session."""
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415 - an optional extra
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415 - an optional extra
    from pyspark.sql import SparkSession  # noqa: PLC0415 - an optional extra

    if SparkContext._active_spark_context is not None:  # noqa: SLF001 - there is no other way to ask
        raise EngineError("this process runs a Spark session already: stop it first")
    conf = SparkConf().setAll(list(settings.items()))
    gateway = None
    if SparkContext._gateway is None:  # noqa: SLF001 - Java stays until the process ends
        launch: Callable[..., Any] = launch_gateway
        gateway = launch(conf, {"stdout": log, "stderr": log})
    context = SparkContext(conf=conf, gateway=gateway)
    if local:
        context.pythonExec = sys.executable
    return SparkSession(context)


@contextmanager
def _cancel_jobs_on_interrupt(session: "SparkSession", previous_handler: Any) -> Iterator[None]:  # noqa: ANN401
    """Cancel Spark's jobs on Ctrl-C, where the previous handler stops us.

    PySpark replaces the handler that was set before with one of its own.
    """
    is_interrupted = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_interrupted
        if not callable(previous_handler):
            return
        try:
            previous_handler(number, frame)
        except KeyboardInterrupt:
            is_interrupted = True
            session.sparkContext.cancelAllJobs()
            raise

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, stop if callable(previous_handler) else previous_handler)
    try:
        yield
    except Exception as error:  # a job that was ended is a failure to Spark, and none to us
        if is_interrupted:
            raise KeyboardInterrupt from error
        raise


def _register_functions(session: "SparkSession") -> None:
    """Register the index's string functions with a session."""
    from pyspark.sql.pandas.functions import arrow_udf  # noqa: PLC0415 - an optional extra

    vectorized: Callable[..., Any] = arrow_udf
    for name, (function, returns) in FUNCTIONS.items():
        session.udf.register(FUNCTION_PREFIX + name, vectorized(function, returns))


def _read_failure_reason(error: Exception, folder: Path) -> str:
    """Return Spark's last word on why it did not start.

    No record has been read by then.
    """
    lines = [line for line in (folder / LOG_FILE).read_text(errors="replace").splitlines() if line.strip()]
    error_lines = [line for line in lines if "Exception" in line or "Error" in line or "rror:" in line]
    return (error_lines or lines or [type(error).__name__])[-1].strip()[:300]
