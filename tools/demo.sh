#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job on a real picture: fills a photograph that a brush has scribbled over, with the model that ships.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=build/demo
mkdir -p "$folder"
build/bin/sluice inpaint docs/demo/photo.jpg docs/demo/mask.png -o "$folder/filled.png" --json
printf 'photograph  docs/demo/photo.jpg\nmask        docs/demo/mask.png\nfilled      %s\n' "$folder/filled.png"
