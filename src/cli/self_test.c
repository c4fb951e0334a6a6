/* Quick checks of this machine against the numeric contract: milliseconds, with numbers from Philox. */
#include "cli/self_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "comm/lane_sum.h"
#include "kernels/kernels.h"

enum { M = 37, N = 53, K = 211, LANES = 24, WIDTH = 5 };

static void fill(const as_kernels *kernels, uint32_t which, int64_t n, void *out)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t words[4];
        as_rng_words(1, AS_RNG_TEST, which, 0, (uint64_t)i, words);
        const double value = 2 * as_rng_uniform_f64(words[0], words[1]) - 1;
        if (kernels->precision == AS_FLOAT32) {
            ((float *)out)[i] = (float)value;
        } else {
            ((double *)out)[i] = value;
        }
    }
}

static as_status test_gemm(const as_kernels *kernels)
{
    const size_t real = kernels->real_bytes;
    const int64_t packed_reals = kernels->pack_reals(K, N);
    /* a (M, K), w (K, N), bias (N), fast and plain (M, N), packed; aligned like an arena */
    const size_t sizes[] = {M * K * real, K * N * real, N * real,
                            M * N * real, M * N * real, (size_t)packed_reals * real};
    size_t offset[6], bytes = 0;
    for (int i = 0; i < 6; i++) {
        offset[i] = bytes;
        bytes += (sizes[i] + 63) / 64 * 64;
    }
    char *block = aligned_alloc(64, bytes);
    if (block == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the self-test");
    }
    memset(block, 0, bytes);
    void *a = block, *w = block + offset[1], *bias = block + offset[2], *fast = block + offset[3],
         *plain = block + offset[4], *packed = block + offset[5];
    fill(kernels, 0, M * K, a);
    fill(kernels, 1, K * N, w);
    fill(kernels, 2, N, bias);
    kernels->pack(K, N, w, 0, K * N, packed, NULL);
    kernels->gemm(M, N, K, a, K, packed, bias, true, fast, N);
    kernels->gemm_plain(M, N, K, a, K, w, N, bias, true, plain, N);
    const bool same = memcmp(fast, plain, sizes[3]) == 0;
    free(block);
    if (!same) {
        AS_FAIL(AS_INTERNAL, "self-test: the matrix product of %s float%d differs from the plain chain", kernels->isa,
                (int)kernels->precision);
    }
    return AS_OK;
}

as_status as_self_test_kernels(as_text *tested)
{
    static const as_isa sets[] = {AS_AVX512, AS_AVX2, AS_PORTABLE};
    for (int i = 0; i < 3; i++) {
        as_isa isa;
        if (as_isa_choose(as_isa_name(sets[i]), &isa) != AS_OK) {
            continue; /* this CPU lacks it */
        }
        AS_TRY(test_gemm(as_kernels_get(isa, AS_FLOAT32)));
        AS_TRY(test_gemm(as_kernels_get(isa, AS_FLOAT64)));
        as_text_add(tested, "%s%s", tested->size > 0 ? ", " : "", as_isa_name(isa));
    }
    return AS_OK;
}

static double lane_value(int lane, int j)
{
    uint32_t words[4];
    as_rng_words(2, AS_RNG_TEST, (uint32_t)lane, (uint32_t)j, 0, words);
    return as_rng_uniform_f64(words[0], words[1]) - 0.5;
}

static as_status test_sum(as_world *world, const as_lanes *lanes)
{
    double *all = malloc(sizeof *all * (size_t)lanes->lanes * WIDTH);
    double whole[WIDTH], found[WIDTH];
    if (all == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the self-test");
    }
    for (int lane = 0; lane < lanes->lanes; lane++) {
        for (int j = 0; j < WIDTH; j++) {
            all[lane * WIDTH + j] = lane_value(lane, j);
        }
    }
    as_tree_sum(&lanes->tree, WIDTH, all, whole);
    const as_status status = as_lane_sum(world, lanes, WIDTH, all + (ptrdiff_t)lanes->first * WIDTH, found);
    free(all);
    AS_TRY(status);
    if (memcmp(whole, found, sizeof whole) != 0) {
        AS_FAIL(AS_INTERNAL, "self-test: the sum over %d lanes of %d ranks differs from the tree", lanes->lanes,
                as_world_size(world));
    }
    return AS_OK;
}

as_status as_self_test_sum(as_world *world, int *lanes)
{
    as_lanes l;
    *lanes = as_world_size(world) > LANES ? as_world_size(world) : LANES;
    AS_TRY(as_world_agree(world, as_lanes_create(*lanes, world, &l)));
    const as_status status = as_world_agree(world, test_sum(world, &l));
    as_lanes_destroy(&l);
    return status;
}
