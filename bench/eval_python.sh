#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a Python program that needs numpy and OpenCV: makes .venv-eval with the versions of bench/evaluate.txt when it is not there or
# they have changed.
#   bench/eval_python.sh PROGRAM.py [options]
# EVAL_PYTHON: a Python that has those packages; then nothing is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${EVAL_PYTHON:-.venv-eval/bin/python}
source bench/python_of.sh
if [[ -z ${EVAL_PYTHON:-} ]]; then python_of .venv-eval bench/evaluate.txt --quiet; fi
exec "$python" "$@"
