#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a Python program that needs numpy and OpenCV: makes .venv-eval with the versions of bench/evaluate.txt when it is not there or
# they have changed.
#   bench/eval_python.sh PROGRAM.py [options]
# EVAL_PYTHON: a Python that has those packages; then nothing is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${EVAL_PYTHON:-.venv-eval/bin/python}
if [[ -z ${EVAL_PYTHON:-} ]] && ! cmp -s bench/evaluate.txt .venv-eval/done; then
  python3 -m venv .venv-eval
  echo '*' >.venv-eval/.gitignore
  "$python" -m pip install --quiet -r bench/evaluate.txt
  cp bench/evaluate.txt .venv-eval/done
fi
exec "$python" "$@"
