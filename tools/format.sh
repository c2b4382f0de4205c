#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lays out the C++ files by .clang-format; with --check it changes nothing and names the files that differ.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tool=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$tool" ]; then
  echo "format: skipped, there is no clang-format (on Debian: apt-get install clang-format-14)" >&2
  exit 0
fi

# Tracked files and new ones; without git, all but build folders.
list_files() {
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard -- '*.cpp' '*.h' '*.hpp'
  else
    find . \( -name .venv -o -path './build*' \) -prune -o \( -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) -print0
  fi
}

mapfile -d '' -t listed < <(list_files)
files=()
for file in "${listed[@]}"; do
  if [ -f "$file" ]; then files+=("$file"); fi
done
[ ${#files[@]} -eq 0 ] && exit 0

case "${1:-}" in
  "") "$tool" -i -- "${files[@]}" ;;
  --check)
    bad=0
    for file in "${files[@]}"; do
      if ! "$tool" -- "$file" | cmp -s - "$file"; then
        echo "$file: layout differs from .clang-format; run \`make format\`"
        bad=1
      fi
    done
    exit $bad
    ;;
  *)
    echo "usage: tools/format.sh [--check]" >&2
    exit 2
    ;;
esac
