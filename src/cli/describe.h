/* What `allsum info` says about a file: one text for people, one JSON object for programs, from the same walk. */
#ifndef AS_CLI_DESCRIBE_H
#define AS_CLI_DESCRIBE_H

#include <stdbool.h>

#include "base/node.h"
#include "base/text.h"

#include "allsum/status.h"

typedef struct as_description {
    as_text text; /* for people */
    as_text json; /* an object */
    bool config;  /* the resolved configuration of a checkpoint too */
} as_description;

/* Not collective. Any file or run directory. Errors: NOINPUT; DATA for a kind that is not known; what its reader says.
 */
as_status as_describe(const char *path, as_description *out);

/* describe_checkpoint.c: a file with a list of contents; a run directory. */
as_status as_describe_checkpoint(const char *path, as_description *out);
as_status as_describe_run(const char *path, as_description *out);

/* describe_arrays.c: the arrays of a safetensors or NPZ file; the variables of a netCDF file. */
as_status as_describe_tensors(const char *path, as_description *out);
as_status as_describe_netcdf(const char *path, as_description *out);

/* Not collective. Appends what a statistical model at `path` (checkpoint or run directory) has estimated; nothing for
   a network. config: of the model, as stored. Errors: those of as_model_file_open. */
as_status as_describe_model(const char *path, const as_node *config, as_description *out);

/* Not collective. Statistics of the columns of a data file, or of the training data of a configuration (.yaml). target:
   NULL, or the column or dataset whose classes are counted. Errors: USAGE for a name whose format is not known; those
   of reading. */
as_status as_describe_stats(const char *path, const char *target, as_description *out);

/* Not collective. Prints the differences of two checkpoints (verb_verify.c). Errors: DATA when there are any. */
as_status as_verb_compare(const char *path_a, const char *path_b);

/* "12.3 MB", in a buffer of 32 bytes. Returns buffer. */
char *as_size_text(double bytes, char buffer[32]);

#endif
