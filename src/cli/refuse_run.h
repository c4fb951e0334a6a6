/* A run or a checkpoint where `allsum train` wants a configuration. */
#ifndef AS_CLI_REFUSE_RUN_H
#define AS_CLI_REFUSE_RUN_H

#include "allsum/status.h"

/* Not collective. OK where path is neither a checkpoint nor a folder with runs. Errors: USAGE for those: says how far
   it is, and the command that goes on with it. */
as_status as_refuse_run(const char *path);

#endif
