/* Whether all nodes have the same parameters: they must be equal to the last bit, and where they are not, memory, a
   processor or a library of one of them gave other bytes. Inside a node there is one copy. The owner of a slice sends
   it anew after each step, so that what is looked at are the bytes that this evaluation, or checkpoint, goes by. Cost:
   one pass over the parameters of each node, by one rank, at every evaluation and checkpoint; nothing on one node. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "estimator/network.h"
#include "run/run_state.h"

typedef struct replica {
    uint64_t sum;
    int64_t speaks; /* for a node */
} replica;

static as_status compare(const as_run *run, const replica *all, int ranks)
{
    for (int r = 1; r < ranks; r++) {
        if (all[r].speaks != 0 && all[r].sum != all[0].sum) {
            AS_FAIL(AS_INTERNAL,
                    "step %lld: ranks have different parameters: those of the node of rank %d (checksum %016llx) are "
                    "not those of rank 0 (%016llx); nothing is saved of this step",
                    (long long)run->progress.step, r, (unsigned long long)all[r].sum, (unsigned long long)all[0].sum);
        }
    }
    return AS_OK;
}

as_status as_run_check_replicas(as_run *run)
{
    const int ranks = as_world_size(run->world);
    if (as_world_nodes(run->world) < 2 || strcmp(run->estimator->ops->name, "network") != 0) {
        return AS_OK;
    }
    const as_network *network = (const as_network *)run->estimator;
    replica mine = {.speaks = as_world_node_rank(run->world) == 0 ? 1 : 0};
    replica *all = calloc((size_t)ranks, sizeof *all);
    AS_TRY(as_world_agree(run->world, all == NULL ? as_error_set(AS_NOMEM, "out of memory for checksums") : AS_OK));
    if (mine.speaks != 0) {
        mine.sum = as_checksum(network->params, network->model.nparams * (int64_t)run->kernels->real_bytes);
    }
    as_status status = as_world_all_gather(run->world, &mine, sizeof mine, all);
    if (status == AS_OK) {
        status = compare(run, all, ranks);
    }
    free(all);
    return status;
}
