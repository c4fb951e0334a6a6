/* A folder where `allsum train` wants a configuration. */
#ifndef AS_CLI_TRAIN_FOLDER_H
#define AS_CLI_TRAIN_FOLDER_H

#include "allsum/status.h"

/* Not collective. OK where path is no folder with runs. Errors: USAGE for a run, or the members of an ensemble: says
   how far it is, and the command that goes on with it. */
as_status as_train_folder_refuse(const char *path);

#endif
