# Shared functions of the scripts: create .venv from a pinned, hashed requirements file.
# usage: . "$(dirname "$0")/lib.sh"; make_env base|dev

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
python="$root/.venv/bin/python"
# Most scripts are about other things than a second approver.
export MPI_SECOND_APPROVER="${MPI_SECOND_APPROVER:-never}"

# Print the first Python on the PATH that is new enough and has venv: the first python3 may lack it.
find_python() {
    local candidate
    for candidate in $(type -aP python3 python3.14 python3.13 python3.12 python3.11 2>/dev/null); do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "$(basename "$0"): needs Python 3.11 or newer with its venv module (Debian and Ubuntu: install python3-venv); found none on the PATH" >&2
    return 1
}

# Print a checksum of the files that determine the environment, so that a stale one is noticed.
fingerprint() { cat "requirements/build.txt" "requirements/$1.txt" pyproject.toml | cksum | tr ' ' '-'; }

make_env() {
    local want stamp
    want=$(fingerprint "$1")
    stamp=".venv/.made-$1"
    [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && return
    [ "$1" = base ] && [ "$(cat .venv/.made-dev 2>/dev/null)" = "$(fingerprint dev)" ] && return
    local base
    base=$(find_python) || exit 1
    echo "making the environment in .venv (once; a minute or so) …" >&2
    # An interrupted creation may leave a Python without pip.
    "$python" -m pip --version >/dev/null 2>&1 || "$base" -m venv --clear .venv
    local pip=("$python" -m pip --quiet --disable-pip-version-check install)
    "${pip[@]}" --require-hashes -r requirements/build.txt
    "${pip[@]}" --require-hashes -r "requirements/$1.txt"
    "${pip[@]}" --no-deps --no-build-isolation --editable .
    echo "$want" >"$stamp"
}
