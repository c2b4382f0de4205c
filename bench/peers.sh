#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sluice and other engines in turn: makes .venv-bench with the versions of bench/peers.txt when it is not there or they have
# changed, then runs bench/peers.py.
#   bench/peers.sh [options of peers.py]
#   bench/peers.sh --training [options of training_peers.py]
# PEER_PIP_ARGS: more arguments for pip, such as the index with the builds of PyTorch without CUDA, which are far smaller.
# PEER_PYTHON: a Python that has those packages; then nothing is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PEER_PYTHON:-.venv-bench/bin/python}
source bench/python_of.sh
# shellcheck disable=SC2086
if [[ -z ${PEER_PYTHON:-} ]]; then python_of .venv-bench bench/peers.txt ${PEER_PIP_ARGS:-}; fi
if [[ ${1:-} == --training ]]; then exec "$python" bench/training_peers.py "${@:2}"; fi
exec "$python" bench/peers.py "$@"
