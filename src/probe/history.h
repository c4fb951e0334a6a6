/* What a run has logged: the lines of metrics.jsonl. */
#ifndef AS_PROBE_HISTORY_H
#define AS_PROBE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "allsum/status.h"

typedef struct as_history_step {
    int64_t step, epoch;
    double loss, lr, grad_norm; /* NaN: not finite */
} as_history_step;

typedef struct as_history_evaluation {
    int64_t step, epoch;
    double train_loss, loss, accuracy; /* of the validation data; NaN: none */
} as_history_evaluation;

typedef struct as_history {
    int64_t nsteps, nevaluations;
    as_history_step *step;
    as_history_evaluation *evaluation;
    int64_t lines, broken; /* that are there; that are no whole objects */
    int64_t first_broken;  /* the number of the first of them, from 1 */
    int64_t last_step;     /* of the last line that could be read */
} as_history;

/* Not collective. Reads lines of metrics.jsonl; lines of other kinds are passed over, those that break off are counted.
   Errors: NOMEM. Free with as_history_free. */
as_status as_history_read(const char *lines, as_history *out);
void as_history_free(as_history *history);

#endif
