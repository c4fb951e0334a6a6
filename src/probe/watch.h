/* Warnings as they arise in a training: from what instruments measure and evaluations report. Each code is told once by
   a process; nothing here enters a result. */
#ifndef AS_PROBE_WATCH_H
#define AS_PROBE_WATCH_H

#include "base/log.h"
#include "probe/record.h"

enum { AS_WATCH_CODES = 8 };

/* Zero-initialise. */
typedef struct as_watch {
    bool told[AS_WATCH_CODES];
    int64_t evaluations, rising; /* rising: in a row, over the lowest by 15 % */
    double lowest, train_at_lowest;
} as_watch;

/* Not collective. */
void as_watch_record(as_watch *watch, const as_probe_record *record, const as_log *log);
void as_watch_evaluation(as_watch *watch, int64_t step, double train_loss, double validation_loss, const as_log *log);

#endif
