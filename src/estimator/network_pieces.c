/* Pieces: tensors cut at the blocks of the flat vector, the same whoever owns which slice; and sums of tensors from
   those of their pieces. Cost of a gather: one all-gather of 8 bytes for each sum of a piece. */
#include "base/error.h"
#include "estimator/network.h"

int network_tensor_at(const as_network *network, int64_t at)
{
    int low = 0, high = network->ntensors;
    while (low < high) {
        const int middle = (low + high) / 2;
        const network_tensor *x = &network->tensor[middle];
        if (x->first + x->count <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool network_next_piece(const as_network *network, int *tensor, int64_t first, int64_t count, network_piece *out)
{
    for (; *tensor < network->ntensors && network->tensor[*tensor].first < first + count; ++*tensor) {
        const network_tensor *x = &network->tensor[*tensor];
        const int64_t from = x->first > first ? x->first : first;
        const int64_t end = x->first + x->count < first + count ? x->first + x->count : first + count;
        if (end > from) {
            *out = (network_piece){.tensor = x, .first = from, .count = end - from};
            ++*tensor;
            return true;
        }
    }
    return false;
}

/* Number of the piece (tensor and block) that element belongs to; of all pieces where it is past the last one. */
static int64_t piece_at(const as_network *network, int64_t element)
{
    for (int i = 0; i < network->ntensors; i++) {
        const network_tensor *x = &network->tensor[i];
        if (x->first + x->count > element) {
            return x->piece + (element > x->first ? element / AS_BLOCK - x->first / AS_BLOCK : 0);
        }
    }
    return network->pieces;
}

as_status network_piece_sums_reserve(const as_network *network, int width, as_arena *arena, network_piece_sums *out)
{
    const int64_t size = as_world_size(network->setup.world), blocks = (network->n + AS_BLOCK - 1) / AS_BLOCK;
    out->width = width;
    out->first = piece_at(network, network->first);
    out->line = 1 + ((blocks + size - 1) / size + network->ntensors) * width;
    const size_t line = (size_t)out->line * sizeof(double);
    AS_TRY(as_arena_reserve(arena, line, (void **)&out->mine));
    AS_TRY(as_arena_reserve(arena, line * (size_t)size, (void **)&out->all));
    return as_arena_reserve(arena, (size_t)(network->pieces * width) * sizeof(double), (void **)&out->column);
}

double *network_piece_sums_at(const network_piece_sums *sums, const network_tensor *x, int64_t element)
{
    const int64_t piece = x->piece + element / AS_BLOCK - x->first / AS_BLOCK - sums->first;
    return sums->mine + 1 + piece * sums->width;
}

/* Ranks own slices in order, so their pieces are all pieces in order, one after the other. */
as_status network_piece_sums_gather(const as_network *network, network_piece_sums *sums)
{
    sums->mine[0] = (double)(piece_at(network, network->first + network->count) - sums->first);
    AS_TRY(as_world_all_gather(network->setup.world, sums->mine, (size_t)sums->line * sizeof(double), sums->all));
    int64_t at = 0;
    for (int r = 0; r < as_world_size(network->setup.world); r++) {
        const double *from = sums->all + r * sums->line;
        for (int64_t p = 0; p < (int64_t)from[0]; p++, at++) {
            for (int s = 0; s < sums->width; s++) {
                sums->column[s * network->pieces + at] = from[1 + p * sums->width + s];
            }
        }
    }
    return AS_OK;
}

double network_piece_sums_of(const as_network *network, const network_piece_sums *sums, int tensor, int s)
{
    const int64_t first = network->tensor[tensor].piece;
    const int64_t end = tensor + 1 < network->ntensors ? network->tensor[tensor + 1].piece : network->pieces;
    return as_block_sum(sums->column + s * network->pieces + first, end - first);
}
