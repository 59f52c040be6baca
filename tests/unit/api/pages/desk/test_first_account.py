"""The page of the first account, and the link that `mpi serve` prints."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from mpi.api.app import create_app
from mpi.api.server.serve import listen
from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.service.access.first_start.first_account import make_first_link
from tests.accounts import PASSWORD, cheap_password_hashing
from tests.index import open_test_index
from tests.unit.api.live import await_status, serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser


def send(browser, path, **fields):
    form = {
        "csrf": browser.csrf(path),
        "name": "ona",
        "full_name": "Ona Ruiz",
        "new": PASSWORD,
        "again": PASSWORD,
    }
    return browser.post(path, data={**form, **fields}, headers=SAME)


def test_the_first_operator_makes_the_account_and_signs_in(tmp_path):
    with cheap_password_hashing(), open_test_index(tmp_path, "sis") as index:
        path = f"/first-account/{make_first_link(index)}"
        with serving(create_app(index)) as url, Browser(url) as browser:
            answer = browser.get(path)
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
            assert answer.headers["referrer-policy"] == "no-referrer"
            wrong = send(browser, path, again="another green kettle")
            assert (wrong.status_code, 'value="ona"' in wrong.text) == (400, True)
            assert send(browser, path, csrf="x").status_code == 400
            answer = send(browser, path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
            assert browser.sign_in("ona").status_code == 303
            assert browser.get("/accounts").status_code == 200
            assert browser.get(path).status_code == 404
            assert browser.get("/first-account/x").status_code == 404


@contextmanager
def open_again(folder):
    """Open the index of a folder once more."""
    settings = Settings(home=folder, model=str(folder / "tiny"), database_url=None, secret_file=None)
    index = open_index(settings)
    try:
        yield index
    finally:
        index.database.dispose()


def read_log(folder):
    """Run `mpi serve` until it answers; return what it printed."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"MPI_HOME": str(folder), "MPI_MODEL": str(folder / "tiny")}
    command = [sys.executable, "-m", "mpi", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert await_status(f"http://127.0.0.1:{port}/readyz") == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=30)
    return log


@pytest.mark.slow
def test_serve_prints_a_link_that_works_and_ends_an_earlier_one(tmp_path):
    with open_test_index(tmp_path, "sis") as index:
        earlier = f"/first-account/{make_first_link(index)}"
    path = re.search(r"http://127\.0\.0\.1:\d+(/first-account/\S+)", read_log(tmp_path))[1]
    with cheap_password_hashing(), open_again(tmp_path) as index:
        with serving(create_app(index)) as url, Browser(url) as browser:
            assert browser.get(earlier).status_code == 404
            assert send(browser, path).status_code == 303
