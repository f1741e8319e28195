#!/usr/bin/env bash
# Install the project, for development, into the active virtual environment or else into .venv.
# A second call does nothing, at once, unless what is to be installed has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"

stop() {
    echo "install: $1" >&2
    exit 1
}

# Print the first Python >= 3.11 on PATH; a name may exist and still not run (pyenv's do).
find_python() {
    local name
    for name in python3.11 python3.12 python3.13 python3.14 python3 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    stop "no Python 3.11 or newer on PATH: install one (for example the package python3.11)"
}

# Run a silent command and keep saying how long it has been at work; its output shows if it fails.
stage() {
    local title="$1" log code=0 begin=$SECONDS
    shift
    log="$(mktemp)"
    echo "install: $title"
    "$@" >"$log" 2>&1 &
    local pid=$!
    trap 'kill "$pid" 2>/dev/null || true; rm -f "$log"' EXIT
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        if [ -t 1 ]; then
            printf '\r  %ds' "$((SECONDS - begin))"
        elif (((SECONDS - begin) % 20 == 19)); then
            echo "  $((SECONDS - begin))s ..."
        fi
    done
    wait "$pid" || code=$?
    if [ -t 1 ]; then printf '\r'; fi
    if [ "$code" -ne 0 ]; then
        tail -n 30 "$log" >&2
        stop "failed: $title"
    fi
    rm -f "$log"
    trap - EXIT
    echo "  done in $((SECONDS - begin))s"
}

venv="${VIRTUAL_ENV:-$root/.venv}"
stamp="$venv/.fairseq-l2rw"
wanted="$root $(cat setup.py constraints.txt pyproject.toml | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

compiler="${CXX:-}"
if [ -z "$compiler" ]; then
    compiler="$(command -v c++ || command -v g++ || command -v clang++ || true)"
fi
[ -n "$compiler" ] || stop "no C++ compiler: fairseq needs one (for example the package g++)"

if [ ! -x "$venv/bin/python" ]; then
    python="$(find_python)"
    echo "install: new environment $venv ($("$python" --version))"
    "$python" -m venv "$venv"
fi
"$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "the environment $venv has a Python older than 3.11: deactivate or delete it"
"$venv/bin/python" -c 'import sysconfig, os; p = sysconfig.get_path("include"); \
raise SystemExit(not os.path.exists(p + "/Python.h"))' ||
    stop "no Python.h: install your Python's headers (for example the package python3.11-dev)"

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$venv/bin/python" -m ensurepip --upgrade >/dev/null 2>&1 ||
        stop "no pip in $venv: delete it, or install your Python's venv (for example python3.11-venv)"
fi

# The build of fairseq runs in isolation and asks for any torch: hold it, too, to ours. As a URL,
# because pip splits a path at blanks.
PIP_CONSTRAINT="$("$venv/bin/python" -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' \
    "$root/constraints.txt")"
export PIP_CONSTRAINT PIP_BUILD_CONSTRAINT="$PIP_CONSTRAINT"
export PIP_DISABLE_PIP_VERSION_CHECK=1
pip=("$venv/bin/python" -m pip install -c constraints.txt)

echo "install: torch and numpy"
"${pip[@]}" torch numpy
stage "fairseq and the rest (compiles: two or three minutes)" "${pip[@]}" -e '.[dev]'
echo "$wanted" >"$stamp"
echo "install: ready in $venv"
