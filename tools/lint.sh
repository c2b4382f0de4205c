#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# clang-tidy, by .clang-tidy, over runtime, weights_io and apps; or over the files named as arguments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [ -z "$tool" ]; then
  echo "lint: skipped, there is no clang-tidy (on Debian: apt-get install clang-tidy-14)" >&2
  exit 0
fi
database=build/compile_commands.json
if [ ! -f "$database" ]; then
  echo "lint: $database is missing; run \`make\` first" >&2
  exit 1
fi

files=("$@")
if [ ${#files[@]} -eq 0 ]; then
  mapfile -d '' -t files < <(find runtime weights_io apps -name '*.cpp' -print0 | sort -z)
fi
# The compile commands are GCC's: clang need not know every warning they name.
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" "$tool" -p build --quiet --extra-arg=-Wno-unknown-warning-option \
    2> >(grep -v 'warnings\? generated\.$' >&2)
