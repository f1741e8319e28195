#!/usr/bin/env bash
# Every check of the project; arguments go to pytest:  scripts/test.sh -k resume
# --all runs the slow tests, too: more cases of promises that others hold in some.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./scripts/install.sh
bin="${VIRTUAL_ENV:-$PWD/.venv}/bin"
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
# Two processes of one thread each: the tests start training runs of their own.
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$bin/python" -m pytest -n 2 --dist worksteal "$@"
