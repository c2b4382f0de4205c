#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains a narrow network on computed pictures, kills it on the way, and resumes it; then fills a photograph with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=build/demo-train
rm -rf "$folder"
mkdir -p "$folder"
train=(build/bin/sluice train demo --out "$folder" --resume latest)

"${train[@]}" &
process=$!
until [ -e "$folder/checkpoints/step-000000000350.safetensors" ] || ! kill -0 "$process" 2>/dev/null; do sleep 0.1; done
echo "demo: kill -9"
kill -9 "$process" 2>/dev/null || true
wait "$process" || true
"${train[@]}"
build/bin/sluice inpaint docs/demo/photo.jpg docs/demo/mask.png --model models/recipes/demo.graph \
  --weights "$folder/generator.safetensors" -o "$folder/filled.png" --quiet

column=$(head -1 "$folder/log.csv" | tr ',' '\n' | grep -n '^loss$' | cut -d: -f1)
first=$(sed -n 2p "$folder/log.csv" | cut -d, -f"$column")
last=$(tail -1 "$folder/log.csv" | cut -d, -f"$column")
printf 'loss      %s at the beginning, %s at the end\n' "$first" "$last"
printf 'samples   %s\n' "$folder"/samples/*.png
printf 'weights   %s\nfilled    %s\n' "$folder/generator.safetensors" "$folder/filled.png"
awk -v first="$first" -v last="$last" 'BEGIN { exit !(last < 0.8 * first) }' || { echo "demo: the loss did not fall" >&2; exit 1; }
