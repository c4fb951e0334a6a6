/* Every sample exactly once per epoch, batches even over the lanes, the same for every number of ranks. */
#include "data_setup.h"

enum { RANKS_MAX = 8 };

/* A data set of n rows without content, as `rank` of `ranks` holds it. */
typedef struct fake {
    as_lanes lanes;
    as_dataset data;
} fake;

static int64_t start_of(int64_t n, int lanes, int lane)
{
    int64_t start = 0;
    for (int l = 0; l < lane; l++) {
        start += n > l ? (n - l + lanes - 1) / lanes : 0;
    }
    return start;
}

static void fake_make(int64_t n, int lanes, int ranks, int rank, fake *f)
{
    *f = (fake){.lanes = lanes_of(lanes, ranks, rank)};
    f->data = (as_dataset){.rows = n, .lanes = &f->lanes, .target = AS_TARGET_LABELS, .positions = 1, .place = "fake"};
    f->data.lane_first = calloc((size_t)lanes + 1, sizeof(int64_t));
    for (int l = 0; l <= lanes; l++) {
        f->data.lane_first[l] = start_of(n, lanes, l);
    }
    const int64_t first = f->data.lane_first[f->lanes.first];
    f->data.local_rows = f->data.lane_first[f->lanes.first + f->lanes.count] - first;
    const size_t rows = (size_t)f->data.local_rows + 1;
    f->data.id = calloc(rows, sizeof(int64_t));
    f->data.weight = calloc(rows, sizeof(double));
    f->data.label = calloc(rows, sizeof(int32_t));
    for (int64_t i = 0; i < f->data.local_rows; i++) {
        f->data.id[i] = first + i;
        f->data.weight[i] = 1.0;
        f->data.label[i] = (int32_t)((first + i) % 10);
    }
}

static void fake_free(fake *f)
{
    free(f->data.lane_first);
    free(f->data.id);
    free(f->data.weight);
    free(f->data.label);
}

/* Ids of batch `index`, lane after lane over all ranks; returns how many. */
static int64_t collect(int64_t n, int lanes, int ranks, int64_t batch, bool shuffle, int64_t epoch, int64_t *ids)
{
    int64_t total = 0;
    as_sampler *sampler[RANKS_MAX];
    as_batch out[RANKS_MAX];
    fake f[RANKS_MAX];
    for (int r = 0; r < ranks; r++) {
        fake_make(n, lanes, ranks, r, &f[r]);
        assert_ok(as_sampler_create(&f[r].data, batch, shuffle, 3, &sampler[r]));
        assert_ok(as_sampler_batch_create(sampler[r], &out[r]));
    }
    for (int64_t b = 0; b < as_sampler_batches(sampler[0]); b++) {
        int64_t in_batch = 0, low = n, high = 0;
        for (int r = 0; r < ranks; r++) {
            as_sampler_fill(sampler[r], epoch, b, &out[r]);
            assert_true(out[r].rows <= out[r].capacity);
            assert_int_equal(out[r].lane_row[f[r].lanes.count], out[r].rows);
            for (int64_t i = 0; i < out[r].rows; i++) {
                assert_int_equal(out[r].label[i], out[r].id[i] % 10);
                ids[total++] = out[r].id[i];
            }
            in_batch += out[r].rows;
            for (int l = 0; l < f[r].lanes.count; l++) {
                const int64_t rows = out[r].lane_row[l + 1] - out[r].lane_row[l];
                low = rows < low ? rows : low;
                high = rows > high ? rows : high;
            }
        }
        assert_int_equal(in_batch, out[0].global_rows);
        assert_true(high - low <= 1);
    }
    for (int r = 0; r < ranks; r++) {
        as_sampler_batch_destroy(&out[r]);
        as_sampler_destroy(&sampler[r]);
        fake_free(&f[r]);
    }
    return total;
}

static void test_every_sample_once_per_epoch_on_every_layout(void **state)
{
    (void)state;
    const int lanes = 24;
    const int64_t sizes[] = {1, 2, 23, 24, 25, 1000, 100003};
    const int ranks[] = {1, 3, 8};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const int64_t n = sizes[s];
        const int64_t batches[] = {0, 1, 7, 128};
        int64_t *ids = malloc((size_t)n * sizeof *ids), *first = malloc((size_t)n * sizeof *first);
        uint8_t *seen = malloc((size_t)n);
        for (int b = 0; b < 4; b++) {
            if (batches[b] > n || (batches[b] == 1 && n > 1000)) {
                continue;
            }
            for (int k = 0; k < 3; k++) {
                assert_int_equal(collect(n, lanes, ranks[k], batches[b], true, 5, ids), n);
                memset(seen, 0, (size_t)n);
                for (int64_t i = 0; i < n; i++) {
                    assert_int_equal(seen[ids[i]]++, 0);
                }
                if (k == 0) {
                    memcpy(first, ids, (size_t)n * sizeof *ids);
                }
                assert_memory_equal(first, ids, (size_t)n * sizeof *ids);
            }
        }
        free(ids);
        free(first);
        free(seen);
    }
}

static void test_order_changes_with_the_epoch_only_when_shuffled(void **state)
{
    (void)state;
    int64_t a[1000], b[1000];
    collect(1000, 8, 1, 100, true, 0, a);
    collect(1000, 8, 1, 100, true, 1, b);
    assert_memory_not_equal(a, b, sizeof a);
    collect(1000, 8, 1, 100, false, 0, a);
    collect(1000, 8, 1, 100, false, 1, b);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(a[0], 0);
    assert_int_equal(a[1], 1);
}

static void test_bad_batch_is_refused(void **state)
{
    (void)state;
    fake f;
    as_sampler *sampler = NULL;
    fake_make(100, 8, 1, 0, &f);
    assert_fails(AS_CONFIG, "expected 1 to 100 samples", as_sampler_create(&f.data, 101, true, 0, &sampler));
    assert_fails(AS_CONFIG, "found -1", as_sampler_create(&f.data, -1, true, 0, &sampler));
    fake_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sample_once_per_epoch_on_every_layout),
        cmocka_unit_test(test_order_changes_with_the_epoch_only_when_shuffled),
        cmocka_unit_test(test_bad_batch_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
