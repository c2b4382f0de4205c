#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the shipped inpainting weights further: models/recipes/inpaint_small.recipe from models/inpaint_small.safetensors on the pictures
# of tools/training_photos.tsv. Stopped, it goes on from its last checkpoint.
#   tools/train_default.sh [options of sluice train, such as --set steps=20000]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=build/train-default
bash bench/eval_python.sh tools/training_photos.py --folder build/training-photos
build/bin/sluice train inpaint_small --data build/training-photos/pictures --out "$folder" --resume latest "$@"
printf 'weights   %s\ncompare   make eval EVAL_ARGS="--weights %s --against inpaint_small=models/inpaint_small.safetensors"\n' \
  "$folder/generator.safetensors" "$folder/generator.safetensors"
