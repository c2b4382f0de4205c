// SPDX-License-Identifier: Apache-2.0
// The C API of Sluice: networks on tensors and on pictures. C99 and C++; docs/library.md shows it by example.
//
// Every function that can fail returns a sluice_status; the message of the last failure of the calling thread is
// sluice_last_error(). No exception leaves a function, and none changes what it was given to write before it has
// succeeded. A null pointer where one is needed is SLUICE_ERROR_USAGE, never a crash; the free functions take one.
//
// Threads: every function may be called by any number of threads at once, also with the same sluice_model, but for
// sluice_set_threads(), which is called before the first run. What a function writes (a result, an object that is
// freed) is the calling thread's alone meanwhile. Callbacks come on the thread that called.
//
// Structs that begin with `struct_size` may grow: fill one by its _init function, or set it to zeros and struct_size to
// its sizeof. A library that is newer than the program sees the members that the program knows, the rest are defaults.
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include <stddef.h>
#include <stdint.h>

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 1
#define SLUICE_VERSION_PATCH 0
#define SLUICE_VERSION (SLUICE_VERSION_MAJOR * 10000 + SLUICE_VERSION_MINOR * 100 + SLUICE_VERSION_PATCH)

#if defined(__GNUC__)
#define SLUICE_API __attribute__((visibility("default")))
#else
#define SLUICE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

// ---- the library

typedef enum sluice_status {
  SLUICE_OK = 0,
  SLUICE_ERROR_INPUT = 1,      // these inputs could not be processed, others may
  SLUICE_ERROR_USAGE = 2,      // wrong argument
  SLUICE_ERROR_NOT_FOUND = 3,  // file, kernel, device or processor feature that should be there is not
  SLUICE_ERROR_BAD_FILE = 4,   // graph or weights were read and refused
  SLUICE_ERROR_MEMORY = 5,
  SLUICE_ERROR_INTERNAL = 6,
  SLUICE_CANCELLED = 130
} sluice_status;

// Of the library that is linked or loaded: as SLUICE_VERSION, and as text, "0.1.0".
SLUICE_API int sluice_version(void);
SLUICE_API const char *sluice_version_text(void);

// Of the last call on this thread that failed; empty before. One line, UTF-8. Valid until the next that fails.
SLUICE_API const char *sluice_last_error(void);
// "ok", "input", "usage", ...; "unknown" for another number.
SLUICE_API const char *sluice_status_name(sluice_status status);

// Threads that all networks of the process share, 1 to 256; 0, the default: one a processor. To be set before the
// first run. Results have the same bits for any number.
SLUICE_API sluice_status sluice_set_threads(int threads);
// The kernels in use, "avx2" or "avx512"; SLUICE_ERROR_NOT_FOUND on a processor that has neither.
SLUICE_API sluice_status sluice_kernel_set(const char **set);
// Can networks be computed on "cpu", "cuda", "cuda:1" ...? Starts the driver. SLUICE_ERROR_NOT_FOUND says why not.
SLUICE_API sluice_status sluice_device_check(const char *device);

// Before the application destroys a CUDA context that models had (sluice_model_options): gives back what is kept there
// for later runs. No model of it may be left, and none of the process may run meanwhile.
SLUICE_API sluice_status sluice_leave_cuda(void *context, void *stream);

// ---- models

// A network ready to run. Nothing of it changes once it is loaded.
typedef struct sluice_model sluice_model;

typedef struct sluice_parameter {
  const char *name, *value;
} sluice_parameter;

typedef struct sluice_model_options {
  size_t struct_size;
  // Parameters of the graph (`param` lines), such as width=24; they override those that the weights file states.
  const sluice_parameter *parameters;
  size_t parameter_count;
  // "cpu" (also null), "cuda", "cuda:1", or "auto": CUDA where it works, else the CPU; a run that the device fails at
  // is then computed by the CPU, and `device_failed` is told the reason, by the thread that runs.
  const char *device;
  void (*device_failed)(void *user_data, const char *reason);
  void *user_data;
  const char *algorithm;  // "fastest" (also null); "direct": no Winograd, exact sums of small whole numbers
  // With device "cuda" or "auto": the application's own CUDA context (CUcontext) and stream (CUstream; null: the
  // context's default one), where memory is taken and kernels are launched. They outlive the model. Null: a context of
  // Sluice's.
  void *cuda_context, *cuda_stream;
  // Not 0: weights are not packed when the model is loaded but by each run, a layer's when its turn comes. Runs take
  // longer; a model whose layers are 3x3 holds a quarter of the memory. Of no effect on a device.
  int pack_each_run;
} sluice_model_options;

// struct_size: sizeof(sluice_model_options).
SLUICE_API sluice_status sluice_model_options_init(sluice_model_options *options, size_t struct_size);

// Reads a graph file and its weights, a safetensors file (null: the graph has none). options may be null. The model is
// the caller's, to be given to sluice_model_free().
SLUICE_API sluice_status sluice_model_load(const char *graph_file, const char *weights_file,
                                           const sluice_model_options *options, sluice_model **model);
// The same from memory, which is copied: the text of a graph file, ended by a zero; the bytes of a weights file (null
// and 0: none). `name` stands for the graph's file in messages.
SLUICE_API sluice_status sluice_model_load_memory(const char *name, const char *graph_text, const void *weights,
                                                  size_t weights_bytes, const sluice_model_options *options,
                                                  sluice_model **model);
SLUICE_API void sluice_model_free(sluice_model *model);

#define SLUICE_MAX_RANK 8

typedef enum sluice_element { SLUICE_FLOAT32 = 0, SLUICE_INT64 = 1, SLUICE_UINT8 = 2 } sluice_element;

// An input or output of a model. Texts belong to the model.
typedef struct sluice_port {
  size_t struct_size;
  const char *name;
  int rank;                              // of an output 0 where the graph does not say it
  int64_t extents[SLUICE_MAX_RANK];      // n c h w, as PyTorch orders them; -1: the caller's choice
  const char *symbols[SLUICE_MAX_RANK];  // of such an extent its name: those of one name are equal; else null
  int element;                           // sluice_element; SLUICE_INT64: labels, whole numbers from `first` to `last`
  int64_t first, last;
  int optional;  // not 0: an input that is made by the model where it is not given
} sluice_port;

SLUICE_API sluice_status sluice_port_init(sluice_port *port, size_t struct_size);
// The name of its `model` line; null without a model.
SLUICE_API const char *sluice_model_name(const sluice_model *model);
// 0 without a model.
SLUICE_API size_t sluice_model_input_count(const sluice_model *model);
SLUICE_API size_t sluice_model_output_count(const sluice_model *model);
// `port` is initialised by its _init function.
SLUICE_API sluice_status sluice_model_input(const sluice_model *model, size_t index, sluice_port *port);
SLUICE_API sluice_status sluice_model_output(const sluice_model *model, size_t index, sluice_port *port);

// ---- tensors

// A view of the caller's memory. This struct will not grow.
typedef struct sluice_tensor {
  const char *name;  // of the model's input or output
  int element;       // sluice_element; outputs: SLUICE_FLOAT32
  int rank;          // 1 to SLUICE_MAX_RANK
  int64_t extents[SLUICE_MAX_RANK];
  int64_t strides[SLUICE_MAX_RANK];  // bytes from an element to the next along the axis; may be negative. All of them
                                     // 0: dense, the last axis innermost. Elements of an output lie apart
  void *data;                        // the element of index 0, 0, ...; need not be aligned
} sluice_tensor;

// A flag that stops runs, from any thread and from signal handlers.
typedef struct sluice_cancellation sluice_cancellation;
SLUICE_API sluice_status sluice_cancellation_create(sluice_cancellation **cancellation);
// Runs that were given it return SLUICE_CANCELLED before the next task of a kernel, until it is reset. Null: nothing
// happens.
SLUICE_API void sluice_cancellation_cancel(sluice_cancellation *cancellation);
SLUICE_API void sluice_cancellation_reset(sluice_cancellation *cancellation);
// Not while a run has it.
SLUICE_API void sluice_cancellation_free(sluice_cancellation *cancellation);

typedef struct sluice_run_options {
  size_t struct_size;
  // Told before every node of the graph, and at the end (done = total, node ""). May be null, as all of these.
  void (*progress)(void *user_data, int done, int total, const char *node);
  // Asked before every node; not 0: the run stops and returns SLUICE_CANCELLED.
  int (*cancel)(void *user_data);
  void *user_data;
  const sluice_cancellation *cancellation;
} sluice_run_options;

SLUICE_API sluice_status sluice_run_options_init(sluice_run_options *options, size_t struct_size);

// Runs the network. Inputs are in the units of the graph's input lines and in its order of channels. Outputs: any of
// the model's outputs or inner tensors, each once, of the shape that sluice_output_shape() says; they are written once
// all is computed; what they do not need is not computed. options may be null.
SLUICE_API sluice_status sluice_run(const sluice_model *model, const sluice_tensor *inputs, size_t input_count,
                                    const sluice_tensor *outputs, size_t output_count,
                                    const sluice_run_options *options);
// The shape of an output or inner tensor for inputs of these names, ranks and extents; nothing else of them is looked
// at. `extents` has room for SLUICE_MAX_RANK values, `*rank` of them are written.
SLUICE_API sluice_status sluice_output_shape(const sluice_model *model, const sluice_tensor *inputs, size_t input_count,
                                             const char *output, int *rank, int64_t *extents);

// ---- pictures

typedef enum sluice_channel_order { SLUICE_RGB = 0, SLUICE_BGR = 1 } sluice_channel_order;

// A view of the caller's pixels. Strides are bytes and may be negative; 0: channels lie side by side, pixels behind
// each other, rows behind each other.
typedef struct sluice_pixels {
  size_t struct_size;
  void *data;  // the first channel of the pixel at the top left
  int width, height;
  int channels;  // 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha
  int bits;      // a sample: 8, or 16 in the machine's byte order
  ptrdiff_t channel_stride, pixel_stride, row_stride;
  int order;  // sluice_channel_order
} sluice_pixels;

SLUICE_API sluice_status sluice_pixels_init(sluice_pixels *pixels, size_t struct_size);

// Fills the hole of a picture. mask: of the same size, its first channel at half of full scale or above is hole.
// result: of the image's size, channels and bits; it may be the image itself, else the two lie apart. Samples outside
// the hole come back exactly as they were, and so does alpha; where the result is the image they are not written at
// all. The model has inputs `image` and `mask` and an output `filled`. SLUICE_ERROR_INPUT when nothing but hole is
// left.
SLUICE_API sluice_status sluice_inpaint(const sluice_model *model, const sluice_pixels *image,
                                        const sluice_pixels *mask, const sluice_pixels *result,
                                        const sluice_run_options *options);

// Dense depth of a picture and of sparse depth seen from the same place. sparse and result: grey of 16 bits, metres
// times 256, 0 where there is none. average_mirrored not 0: the mean with the result of the mirrored inputs, twice the
// work. The model has inputs `image` and `lidar` and an output `depth`.
SLUICE_API sluice_status sluice_complete_depth(const sluice_model *model, const sluice_pixels *image,
                                               const sluice_pixels *sparse, const sluice_pixels *result,
                                               int average_mirrored, const sluice_run_options *options);

#ifdef __cplusplus
}
#endif

#endif
