#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# To be sourced: python_of FOLDER REQUIREMENTS [pip arguments] makes the environment FOLDER with the packages of the file REQUIREMENTS
# when it is not there or they have changed.
python_of() {
  local folder=$1 requirements=$2
  shift 2
  if cmp -s "$requirements" "$folder/done"; then return; fi
  python3 -m venv "$folder"
  echo '*' >"$folder/.gitignore"
  "$folder/bin/python" -m pip install "$@" -r "$requirements"
  cp "$requirements" "$folder/done"
}
