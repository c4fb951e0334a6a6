/* Predictions as a CSV table, for spreadsheets and statistics programs. */
#ifndef AS_CLI_PREDICT_TABLE_H
#define AS_CLI_PREDICT_TABLE_H

#include "cli/predict_uncertainty.h"

/* What this rank's rows gave, in the order of the file; ranks hold consecutive ones. */
typedef struct as_predict_table {
    int64_t rows, outputs;
    const int64_t *id;           /* (rows) */
    const int32_t *label;        /* (rows), or NULL: the model has no classes */
    bool by_target;              /* outputs and classes are those of the labels */
    const double *value;         /* (rows, outputs) */
    const as_uncertainty *doubt; /* columns epistemic, and aleatoric and total where the method has them */
} as_predict_table;

/* Collective. Writes row, class, an output for each column, and the doubt, with a header; numbers to the shortest text
   that reads back the same. Errors: CANTCREAT, IO, NOMEM. */
as_status as_predict_table_write(const as_model_file *m, const char *path, const as_predict_table *t);

#endif
