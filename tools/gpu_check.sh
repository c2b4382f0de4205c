#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks the GPU kernels on a machine that has a GPU and nothing else: no compiler, no CUDA toolkit, no source tree.
#   tools/gpu_check.sh pack [FILE]         after `make test`: programs, their libraries, fixtures and models, in one archive
#                                          (build/gpu_check.tar.xz)
#   gpu_check.sh run FILE RESULTS.md       there: every layer and network on the GPU against the references, forward and backward,
#                                          a training against the CPU's, a picture filled by GPU and CPU, times. Exit status 0 if all agree
# --device opencl packs and runs the same for an OpenCL driver; --filter PATTERN runs some of the tests (GoogleTest's patterns).
set -euo pipefail

fail() {
  printf 'gpu_check: %s\n' "$1" >&2
  exit "${2:-1}"
}

device=cuda filter='*' words=()
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=${2:?} && shift 2 ;;
    --filter) filter=${2:?} && shift 2 ;;
    *) words+=("$1") && shift ;;
  esac
done
case $device in
  cuda) test_program=gpu_test ;;
  opencl) test_program=opencl_test ;;
  *) fail "--device is cuda or opencl, not '$device'" 2 ;;
esac

# What the programs load, but for the C library: that is the machine's own.
libraries_of() {
  ldd "$@" | sed -n 's/^[[:space:]]*\([^ ]*\) => \(\/[^ ]*\).*/\1 \2/p' | sort -u |
    grep -vE '^(libc|libm|libpthread|libdl|librt|ld-linux[^ ]*)\.so' | cut -d' ' -f2
}

pack() {
  local file=${1:-build/gpu_check.tar.xz} root folder program
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
  folder=$(mktemp -d)
  # shellcheck disable=SC2064  # as it is now
  trap "rm -rf '$folder'" EXIT
  mkdir -p "$folder/bin" "$folder/lib" "$folder/tests/fixtures" "$folder/models"
  for program in "$test_program" sluice model_bench "sluice_$device.so" "sluice_${device}_training.so"; do
    [ -e "$root/build/bin/$program" ] || fail "build/bin/$program is not there: run \`make test\` first" 3
    cp "$root/build/bin/$program" "$folder/bin/"
  done
  strip "$folder"/bin/*
  libraries_of "$folder"/bin/* | xargs cp -Lt "$folder/lib"
  cp -r "$root"/tests/fixtures/{layers,deepfill2,sketchfill,guidenet,dfn,spatio_temporal,training} "$folder/tests/fixtures/"
  find "$folder/tests/fixtures" -type f ! -name '*.safetensors' ! -path '*/training/*' -delete
  cp "$root"/models/*.graph "$root"/models/*.names "$root"/models/inpaint_small.safetensors "$folder/models/"
  cp "$root"/docs/demo/photo.jpg "$root"/docs/demo/mask.png "$root/bench/layer_work.txt" "${BASH_SOURCE[0]}" "$folder/"
  mkdir -p "$(dirname "$file")"
  # The programs and modules hold the same kernels: with a dictionary as large as all of them each is kept once.
  tar -cf - -C "$folder" . | xz --x86 --lzma2=preset=4,dict=256MiB >"$file"
  printf '%s  %s MB\n' "$file" "$(($(stat -c %s "$file") / 1000000))"
}

# check NAME COMMAND...: a row of the table; the end of what it printed when it failed.
check() {
  local name=$1 start=$SECONDS status=0
  shift
  "$@" >"$work/output" 2>&1 || status=$?
  if [ "$status" = 0 ] && ! grep -q 'no GPU: ' "$work/output"; then
    printf '| %s | passed | %d s |\n' "$name" $((SECONDS - start)) >>"$results"
  else
    printf '| %s | **FAILED** (%d) | %d s |\n' "$name" "$status" $((SECONDS - start)) >>"$results"
    failures+=("$name")
    { printf '\n--- %s\n' "$name" && tail -n 60 "$work/output"; } >>"$work/failed"
  fi
}

describe_machine() {
  printf '# GPU check, %s\n\n' "$(date -u +%F)"
  printf 'Processor %s, ' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p)"
  if [ "$device" = cuda ] && command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader | sed 's/^/GPU /'
  else
    printf 'device %s\n' "$device"
  fi
  printf '\n| check | | time |\n|---|---|---|\n'
}

# The median time of a network at a size, on the CPU and on the device.
time_network() {
  local name=$1 size=$2 on
  for on in cpu "$device"; do
    bin/model_bench --graph "models/$name.graph" --sizes "$size" --device "$on" --runs 9 --work layer_work.txt --benchmark_format=json \
      2>/dev/null | sed -n 's/^ *"median_ms": *\([0-9.e+]*\),*$/\1/p' | head -n 1
  done | paste -sd ' ' | { read -r cpu other && printf '| %s at %s | %.2f | %.2f |\n' "$name" "$size" "$cpu" "$other"; }
}

run() {
  local archive=${1:?the archive that pack made} report=${2:?where the results go}
  archive=$(realpath "$archive") results=$(realpath -m "$report") failures=()
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/package"
  tar -xJf "$archive" -C "$work/package"
  cd "$work/package"
  export LD_LIBRARY_PATH="$PWD/lib" SLUICE_SOURCE="$PWD" SLUICE_MODELS="$PWD/models"
  describe_machine >"$results"
  check "layers and networks, against the references ($filter)" "bin/$test_program" --gtest_brief=1 --gtest_filter="$filter"
  grep -hE '^\[  (PASSED|FAILED|SKIPPED) ' "$work/output" | sed 's/^/    /' >"$work/counts" || true
  check "sluice inpaint --device $device, a photograph" bin/sluice inpaint photo.jpg mask.png -o "$work/filled.png" --device "$device"
  { printf '\n' && cat "$work/counts"; } >>"$results"
  if [ ${#failures[@]} -eq 0 ]; then
    { printf '\nMedian ms of a run with its copies to and from the device, random weights:\n\n| network | CPU | %s |\n|---|---|---|\n' "$device"
      time_network deepfill2 "${SIZES:-512}"
      time_network inpaint_small "${SIZES:-512}"; } >>"$results"
  else
    cat "$work/failed" >&2
  fi
  cat "$results"
  [ ${#failures[@]} -eq 0 ] || fail "failed: ${failures[*]}"
}

case ${words[0]:-} in
  pack) pack "${words[@]:1}" ;;
  run) run "${words[@]:1}" ;;
  *) fail "say pack or run; the head of this file tells more" 2 ;;
esac
