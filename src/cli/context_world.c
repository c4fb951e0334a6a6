/* The world, when a verb asks for it. */
#include "base/error.h"
#include "cli/launch.h"

as_status as_context_world(as_context *context, as_world **out)
{
    if (context->world == NULL) {
        if (as_launch_srun_without_mpi()) {
            AS_FAIL(AS_USAGE,
                    "srun started several tasks without MPI: each would run alone; use srun --mpi=pmix or --mpi=pmi2 "
                    "(srun --mpi=list shows what this cluster has), or mpirun inside the job");
        }
        AS_TRY(as_world_open(&(as_world_options){.launched = context->launch.launched, .groups = context->groups},
                             &context->world));
    }
    *out = context->world;
    return AS_OK;
}
