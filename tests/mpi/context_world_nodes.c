/* In place of cli/context_world.c: the program believes that every two ranks are a node, so that sums, shared
   parameters, checkpoints and evaluations go between nodes on one machine. */
#include "base/error.h"
#include "cli/launch.h"

enum { NODE_RANKS = 2, MESSAGE_BYTES = 5000 };

as_status as_context_world(as_context *context, as_world **out)
{
    if (context->world == NULL) {
        AS_TRY(as_world_open(&(as_world_options){.launched = context->launch.launched,
                                                 .node_ranks = NODE_RANKS,
                                                 .message_bytes = MESSAGE_BYTES},
                             &context->world));
    }
    *out = context->world;
    return AS_OK;
}
