/* Each rank hashes its lanes, the digests are gathered, all hash the digests. Cost: one pass of SHA-256 over the rank's
 * rows. */
#include "data/fingerprint.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"

enum { DIGEST = 32 };

/* Of a window that follows the one before it, in a lane, only what is new. */
static void hash_windows(const as_dataset *data, int64_t first, int64_t rows, as_sha256 *hash)
{
    const int64_t extent = data->width + data->ahead;
    const size_t bytes = as_dtype_bytes(data->type);
    for (int64_t r = first; r < first + rows; r++) {
        const bool follows = r > first && data->id[r] == data->id[r - 1] + 1 && data->step <= extent;
        const int64_t skip = follows ? extent - data->step : 0;
        as_sha256_add(hash, (const uint8_t *)data->x + (size_t)(data->start[r] + skip) * bytes,
                      (size_t)(extent - skip) * bytes);
    }
}

static void hash_lane(const as_dataset *data, int64_t first, int64_t rows, uint8_t digest[DIGEST])
{
    as_sha256 hash;
    const size_t n = (size_t)rows, at = (size_t)first, targets = (size_t)data->targets;
    const size_t positions = (size_t)data->positions;
    const size_t x_bytes = (size_t)data->width * as_dtype_bytes(data->type);
    as_sha256_begin(&hash);
    as_sha256_add(&hash, data->id + at, n * sizeof *data->id);
    if (data->start == NULL) {
        as_sha256_add(&hash, (const uint8_t *)data->x + at * x_bytes, n * x_bytes);
    } else {
        hash_windows(data, first, rows, &hash);
    }
    if (data->label != NULL) {
        as_sha256_add(&hash, data->label + at * positions, n * positions * sizeof *data->label);
    }
    if (data->target_values != NULL) {
        as_sha256_add(&hash, data->target_values + at * targets, n * targets * sizeof *data->target_values);
    }
    as_sha256_add(&hash, data->weight + at, n * sizeof *data->weight);
    as_sha256_end(&hash, digest);
}

static void hash_all(as_dataset *data, int ranks, int64_t most, const uint8_t *digests)
{
    as_sha256 hash;
    int64_t about[11 + AS_SHAPE_MAX] = {data->rows,    data->type,         data->target,     data->classes,
                                        data->targets, data->lanes->lanes, data->shape.rank, data->positions,
                                        data->step,    data->ahead,        data->vocabulary};
    for (int i = 0; i < data->shape.rank; i++) {
        about[11 + i] = data->shape.dim[i];
    }
    as_sha256_begin(&hash);
    as_sha256_add(&hash, about, sizeof about);
    for (int rank = 0; rank < ranks; rank++) {
        int first, count;
        as_tree_share(data->lanes->lanes, ranks, rank, &first, &count);
        as_sha256_add(&hash, digests + (size_t)(rank * most) * DIGEST, (size_t)count * DIGEST);
    }
    as_sha256_end(&hash, data->fingerprint);
}

as_status as_dataset_fingerprint(as_dataset *data, as_world *world)
{
    const as_lanes *lanes = data->lanes;
    const int ranks = as_world_size(world);
    const int64_t most = (lanes->lanes + ranks - 1) / ranks;
    uint8_t *mine = calloc((size_t)most, DIGEST), *all = calloc((size_t)most * (size_t)ranks, DIGEST);
    as_status status = AS_OK;
    if (mine == NULL || all == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the digests of %d lanes", lanes->lanes);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        const int64_t start = data->lane_first[lanes->first];
        for (int l = 0; l < lanes->count; l++) {
            const int64_t first = data->lane_first[lanes->first + l] - start;
            hash_lane(data, first, data->lane_first[lanes->first + l + 1] - start - first, mine + (size_t)l * DIGEST);
        }
        status = as_world_all_gather(world, mine, (size_t)most * DIGEST, all);
    }
    if (status == AS_OK) {
        hash_all(data, ranks, most, all);
    }
    free(mine);
    free(all);
    return status;
}
