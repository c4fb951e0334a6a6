/* Threads share work without gaps or overlaps, meet at the barrier, and never change a result. */
#include "unit/kernel_cases.h"

#include <stdatomic.h>

#include "kernels/team.h"

static void test_shares_cover_everything_once(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 70; n++) {
        for (int64_t grain = 1; grain <= 32; grain *= 2) {
            for (int threads = 1; threads <= 9; threads++) {
                int64_t next = 0, least = INT64_MAX, most = 0;
                for (int t = 0; t < threads; t++) {
                    int64_t first, count;
                    as_team_share(n, grain, t, threads, &first, &count);
                    assert_true(first == next && count >= 0);
                    assert_true(first % grain == 0 || first == n);
                    const int64_t grains = (count + grain - 1) / grain;
                    least = grains < least ? grains : least;
                    most = grains > most ? grains : most;
                    next = first + count;
                }
                assert_true(next == n);
                assert_true(most - least <= 1);
            }
        }
    }
}

enum { ROUNDS = 300, THREADS_MAX = 4 };

typedef struct rounds {
    as_team *team;
    int written[THREADS_MAX];
    _Atomic int wrong;
} rounds;

/* Each round every thread writes its mark, meets the others, and must see all marks of the round. */
static void mark_and_meet(void *argument, int thread)
{
    rounds *const r = argument;
    for (int round = 1; round <= ROUNDS; round++) {
        r->written[thread] = round;
        as_team_barrier(r->team);
        for (int t = 0; t < as_team_size(r->team); t++) {
            if (r->written[t] != round) {
                atomic_fetch_add(&r->wrong, 1);
            }
        }
        as_team_barrier(r->team);
    }
}

static void test_nobody_passes_the_barrier_early(void **state)
{
    (void)state;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        rounds r = {0};
        assert_int_equal(as_team_create(threads, &r.team), AS_OK);
        assert_int_equal(as_team_size(r.team), threads);
        as_team_run(r.team, mark_and_meet, &r);
        assert_int_equal(r.wrong, 0);
        for (int t = 0; t < threads; t++) {
            assert_int_equal(r.written[t], ROUNDS);
        }
        as_team_destroy(&r.team);
        assert_null(r.team);
    }
}

typedef struct layer_work {
    as_team *team;
    const as_kernels *kernels;
    int64_t m, n, k;
    const void *x, *packed;
    void *y, *gradient;
    as_tree_program *program;
    const int64_t *lane_row;
} layer_work;

/* Forward by rows, then the weight gradient of y with itself by tiles. */
static void forward_and_gradient(void *argument, int thread)
{
    const layer_work *const w = argument;
    const as_kernels *const K = w->kernels;
    const int threads = as_team_size(w->team);
    int64_t first, count;
    as_team_share(w->m, 1, thread, threads, &first, &count);
    K->gemm(count, w->n, w->k, at(K, w->x, first * w->k), w->k, w->packed, NULL, true, at(K, w->y, first * w->n), w->n);
    as_team_barrier(w->team);
    void *part = w->gradient;
    K->outer_lanes(w->k, w->n, w->x, w->k, w->y, w->n, w->program, w->lane_row, false, &part, w->n, thread, threads);
}

static void same_for_any_threads(const as_kernels *K)
{
    enum { M = 53, N = 70, P = 41 };
    int16_t step[] = {0, 1, AS_TREE_MERGE, 2, AS_TREE_MERGE, AS_TREE_EMIT};
    as_tree_program program = {.lanes = 3, .steps = 6, .parts = 1, .depth = 2, .step = step};
    const int64_t lane_row[] = {0, 20, 20, M};
    void *const x = random_reals(K, M * P, 1), *const w = random_reals(K, P * N, 2);
    void *const packed = new_reals(K, K->pack_reals(P, N));
    void *y[THREADS_MAX + 1], *gradient[THREADS_MAX + 1];
    K->pack(P, N, w, 0, P * N, packed, NULL);
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        y[threads] = new_reals(K, M * N);
        gradient[threads] = new_reals(K, P * N);
        layer_work work = {.kernels = K,
                           .m = M,
                           .n = N,
                           .k = P,
                           .x = x,
                           .packed = packed,
                           .y = y[threads],
                           .gradient = gradient[threads],
                           .program = &program,
                           .lane_row = lane_row};
        assert_int_equal(as_team_create(threads, &work.team), AS_OK);
        as_team_run(work.team, forward_and_gradient, &work);
        as_team_destroy(&work.team);
        assert_same_reals(K, y[threads], y[1], M * N, "forward");
        assert_same_reals(K, gradient[threads], gradient[1], P * N, "gradient");
    }
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        free_reals(K, y[threads], M * N), free_reals(K, gradient[threads], P * N);
    }
    free(x), free(w), free(packed);
}

static void test_threads_never_change_a_result(void **state)
{
    (void)state;
    for_each_variant(same_for_any_threads);
}

static void test_a_bad_count_is_an_error(void **state)
{
    (void)state;
    as_team *team;
    assert_int_equal(as_team_create(0, &team), AS_USAGE);
    assert_null(team);
    assert_int_equal(as_team_create(1 << 20, &team), AS_USAGE);
}

/* Denormals survive on every thread, whatever the caller's mode was. */
static void halve_denormal(void *argument, int thread)
{
    volatile float *const value = argument;
    value[thread] = value[thread] * 0.5f;
}

static void test_threads_keep_denormals(void **state)
{
    (void)state;
    as_team *team;
    volatile float value[3] = {0x1p-140f, 0x1p-140f, 0x1p-140f};
    assert_int_equal(as_team_create(3, &team), AS_OK);
    as_team_run(team, halve_denormal, (void *)(uintptr_t)value);
    for (int t = 0; t < 3; t++) {
        assert_true(value[t] == 0x1p-141f);
    }
    as_team_destroy(&team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_cover_everything_once),  cmocka_unit_test(test_nobody_passes_the_barrier_early),
        cmocka_unit_test(test_threads_never_change_a_result), cmocka_unit_test(test_a_bad_count_is_an_error),
        cmocka_unit_test(test_threads_keep_denormals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
