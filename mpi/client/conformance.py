"""Check of a vendor's program against the sandbox: ``python -m mpi.client.conformance``.

The sandbox (``mpi serve --sandbox``) lists scenarios. The vendor's own program handles them, and the sandbox
tells from its calls which it handled well.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from mpi.client.errors import ClientError, ConnectionFailedError, InvalidAnswerError
from mpi.client.session import DEFAULT_TIMEOUT_S

_KEY_VARIABLE = "MPI_KEY"
_DEFAULT_URL = "http://127.0.0.1:8520"
_PASSED, _USAGE_ERROR = "passed", 2


def read_scenarios(url: str, key: str) -> list[Mapping[str, Any]]:
    """Return the scenarios of the sandbox.

    Each says what to do, how it must end, and which record to send.

    Args:
        url: address of the sandbox.
        key: its API key.

    Raises:
        ClientError: no answer came, or it is not that of a sandbox.
    """
    return _read(url, key, "/sandbox/scenarios")


def read_report(url: str, key: str) -> list[Mapping[str, Any]]:
    """Return the result of each scenario: ``passed``, ``failed`` or ``open``.

    Args:
        url: address of the sandbox.
        key: its API key.

    Raises:
        ClientError: no answer came, or it is not that of a sandbox.
    """
    return _read(url, key, "/sandbox/report")


def _read(url: str, key: str, path: str) -> list[Mapping[str, Any]]:
    """Return what a path of the sandbox answers."""
    try:
        response = httpx.get(
            url.rstrip("/") + path, headers={"Authorization": f"Bearer {key}"}, timeout=DEFAULT_TIMEOUT_S
        )
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ConnectionFailedError("no answer came: does the sandbox run at this address?") from None
    if response.headers.get("X-Sandbox") != "true":
        raise InvalidAnswerError("this is no sandbox: start one with mpi serve --sandbox")
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise InvalidAnswerError("the key is not that of this sandbox: it is printed at each start")
    try:
        items = response.raise_for_status().json()
    except (httpx.HTTPStatusError, ValueError):
        raise InvalidAnswerError("the answer is not that of a sandbox of this version") from None
    return list(items)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the scenarios or the report.

    Args:
        arguments: of the command line; None for those of the process.

    Returns:
        Exit code: 0 if all is well, 1 if a scenario has not passed, 2 if nothing could be read.
    """
    options = _parse(arguments)
    key = options.key or os.environ.get(_KEY_VARIABLE)
    if not key:
        return _fail(f"give the key that the sandbox printed, with --key or in {_KEY_VARIABLE}")
    try:
        if options.action == "scenarios":
            for item in read_scenarios(options.url, key):
                _show_scenario(item)
            return 0
        results = read_report(options.url, key)
    except ClientError as error:
        return _fail(str(error))
    for item in results:
        sys.stdout.write(f"{item['result']:<7} {item['scenario']:<14} {item['reason']}\n")
    return int(any(item["result"] != _PASSED for item in results))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m mpi.client.conformance",
        description="Check a program against the sandbox of the Master Person Index.",
    )
    parser.add_argument("action", choices=("scenarios", "report"), help="what to do; how it was done")
    parser.add_argument(
        "--url", default=_DEFAULT_URL, help=f"address of the sandbox; {_DEFAULT_URL} by default"
    )
    parser.add_argument("--key", help=f"its API key; the variable {_KEY_VARIABLE} by default")
    return parser.parse_args(arguments)


def _show_scenario(item: Mapping[str, Any]) -> None:
    """Print one scenario."""
    sys.stdout.write(f"{item['scenario']}\n  do:  {item['task']}\n  end: {item['end']}\n")
    if item["record"] is not None:
        sys.stdout.write(f"  to {item['source']}: {json.dumps(item['record'], ensure_ascii=False)}\n")


def _fail(message: str) -> int:
    """Print an error and return its exit code."""
    sys.stderr.write(f"{message}\n")
    return _USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
