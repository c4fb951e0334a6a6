/* What a trained model is written as for other programs. A kind is one file export_<kind>.c and one row in export.def;
   export_npz.c is the template of one that holds the arrays, export_onnx.c of one that holds the whole model. */
#ifndef AS_RUN_EXPORT_H
#define AS_RUN_EXPORT_H

#include "run/weights.h"

typedef struct as_export_ops {
    const char *name, *help; /* the name is also how files of the kind end */
    /* Not collective; one of the two. Whole or not at all (io/commit.h). arrays: as names and axes of the layout have
       them, of types F32 and F64. model: the estimator's weights are those that are judged. Errors: CANTCREAT, IO,
       NOMEM; CONFIG or DATA naming what the kind cannot hold. */
    as_arrays_writer *arrays;
    as_status (*model)(const char *path, const as_estimator *estimator);
} as_export_ops;

/* The rows of export.def; NULL-terminated. */
const as_export_ops *const *as_exports_get(void);

/* Not collective. Errors: USAGE with all names, and the nearest. */
as_status as_export_find(const char *name, const as_export_ops **out);

/* Not collective; a world of one process. Adapters are taken into what they adapt; layout: of the arrays. Errors: those
   of the kind. */
as_status as_export_write(const as_export_ops *ops, const char *path, as_weights_layout layout,
                          as_estimator *estimator);

#endif
