"""The page of installation names every extra, and no plain install holds what an extra brings."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "install.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def read_pins(name):
    return set(re.findall(r"^([a-z0-9.-]+)==", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def name_of(requirement):
    return re.match(r"[A-Za-z0-9-.]+", requirement)[0].lower().replace(".", "-")


def test_every_extra_for_users_is_documented():
    assert [extra for extra in EXTRAS if extra != "dev" and f"| `{extra}` |" not in PAGE] == []


def test_a_plain_install_holds_no_package_of_the_extras_fhir_and_simulator():
    optional = {name_of(each) for extra in ("fhir", "simulator") for each in EXTRAS[extra]}
    assert optional & read_pins("plain.txt") == set()
    assert optional <= read_pins("base.txt")


def test_every_pin_of_a_plain_install_is_one_of_the_full_install():
    assert read_pins("plain.txt") <= read_pins("base.txt")
