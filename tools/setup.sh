#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Brings a machine to the point where Sluice builds: Debian packages (tools/packages.txt) and the folder .venv with
# Halide, CMake and Ninja (tools/requirements.txt). Installs only what is missing; silent when nothing is.
#   tools/setup.sh          what building and testing need
#   tools/setup.sh fuzz     also the packages of lines with [fuzz]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
packages="$root/tools/packages.txt"
requirements="$root/tools/requirements.txt"
venv="$root/.venv"
unset PYTHONHOME PYTHONPATH

# The first argument is the problem, the rest are lines as they are.
fail() {
  printf 'setup: %s\n' "$1" >&2
  shift
  if [ $# -gt 0 ]; then printf '%s\n' "$@" >&2; fi
  exit 1
}

case "${1:-}" in
  "") left_out='/#.*\[fuzz\]/d' ;;
  fuzz) left_out='' ;;
  *) fail "unknown argument '$1'; expected nothing, or fuzz" ;;
esac

list_packages() { sed -e "$left_out" -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$packages"; }

# Prints the listed packages that are not installed, one a line.
list_missing() {
  local installed
  # shellcheck disable=SC2016  # dpkg-query's own variables; it exits 1 for names it does not know
  installed=$(list_packages | xargs dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null |
    sed -n 's/^installed //p') || true
  list_packages | grep -vxF -f <(printf '%s\n' "$installed") || true
}

install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # Another distribution: nothing can be installed or checked here, and it must not be said again on every run.
    [ -e "$told" ] && return
    printf 'setup: no apt-get here, so packages are yours to install. Debian names what is needed:\n' >&2
    sed -e "$left_out" -e '/^#/d' -e 's/^/  /' "$packages" >&2
    printf 'setup: going on in the belief that they are there.\n' >&2
    return
  fi
  local missing
  mapfile -t missing < <(list_missing)
  [ ${#missing[@]} -eq 0 ] && return
  local install="apt-get install -y --no-install-recommends ${missing[*]}"
  local as_root=(env)
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      fail "Debian packages are missing, and installing them needs root. Run this, then try again:" \
        "  sudo sh -c 'apt-get update && $install'"
    fi
    as_root=(sudo -n env)
  fi
  printf 'setup: installing %s\n' "${missing[*]}" >&2
  "${as_root[@]}" apt-get update -qq >&2 || fail "apt-get update failed, see above"
  "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
    fail "apt-get could not install: ${missing[*]}. The list is made for Debian 12: tools/packages.txt"
}

# True when Halide has a wheel for this interpreter and it can make an environment.
python_fits() {
  "$1" -I - <<'PY' 2>/dev/null
import ensurepip, platform, sys, sysconfig, venv
fits = (3, 9) <= sys.version_info[:2] <= (3, 13) and sys.implementation.name == "cpython"
fits = fits and platform.machine() == "x86_64" and sys.platform == "linux"
fits = fits and not sysconfig.get_config_var("Py_GIL_DISABLED")
sys.exit(0 if fits else 1)
PY
}

# The system's own python3 first: another one that PATH puts in front may vanish with its manager.
find_python() {
  local name path
  for name in /usr/bin/python3 python3 python3.13 python3.12 python3.11 python3.10 python3.9; do
    path=$(command -v "$name") || continue
    if python_fits "$path"; then
      printf '%s\n' "$path"
      return
    fi
  done
  return 1
}

make_environment() {
  local python
  python=$(find_python) || fail "no suitable python3 found." \
    "Halide 21.0.0 comes as wheels for CPython 3.9 to 3.13 on Linux x86-64; the interpreter must also have venv" \
    "(on Debian: apt-get install python3-venv)."
  printf 'setup: making .venv with %s (about 100 MB to download)\n' "$("$python" --version)" >&2
  rm -rf "$venv"
  "$python" -m venv "$venv" || fail "$python could not make $venv, see above"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
    --only-binary :all: -r "$requirements" || fail "pip could not install tools/requirements.txt, see above"
  if [ ! -x "$venv/bin/cmake" ] || [ ! -x "$venv/bin/ninja" ]; then fail "pip left no cmake or ninja in $venv/bin"; fi
  touch "$stamp"
}

# An environment knows its own path, so a moved folder needs a new one: the path is part of the hash.
hash=$({ cat "$requirements" && printf '%s\n' "$root"; } | sha256sum | cut -c1-16)
stamp="$venv/.setup-$hash"
told="$venv/.packages-$(sha256sum <"$packages" | cut -c1-16)${1:+-$1}"

install_packages
if [ ! -e "$stamp" ] || [ ! -x "$venv/bin/python" ]; then make_environment; fi
if [ ! -e "$told" ]; then touch "$told"; fi
