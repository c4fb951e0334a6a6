/* What the verbs that take a trained model have in common. */
#ifndef AS_CLI_MODEL_VERB_H
#define AS_CLI_MODEL_VERB_H

#include "cli/verb.h"
#include "run/model_file.h"

/* Collective. Opens the model at path, with the overrides of --set and, for verbs that compute,
   the threads of this rank, else one; hands it to use; closes it. Errors: USAGE; those of as_model_file_open and of
   use. */
as_status as_model_verb(as_context *context, const char *path,
                        as_status (*use)(const as_context *context, const as_model_file *model));

#endif
