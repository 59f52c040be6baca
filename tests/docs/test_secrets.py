"""A secret in a file is found by its form, and is not repeated."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "find-secrets"
SECRETS = {
    "AWS Access Key": "AKIA" + "IOSFODNN7EXAMPLA",
    "GitHub Token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "Private Key": "-----BEGIN " + "RSA PRIVATE KEY-----",
    "Basic Auth Credentials": "https://someone:" + "hunter2b@example.org",
}  # fmt: skip


def find(path):
    process = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True, check=False)
    return process.returncode, process.stdout


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_found_by_place_and_kind(tmp_path, kind):
    file = tmp_path / "settings.py"
    file.write_text(f"x = 1\nvalue = '{SECRETS[kind]}'\n")
    code, output = find(file)
    assert code == 1
    assert f"settings.py:2: {kind}" in output
    assert SECRETS[kind] not in output


def test_a_secret_key_without_quotes_is_found_in_a_settings_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[x]\naws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfi" + "CYEXAMPLEKEY\n")
    code, output = find(file)
    assert code == 1
    assert "AWS Access Key" in output


def test_hashes_and_permitted_lines_are_no_secrets(tmp_path):
    file = tmp_path / "settings.py"
    file.write_text(
        f"a = '{'0a1b2c3d' * 8}'\nb = '{SECRETS['AWS Access Key']}'  # pragma: allowlist secret\n"
    )
    assert find(file) == (0, "")
