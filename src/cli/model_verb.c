/* Opening a trained model for a verb, and closing it whatever came. */
#include "cli/model_verb.h"

#include "base/error.h"

as_status as_model_verb(as_context *context, const char *path,
                        as_status (*use)(const as_context *context, const as_model_file *model))
{
    const char *sets[AS_OPTION_TIMES];
    const int nsets = as_option_all(context, "set", sets);
    int threads = 1;
    as_isa isa;
    as_world *world = NULL;
    if (context->verb->computes) {
        AS_TRY(as_context_threads(context, &threads));
    }
    AS_TRY(as_context_isa(context, &isa));
    AS_TRY(as_context_world(context, &world));
    as_model_file model;
    as_status status = as_model_file_open(world, threads, isa, path, nsets, sets, &context->log, &model);
    if (status == AS_OK) {
        status = use(context, &model);
    }
    as_model_file_close(&model);
    return status;
}
