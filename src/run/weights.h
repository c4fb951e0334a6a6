/* Weights to and from other files: safetensors, NPZ, checkpoints; names and axes as PyTorch has them, or as here. */
#ifndef AS_RUN_WEIGHTS_H
#define AS_RUN_WEIGHTS_H

#include "estimator/estimator.h"
#include "io/tensors.h"
#include "run/config.h"

typedef enum as_weights_layout { AS_WEIGHTS_TORCH, AS_WEIGHTS_NATIVE, AS_WEIGHTS_KERAS } as_weights_layout;

/* Writes arrays of a layout as a file of some kind (export.h). */
typedef as_status as_arrays_writer(const char *path, as_weights_layout layout, int n, const as_tensor *tensor);

/* Collective. Replaces the estimator's parameters by those of a file, as `start:` says. Every array that is not of a
   fresh layer must be in the file with its shape and finite values; every array of the file must have a place, be of a
   fresh layer or be ignored (scalars, which other programs keep as counters, are). Nothing is changed unless OK.
   Errors: NOINPUT; CONFIG naming the array, what was expected and found, and the nearest name; DATA; NOMEM. */
as_status as_weights_load(as_world *world, const as_start_options *start, const as_dataset *data,
                          as_estimator *estimator, const as_log *log);

/* Not collective; a world of one process. Writes the parameters (the averaged ones where they are kept) as arrays
   called LAYER.NAME, but no adapters, which estimator->ops->fold takes into weights before. Errors: those of write. */
as_status as_weights_save(const char *path, as_arrays_writer *write, as_weights_layout layout, as_estimator *estimator);

#endif
