#!/usr/bin/env bash
# Build the documentation site into site/, with all links checked; a warning is an error.
#   scripts/docs.sh          build
#   scripts/docs.sh serve    build and show it on http://127.0.0.1:8000
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=".venv-docs"
if [ docs/requirements.txt -nt "$venv/installed" ]; then # also where there is no environment yet
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet -r docs/requirements.txt
    touch "$venv/installed"
fi
exec "$venv/bin/mkdocs" "${@:-build}"
