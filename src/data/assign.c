/* Selections as bitmaps with a count per word (one bit and a bit a row), assignment by keyed permutations. */
#include "data/assign.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rng.h"

enum { BLOCKS_PER_LANE = 64 };

int64_t as_selection_words(int64_t rows)
{
    return (rows + 63) / 64;
}

as_selection as_selection_all(int64_t rows)
{
    return (as_selection){.rows = rows, .kept = rows};
}

void as_selection_destroy(as_selection *selection)
{
    free(selection->bits);
    free(selection->before);
    *selection = (as_selection){0};
}

void as_selection_share(const as_world *world, int64_t rows, int64_t *first, int64_t *count, int64_t *most)
{
    const int64_t words = as_selection_words(rows), size = as_world_size(world);
    *most = (words + size - 1) / size;
    *first = *most * as_world_rank(world);
    *first = *first < words ? *first : words;
    *count = *first + *most < words ? *most : words - *first;
}

as_status as_selection_gather(as_world *world, int64_t rows, const uint64_t *mine, as_selection *out)
{
    int64_t first, count, most;
    as_selection_share(world, rows, &first, &count, &most);
    const int64_t words = as_selection_words(rows), room = most * as_world_size(world);
    *out = (as_selection){
        .rows = rows,
        .bits = calloc((size_t)room + 1, sizeof(uint64_t)),
        .before = calloc((size_t)words + 1, sizeof(int64_t)),
    };
    as_status status = AS_OK;
    if (out->bits == NULL || out->before == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a bitmap of %lld rows", (long long)rows);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_world_all_gather(world, mine, (size_t)most * sizeof(uint64_t), out->bits);
    }
    if (status != AS_OK) {
        as_selection_destroy(out);
        return status;
    }
    for (int64_t word = 0; word < words; word++) {
        out->before[word] = out->kept;
        out->kept += __builtin_popcountll(out->bits[word]);
    }
    return AS_OK;
}

int64_t as_selection_at(const as_selection *selection, int64_t k)
{
    AS_ASSERT(k >= 0 && k < selection->kept);
    if (selection->bits == NULL) {
        return k;
    }
    int64_t low = 0, high = as_selection_words(selection->rows);
    while (high - low > 1) { /* before[low] <= k < before[high] */
        const int64_t middle = low + (high - low) / 2;
        if (selection->before[middle] <= k) {
            low = middle;
        } else {
            high = middle;
        }
    }
    uint64_t word = selection->bits[low];
    for (int64_t skip = k - selection->before[low]; skip > 0; skip--) {
        word &= word - 1;
    }
    return 64 * low + __builtin_ctzll(word);
}

int64_t as_selection_next(const as_selection *selection, int64_t row)
{
    row++;
    if (selection->bits == NULL) {
        return row;
    }
    int64_t at = row / 64;
    uint64_t word = selection->bits[at] & (~UINT64_C(0) << (row % 64));
    while (word == 0) {
        word = selection->bits[++at];
    }
    return 64 * at + __builtin_ctzll(word);
}

int64_t as_held_out(int64_t kept, double share)
{
    return (int64_t)floor(share * (double)kept + 0.5);
}

/* Collective. This rank's words of a bitmap of rows, all zero; as_selection_gather takes them, free() them. */
static as_status open_share(as_world *world, int64_t rows, int64_t *first, int64_t *count, uint64_t **mine)
{
    int64_t most;
    as_selection_share(world, rows, first, count, &most);
    *mine = calloc((size_t)most + 1, sizeof **mine);
    as_status status = AS_OK;
    if (*mine == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a bitmap of %lld rows", (long long)rows);
    }
    status = as_world_agree(world, status);
    if (status != AS_OK) {
        free(*mine);
    }
    return status;
}

as_status as_selection_split(as_world *world, const as_selection *all, double share, bool held_out, uint64_t seed,
                             as_selection *out)
{
    int64_t first, count;
    uint64_t *mine = NULL;
    AS_TRY(open_share(world, all->rows, &first, &count, &mine));
    const int64_t held = as_held_out(all->kept, share);
    const as_permutation p = as_permutation_make(seed, AS_RNG_VALIDATION, 0, 0, all->kept);
    for (int64_t word = 0; word < count; word++) {
        const int64_t at = first + word, rest = all->rows - 64 * at;
        uint64_t left = all->bits != NULL ? all->bits[at] : rest < 64 ? (UINT64_C(1) << rest) - 1 : ~UINT64_C(0);
        for (int64_t k = all->bits != NULL ? all->before[at] : 64 * at; left != 0; left &= left - 1, k++) {
            if ((as_permutation_at(&p, k) < held) == held_out) {
                mine[word] |= left & (~left + 1);
            }
        }
    }
    const as_status status = as_selection_gather(world, all->rows, mine, out);
    free(mine);
    return status;
}

as_status as_selection_split_last(as_world *world, const as_selection *all, double share, bool held_out, int64_t apart,
                                  as_selection *out)
{
    int64_t first, count;
    uint64_t *mine = NULL;
    AS_TRY(open_share(world, all->rows, &first, &count, &mine));
    const int64_t held = as_held_out(all->kept, share);
    const int64_t begin = held > 0 ? as_selection_at(all, all->kept - held) : all->rows + apart;
    for (int64_t word = 0; word < count; word++) {
        const int64_t at = first + word;
        for (int64_t row = 64 * at; row < 64 * (at + 1) && row < all->rows; row++) {
            const uint64_t bit = UINT64_C(1) << (row % 64);
            const bool kept = all->bits == NULL || (all->bits[at] & bit) != 0;
            if (kept && (held_out ? row >= begin : row + apart <= begin)) {
                mine[word] |= bit;
            }
        }
    }
    const as_status status = as_selection_gather(world, all->rows, mine, out);
    free(mine);
    return status;
}

as_status as_assignment_make(int64_t n, int lanes, bool shuffled, uint64_t seed, as_assignment *out)
{
    const int64_t piece = n / (BLOCKS_PER_LANE * (int64_t)lanes), block = !shuffled ? n : piece > 1 ? piece : 1;
    *out = (as_assignment){.n = n, .block = block, .blocks = (n + block - 1) / block};
    out->position = malloc((size_t)out->blocks * sizeof *out->position);
    if (out->position == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the places of %lld blocks", (long long)out->blocks);
    }
    const as_permutation p = as_permutation_make(seed, AS_RNG_ASSIGN, 0, 0, out->blocks);
    int64_t place = 0;
    for (int64_t i = 0; i < out->blocks; i++) {
        const int64_t b = as_permutation_at(&p, i);
        out->position[b] = place;
        place += b == out->blocks - 1 ? n - b * block : block;
    }
    return AS_OK;
}

void as_assignment_destroy(as_assignment *assignment)
{
    free(assignment->position);
    *assignment = (as_assignment){0};
}
