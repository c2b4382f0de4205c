#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tools/gpu_check.sh packs and runs what it packed, away from the source tree; by OpenCL, as CI has no GPU.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
if [ "$SLUICE_BINARIES" != "$root/build/bin" ]; then
  echo "tools/gpu_check.sh packs build/bin, and this build is elsewhere"
  exit 77
fi
if "$SLUICE_BINARIES/opencl_test" --gtest_filter=OpenCl.ViewsWithGaps | grep 'OpenCL driver'; then exit 77; fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
bash "$root/tools/gpu_check.sh" pack "$folder/gpu_check.tar.xz" --device opencl
size=$(stat -c %s "$folder/gpu_check.tar.xz")
if [ "$size" -gt $((40 << 20)) ]; then echo "the archive has $size bytes, more than 40 MiB" && exit 1; fi

# What goes there: the script and the archive.
cp "$root/tools/gpu_check.sh" "$folder/"
cd "$folder"
SIZES=64 bash ./gpu_check.sh run gpu_check.tar.xz results.md --device opencl --filter '*Device*activation*:DeviceDeepFill.*'
grep -q '| layers and networks, .* | passed |' results.md
grep -Eq '\| deepfill2 at 64 \| [0-9.]+ \| [0-9.]+ \|' results.md
grep -q 'PASSED' results.md

# A test that fails is a failure of the check: a fixture with other bytes.
mkdir broken
tar -xJf gpu_check.tar.xz -C broken
for file in broken/tests/fixtures/layers/activation*.safetensors; do printf 'x' >>"$file"; done
tar -cf - -C broken . | xz -0 >broken.tar.xz
if bash ./gpu_check.sh run broken.tar.xz broken.md --device opencl --filter '*Device*activation*' 2>/dev/null; then
  echo "a broken fixture went unseen" && exit 1
fi
grep -q 'FAILED' broken.md
if bash ./gpu_check.sh fly 2>/dev/null; then exit 1; fi
