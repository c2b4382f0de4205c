#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the official DeepFill v2 checkpoint over pictures that the published program filled with it, and says where our
# results differ. For a person who has that file; neither it nor the pictures may be distributed with Sluice.
#   tools/check_official.sh CHECKPOINT [--pairs FOLDER] [--sluice PROGRAM] [--any]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python
if [ ! -x "$python" ]; then python=python3; fi
exec "$python" "$root/tools/golden_pairs.py" "$@"
