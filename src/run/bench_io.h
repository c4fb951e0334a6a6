/* Figures of files, for "allsum bench io". */
#ifndef AS_RUN_BENCH_IO_H
#define AS_RUN_BENCH_IO_H

#include "base/text.h"
#include "comm/world.h"

/* Collective. Writes one file of 128 MiB at the most in dir and removes it again. Appends the rates of committing a
   checkpoint by all ranks and of verifying it, beside a plain write of the same bytes, and of reading data formats on
   rank 0. dir of rank 0 counts. Errors: CANTCREAT, IO, NOMEM. */
as_status as_bench_io(as_world *world, const char *dir, bool json, as_text *text);

#endif
