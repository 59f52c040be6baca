"""Chromium for these tests: found on the machine, or installed where that needs no question."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_INSTALL_TIMEOUT_S = 600
_APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq", "-y")


class NoBrowserError(RuntimeError):
    """No Chromium is installed, and none could be installed."""


def find_chromium() -> str:
    """Return the path of a Chromium.

    Raises:
        NoBrowserError: none is on the PATH, and it cannot be installed; the message says what to install.
    """
    path = _find_on_path()
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in ((*_APT, "update"), (*_APT, "install", "chromium")):
            subprocess.run(command, check=False, capture_output=True, timeout=_INSTALL_TIMEOUT_S)
        path = _find_on_path()
    if path is None:
        raise NoBrowserError(
            "the pages are tested in a real Chromium, and none is on the PATH "
            f"(looked for {', '.join(NAMES)}): install it (Debian: apt-get install chromium)"
        )
    return path


@contextmanager
def browsing() -> Iterator[object]:
    """Open a Chromium, closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def _find_on_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)
