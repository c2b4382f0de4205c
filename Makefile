# SPDX-License-Identifier: Apache-2.0
# The thin front end: each target is a few commands of CMake, CTest or tools/. `make help` lists them.

JOBS ?= $(shell nproc)
CTEST_ARGS ?=
BENCH_ARGS ?=
PEER_ARGS ?=
SCHEDULE_ARGS ?=
EVAL_ARGS ?=
TRAIN_ARGS ?=
GATING_ARGS ?=
ASAN_LAYERS ?=
TRUST_ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
MINUTES ?= 1
TARGETS ?=
FUZZ_ARGS ?=
CMAKE := .venv/bin/cmake
CTEST := .venv/bin/ctest
PRESET_BUILD = $(CMAKE) --build --preset $(1) --parallel $(JOBS)

.DEFAULT_GOAL := build
.PHONY: build install setup test trust trust-training fuzz demo demo-train systems ptxas-table bench bench-peers bench-schedules bench-training eval train-default compare-gating asan float-stores format lint rules clean distclean help

build: build/build.ninja  ## the release build: build/bin/sluice
	@$(call PRESET_BUILD,release) --target programs

install: build/build.ninja  ## program, library and CMake package below PREFIX=/usr/local (DESTDIR=... in front of it)
	@$(call PRESET_BUILD,release) --target installable
	@DESTDIR='$(DESTDIR)' $(CMAKE) --install build --prefix '$(PREFIX)'

setup:  ## install what is missing: Debian packages, and Halide, CMake and Ninja into .venv
	@bash tools/setup.sh

test: build/build.ninja  ## build everything and run every test (CTEST_ARGS="-R name" for some)
	@$(call PRESET_BUILD,release)
	@.venv/bin/python tools/slowest_kernels.py build
	@$(CTEST) --preset release --parallel $(JOBS) $(CTEST_ARGS)
	@sed -n '/: Skipped$$/{n;p}' build/Testing/Temporary/LastTest.log | sort -u | sed 's/^/skipped: /'

trust: build/build.ninja  ## 30,000 random problems against plain loops; stopped, it goes on there (TRUST_ARGS="--seed 2")
	@$(call PRESET_BUILD,release) --target trust
	@build/bin/trust --exact 20000 --real 10000 --jobs $(JOBS) --state tests/trust/trust.state --ledger tests/trust/ledger.md $(TRUST_ARGS)

trust-training: build/build.ninja  ## trainings killed, stopped and out of disk at random moments; stopped, it goes on there
	@$(call PRESET_BUILD,release) --target sluice
	@.venv/bin/python tests/trust/training.py $(TRUST_ARGS)

fuzz:  ## random files against every reader, MINUTES=1 of processor time each (TARGETS="png graph" for some, FUZZ_ARGS="--jobs 2")
	@bash tools/setup.sh fuzz
	@.venv/bin/python tools/fuzz.py --minutes $(MINUTES) $(FUZZ_ARGS) $(TARGETS)

demo: build  ## build the program only, then show what it does
	@bash tools/demo.sh

demo-train: build  ## train a narrow network for a minute or two, with a kill and a resume on the way
	@bash tools/demo_train.sh

ptxas-table: build/build.ninja  ## write schedules/cuda/kernels.tsv: registers, shared memory and occupancy of every kernel, by ptxas
	@$(call PRESET_BUILD,release) --target ptxas_table

systems: build  ## run every row of README's table of systems
	@.venv/bin/python tools/systems.py build/bin/sluice

bench: build/build.ninja  ## build and run the benchmarks (BENCH_ARGS="--benchmark_filter=name" for some)
	@$(call PRESET_BUILD,release) --target layer_bench --target model_bench
	@build/bin/layer_bench $(BENCH_ARGS)
	@build/bin/model_bench $(BENCH_ARGS)

bench-peers: build/build.ninja  ## Sluice and other engines in turn, to bench/results (PEER_ARGS="--rows g96_128 --peers torch,onnxruntime")
	@$(call PRESET_BUILD,release) --target layer_bench --target model_bench --target programs
	@bash bench/peers.sh $(PEER_ARGS)

bench-schedules: build/build.ninja  ## shipped, tuned and Halide's automatic schedules, layer by layer (SCHEDULE_ARGS="--rows g96_128 --minutes 1")
	@$(call PRESET_BUILD,release) --target schedule_bench
	@.venv/bin/python bench/schedules.py $(SCHEDULE_ARGS)

bench-training: build/build.ninja  ## forward and backward passes of the first stage of DeepFill v2, Sluice and PyTorch in turn
	@$(call PRESET_BUILD,release) --target training_bench
	@bash bench/peers.sh --training $(PEER_ARGS)

eval: build  ## the shipped inpainting weights against OpenCV, on Kodak's pictures (EVAL_ARGS="--data FOLDER --weights FILE")
	@bash bench/eval_python.sh tests/bench/evaluate_test.py
	@bash bench/eval_python.sh bench/evaluate.py $(EVAL_ARGS)

train-default: build  ## train the shipped inpainting weights further; stopped, it goes on there (TRAIN_ARGS="--set steps=20000")
	@bash tools/train_default.sh $(TRAIN_ARGS)

compare-gating: build  ## plain, partial and gated convolution, trained alike (GATING_ARGS="--data PHOTOS --held-out OTHERS")
	@bash bench/eval_python.sh bench/compare_gating.py $(GATING_ARGS)

asan: build-asan/build.ninja  ## build and test with the address and undefined-behaviour sanitizers
	@$(call PRESET_BUILD,asan)
	@$(CTEST) --preset asan --parallel $(JOBS) $(CTEST_ARGS)

float-stores: setup  ## every layer with kernels that clear the last bit of every float they store: none moves by more than 5e-5
	@$(CMAKE) --preset float-stores
	@$(call PRESET_BUILD,float-stores) --target layer_test
	@build-float-stores/bin/layer_test --gtest_brief=1

format:  ## lay out the C++ files by .clang-format
	@bash tools/format.sh

lint: build/build.ninja  ## clang-tidy over runtime, weights_io and apps
	@bash tools/lint.sh

rules: setup  ## check formatting and the rules of docs/architecture.md
	@bash tools/format.sh --check
	@.venv/bin/python tools/check_rules.py

clean:  ## remove the build folders
	rm -rf build build-dev build-asan build-float-stores build-fuzz build-fuzz-coverage

distclean: clean  ## remove .venv, .venv-bench and .venv-eval too
	rm -rf .venv .venv-bench .venv-eval

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1	/p' Makefile | expand -t 14

# Ninja configures again by itself when a CMake file changes; a preset it doesn't know of.
build/build.ninja: CMakePresets.json | setup
	@$(CMAKE) --preset release
	@touch $@

build-asan/build.ninja: CMakePresets.json | setup
	@$(CMAKE) --preset asan "-DSLUICE_ONLY_LAYERS=$(ASAN_LAYERS)"
	@touch $@
