"""Files of a release, from the wheel to the checksums.

They are the wheel, the source, the offline bundle, the list of parts, the licence report and the checksums.

Each step is a function that the tests call. Tools are installed from ``requirements`` with hashes, each into
an environment of its own that is thrown away.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
EPOCH = 1_580_601_600
"""Time of each file in an archive: hatchling's own, 2020-02-02, in seconds since 1970."""

_INSTALL = """\
#!/bin/sh
# Installs the Master Person Index without a network. usage: ./install.sh FOLDER [PYTHON]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
"${2:-python3}" -m venv "$1"
pip="$1/bin/python -m pip --quiet --disable-pip-version-check install --no-index"
$pip --find-links "$here/wheels" --require-hashes --requirement "$here/requirements.txt"
$pip --no-deps "$here"/master_person_index-*.whl
"$1/bin/mpi" --version
"""


class ReleaseError(Exception):
    """A release that may not be published, with the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make all files of a release in one folder."""
    parser = argparse.ArgumentParser(description=__doc__, prog="scripts/release")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the files; default: dist")
    parser.add_argument("--sign-key", type=Path, help="private SSH key that signs the checksums")
    options = parser.parse_args(arguments)
    out: Path = options.out
    if out.exists() and any(out.iterdir()):
        sys.stderr.write(f"scripts/release: {out} is not empty; move its files away, or name another --out\n")
        return 2
    out.mkdir(parents=True, exist_ok=True)
    try:
        make_release(out, options.sign_key)
    except ReleaseError as error:
        sys.stderr.write(f"scripts/release: {error}\n")
        return 1
    return 0


def make_release(out: Path, sign_key: Path | None) -> None:
    """Make, check and sum up all files of a release.

    Args:
        out: empty folder for the files.
        sign_key: SSH key that signs the checksums; None to leave them unsigned.

    Raises:
        ReleaseError: a build is not reproducible, or a step failed.
    """
    with make_environment("citation.txt") as python:
        run([python.with_name("cffconvert"), "--validate", "-i", ROOT / "CITATION.cff"])
    with make_environment("release.txt") as python:
        wheel = build_twice(python, out)
        bundle = make_bundle(wheel, out)
        with tempfile.TemporaryDirectory() as place:
            installed = install_bundle(bundle, Path(place))
            write_parts(python, installed, out / "sbom.cdx.json")
            write_licences(installed, out / "licences.md")
    write_checksums(out)
    if sign_key is not None:
        run(["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", sign_key, out / "SHA256SUMS"])


def run(command: Sequence[object], folder: Path = ROOT, variables: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it prints.

    Raises:
        ReleaseError: the program failed; with the end of what it said.
    """
    process = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise ReleaseError(
            f"{Path(str(command[0])).name} failed: {(process.stderr or process.stdout)[-2000:]}"
        )
    return process.stdout


@contextmanager
def make_environment(requirements: str) -> Iterator[Path]:
    """Yield the Python of a new environment that holds a file's requirements."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python = Path(place, "bin", "python")
        run([python, *_PIP, "install", "--require-hashes", "-r", REQUIREMENTS / requirements])
        yield python


_PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def build_twice(python: Path, out: Path) -> Path:
    """Build and compare wheel and source of two copies; return the wheel.

    The copies differ in folder, file times, permissions, time zone, hash seed and locale.

    Raises:
        ReleaseError: a file differs between the builds.
    """
    with tempfile.TemporaryDirectory() as place:
        first = build_copy(
            python, Path(place, "a"), umask=0o022, variables={"TZ": "UTC", "PYTHONHASHSEED": "1"}
        )
        second = build_copy(
            python,
            Path(place, "another", "folder"),
            umask=0o077,
            variables={"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2", "LC_ALL": "C"},
        )
        for name, content in first.items():
            if second.get(name) != content:
                raise ReleaseError(f"{name}: two builds of one tree differ; compare them with diffoscope")
            out.joinpath(name).write_bytes(content)
    return next(out.glob("*.whl"))


def build_copy(python: Path, folder: Path, *, umask: int, variables: Mapping[str, str]) -> dict[str, bytes]:
    """Build a copy of the tracked files; return the results by name."""
    names = run(["git", "ls-files", "-z"]).split("\0")
    earlier = os.umask(umask)
    try:
        for name in filter(None, names):
            target = folder / "tree" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
            if os.access(ROOT / name, os.X_OK):
                target.chmod(0o777 & ~umask)
        run([python, "-m", "hatchling", "build", "-d", folder / "dist"], folder / "tree", variables)
    finally:
        os.umask(earlier)
    return {path.name: path.read_bytes() for path in sorted(folder.joinpath("dist").iterdir())}


def make_bundle(wheel: Path, out: Path) -> Path:
    """Download what a plain install needs into an archive, and return it.

    The archive serves machines with this platform and this minor version of Python.
    """
    name = (
        f"{wheel.name.removesuffix('-py3-none-any.whl')}-offline-cp{sys.version_info[0]}{sys.version_info[1]}"
    )
    archive = out / f"{name}.tar.gz"
    with tempfile.TemporaryDirectory() as place:
        top = Path(place, name)
        wheels = top / "wheels"
        wheels.mkdir(parents=True)
        requirements = REQUIREMENTS / "base.txt"
        download = [
            "download",
            "--only-binary",
            ":all:",
            "--require-hashes",
            "-r",
            requirements,
            "-d",
            wheels,
        ]
        run([sys.executable, *_PIP, *download])
        shutil.copy(wheel, top)
        shutil.copyfile(requirements, top / "requirements.txt")
        top.joinpath("install.sh").write_text(_INSTALL, encoding="utf-8")
        top.joinpath("install.sh").chmod(0o755)
        write_archive(top, archive)
    return archive


def write_archive(folder: Path, archive: Path) -> None:
    """Write a folder as a reproducible compressed archive.

    The archive depends on the content of the folder only.
    """
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            part = tarfile.TarInfo(str(path.relative_to(folder.parent)))
            part.size, part.mtime = path.stat().st_size, EPOCH
            part.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as file:
                tar.addfile(part, file)
    with archive.open("wb") as target, gzip.GzipFile("", "wb", 1, target, mtime=EPOCH) as packed:
        packed.write(content.getbuffer())


def install_bundle(bundle: Path, place: Path) -> Path:
    """Install an offline bundle without a package index; return its Python."""
    with tarfile.open(bundle) as tar:
        tar.extractall(place, filter="data")
    # An address that nobody listens at: a call of an index would fail.
    nowhere = "http://127.0.0.1:9"
    variables = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": nowhere,
        "http_proxy": nowhere,
        "https_proxy": nowhere,
    }
    script = next(place.glob("*/install.sh"))
    run([script, place / "installed", sys.executable], place, variables)
    return place / "installed" / "bin" / "python"


def write_parts(python: Path, installed: Path, target: Path) -> None:
    """Write an installed program's list of parts as reproducible CycloneDX JSON.

    It holds no times and no random numbers.
    """
    command = [
        "-m",
        "cyclonedx_py",
        "environment",
        "--output-reproducible",
        "--of",
        "JSON",
        "--sv",
        "1.6",
        "-o",
        target,
    ]
    run([python, *command, installed])
    if not json.loads(target.read_text(encoding="utf-8")).get("components"):
        raise ReleaseError(f"{target.name}: lists no parts")


_READ_LICENCES = """
import json
from importlib.metadata import distributions
def read_licence(data):
    classes = data.get_all("Classifier", [])
    classes = [each.rpartition(" :: ")[2] for each in classes if each.startswith("License :: ")]
    stated = (data.get("License") or "").strip()
    return data.get("License-Expression") or "; ".join(classes) or stated.split(chr(10))[0] or "not stated"
rows = ((each.metadata["Name"], each.version, read_licence(each.metadata)) for each in distributions())
print(json.dumps(sorted(rows)))
"""


def write_licences(installed: Path, target: Path) -> None:
    """Write the stated licences of an installed program's parts as a table."""
    rows = json.loads(run([installed, "-c", _READ_LICENCES]))
    lines = [
        "# Licences of a plain install",
        "",
        "As the packages state them.",
        "",
        "| package | version | licence |",
    ]
    lines += ["|---|---|---|", *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)]
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_checksums(out: Path) -> None:
    """Write the SHA-256 of a folder's files, as ``sha256sum`` does."""
    lines = []
    for path in sorted(out.iterdir()):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    out.joinpath("SHA256SUMS").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
