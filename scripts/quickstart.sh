#!/usr/bin/env bash
# The whole idea in minutes on two cores: noisy text, plain and weighted training, a comparison.
# Writes to runs/quickstart; run again to go on after an interruption, with --fresh to start over.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

./scripts/install.sh
exec "${VIRTUAL_ENV:-$PWD/.venv}/bin/python" examples/translation/quickstart.py "$@"
