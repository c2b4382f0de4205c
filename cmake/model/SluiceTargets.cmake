# SPDX-License-Identifier: Apache-2.0
# What Halide's targets are called: of this repository's kernels and, installed, of those that sluice_add_model makes.
set(SLUICE_AVX2 x86-64-linux-avx-avx2-f16c-fma-sse41)
set(SLUICE_AVX512 x86-64-linux-avx-avx2-avx512-avx512_skylake-f16c-fma-sse41)
set(SLUICE_FEATURES_cuda cuda-cuda_capability_80)
set(SLUICE_FEATURES_opencl opencl)
