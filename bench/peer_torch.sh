#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PyTorch and ours in turn: makes .venv-bench with PyTorch when it is not there, then runs bench/peer_torch.py (the whole
# network) or bench/peer_layers.py (single layers).
#   bench/peer_torch.sh [layers] [options of peer_torch.py or peer_layers.py]
# PEER_PIP_ARGS: more arguments for pip, such as the index with the builds of PyTorch without CUDA, which are far smaller.
# PEER_PYTHON: a Python that has torch, numpy and safetensors; then nothing is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PEER_PYTHON:-.venv-bench/bin/python}
if [[ -z ${PEER_PYTHON:-} && ! -e .venv-bench/done ]]; then
  python3 -m venv .venv-bench
  echo '*' >.venv-bench/.gitignore
  # shellcheck disable=SC2086
  "$python" -m pip install ${PEER_PIP_ARGS:-} torch==2.15.0 numpy==2.4.6 safetensors==0.8.0
  touch .venv-bench/done
fi
if [[ ${1:-} == layers ]]; then
  shift
  exec "$python" bench/peer_layers.py --bench build/bin/layer_bench "$@"
fi
exec "$python" bench/peer_torch.py --bench build/bin/model_bench "$@"
