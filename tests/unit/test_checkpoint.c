/* Checkpoints: the state comes back whole, or is refused by name; the newest valid one wins; none that is needed goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/rng.h"
#include "checkpoint/state.h"
#include "io/h5_contents.h"
#include "io/states.h"
#include "run/checkpoint_diff.h"

#define RUN TEST_SCRATCH "/checkpoint"
#define FILE_OF(step) RUN "/checkpoints/step-" step ".h5"
#define ONE FILE_OF("000000000001")

static as_world *world;
static state_case s;
static char said[8192]; /* the log */

static void note(void *context, as_log_level level, const char *line)
{
    (void)context;
    (void)level;
    const size_t n = strlen(said);
    snprintf(said + n, sizeof said - n, "%s\n", line);
}

static const as_log notes = {.write = note};

static int set_up(void **state)
{
    (void)state;
    mkdir(RUN, 0755);
    mkdir(RUN "/checkpoints", 0755);
    return as_world_open(&(as_world_options){0}, &world) == AS_OK && state_open(&s, world) == AS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    state_close(&s);
    as_world_close(&world);
    return 0;
}

static void path_of(int64_t step, char path[4096])
{
    as_state_path(RUN, step, path, 4096);
}

static bool exists(int64_t step)
{
    char path[4096];
    path_of(step, path);
    return access(path, F_OK) == 0;
}

static void save(int64_t step)
{
    state_fill(&s, step);
    assert_int_equal(as_checkpoint_save(world, RUN, NULL, &s.parts, NULL), AS_OK);
}

static void remove_steps(void)
{
    int64_t *step = NULL, n = 0;
    char path[4096];
    assert_int_equal(as_state_list(RUN, &step, &n), AS_OK);
    for (int64_t i = 0; i < n; i++) {
        path_of(step[i], path);
        unlink(path);
    }
    free(step);
}

/* Flips a bit in the middle of a file. */
static void damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 5000, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, 5000, SEEK_SET), 0);
    fputc(byte ^ 16, file);
    fclose(file);
}

static void test_the_whole_state_comes_back(void **state)
{
    (void)state;
    remove_steps();
    save(3);
    state_fill(&s, -1);
    char path[4096];
    assert_int_equal(as_checkpoint_find(world, RUN, &notes, path, sizeof path), AS_OK);
    const int before = s.restored;
    assert_int_equal(as_checkpoint_load(world, path, 0, NULL, &s.parts), AS_OK);
    assert_true(state_is(&s, 3));
    assert_int_equal(s.restored, before + 1);
}

/* Saving the loaded state again gives the same bytes. */
static void test_load_and_save_is_the_identity(void **state)
{
    (void)state;
    remove_steps();
    uint8_t first[32], second[32];
    state_fill(&s, 9);
    assert_int_equal(as_checkpoint_save(world, RUN, RUN "/a.h5", &s.parts, first), AS_OK);
    state_fill(&s, -1);
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 0, NULL, &s.parts), AS_OK);
    assert_int_equal(as_checkpoint_save(world, RUN, RUN "/b.h5", &s.parts, second), AS_OK);
    assert_memory_equal(first, second, 32);
    as_text report = {0};
    bool same = false;
    assert_int_equal(as_checkpoint_diff(RUN "/a.h5", RUN "/b.h5", &report, &same), AS_OK);
    assert_true(same);
    as_text_free(&report);
}

/* Copies a checkpoint but for one dataset, with good hashes: as an older program might have written it. */
static void copy_without(const char *from, const char *to, int omitted)
{
    as_h5_contents *c = NULL;
    assert_int_equal(as_h5_contents_open(from, &c), AS_OK);
    as_h5_item *item = calloc((size_t)c->nitems, sizeof *item);
    as_h5_piece *piece = calloc((size_t)c->nitems, sizeof *piece);
    assert_true(item != NULL && piece != NULL);
    int n = 0;
    for (int i = 0; i < c->nitems; i++) {
        const as_h5_stored *have = &c->item[i];
        if (i == omitted) {
            continue;
        }
        char *data = calloc(1, (size_t)have->bytes + 1);
        assert_non_null(data);
        const int64_t count = have->text ? have->bytes : as_h5_stored_count(have);
        assert_int_equal(as_h5_contents_read(c, have, 0, count, data), AS_OK);
        piece[n] = (as_h5_piece){.count = count, .data = data};
        item[n] = (as_h5_item){.name = have->name,
                               .type = have->type,
                               .rank = have->rank,
                               .dim = have->dim,
                               .npieces = 1,
                               .piece = &piece[n]};
        item[n].text = have->text ? data : NULL;
        n++;
    }
    assert_int_equal(as_h5_write(world, to, c->nattributes, c->attribute, n, item, NULL), AS_OK);
    for (int i = 0; i < n; i++) {
        free((void *)(uintptr_t)piece[i].data);
    }
    free(item);
    free(piece);
    as_h5_contents_close(&c);
}

static void test_every_missing_item_is_named(void **state)
{
    (void)state;
    state_fill(&s, 2);
    assert_int_equal(as_checkpoint_save(world, RUN, RUN "/a.h5", &s.parts, NULL), AS_OK);
    as_h5_contents *c = NULL;
    assert_int_equal(as_h5_contents_open(RUN "/a.h5", &c), AS_OK);
    assert_true(c->nitems >= STATE_ITEMS + 15);
    for (int i = 0; i < c->nitems; i++) {
        if (strcmp(c->item[i].name, "/normalization/identity") == 0) {
            continue; /* says nothing that scale and shift do not say */
        }
        copy_without(RUN "/a.h5", RUN "/b.h5", i);
        state_fill(&s, 5);
        assert_int_equal(as_checkpoint_load(world, RUN "/b.h5", 0, NULL, &s.parts), AS_DATA);
        if (strstr(as_error_message(), c->item[i].name) == NULL) {
            fail_msg("without %s: %s", c->item[i].name, as_error_message());
        }
        assert_true(state_is(&s, 5)); /* nothing was touched */
    }
    as_h5_contents_close(&c);
}

static void test_unknown_and_misshapen_items_are_named(void **state)
{
    (void)state;
    state_fill(&s, 2);
    assert_int_equal(as_checkpoint_save(world, RUN, RUN "/a.h5", &s.parts, NULL), AS_OK);
    s.nitems--;
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 0, NULL, &s.parts), AS_DATA);
    assert_non_null(strstr(as_error_message(), "/optimizer/count is in the file"));
    s.nitems++;
    s.item[0].shape.dim[0] = 60;
    s.item[0].shape.dim[1] = 40;
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 0, NULL, &s.parts), AS_DATA);
    assert_non_null(strstr(as_error_message(), "/params/dense_1/weight: expected float32 60x40, found float32 40x60"));
    s.item[0].shape.dim[0] = 40;
    s.item[0].shape.dim[1] = 60;
    s.item[STATE_ITEMS - 1].type = AS_U64;
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 0, NULL, &s.parts), AS_DATA);
    assert_non_null(strstr(as_error_message(), "/optimizer/count"));
    s.item[STATE_ITEMS - 1].type = AS_I64;
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 0, NULL, &s.parts), AS_OK);
}

static void assert_refused(const as_checkpoint_parts *parts, as_status status, const char *word)
{
    state_fill(&s, 5);
    const as_status found = as_checkpoint_load(world, RUN "/a.h5", 0, NULL, parts);
    if (found != status || strstr(as_error_message(), word) == NULL) {
        fail_msg("expected %s about '%s', found %s: %s", as_status_name(status), word, as_status_name(found),
                 as_error_message());
    }
    assert_true(state_is(&s, 5));
}

/* Counts that one more step would carry over the end of 64 bits. */
static void test_impossible_progress_is_refused(void **state)
{
    (void)state;
    int64_t *const counts[] = {&s.progress.step, &s.progress.epoch, &s.progress.index, &s.progress.stale};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (int high = 0; high < 2; high++) {
            state_fill(&s, 2);
            *counts[i] = high ? INT64_MAX : -1;
            assert_int_equal(as_checkpoint_save(world, RUN, RUN "/a.h5", &s.parts, NULL), AS_OK);
            assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 0, NULL, &s.parts), AS_DATA);
            assert_non_null(strstr(as_error_message(), "a.h5: /progress: expected"));
        }
    }
}

static void test_another_run_is_refused_by_name(void **state)
{
    (void)state;
    state_fill(&s, 2);
    assert_int_equal(as_checkpoint_save(world, RUN, RUN "/a.h5", &s.parts, NULL), AS_OK);
    as_checkpoint_parts other = s.parts;
    other.seed = 8;
    assert_refused(&other, AS_CONFIG, "seed: 7, this run has 8");
    const char *seed[] = {"seed"}, *lr[] = {"optimizer.lr"}, *section[] = {"optimizer"}, *data[] = {"data"};
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 1, seed, &other), AS_OK);

    other = s.parts;
    other.config = "seed: 7\noptimizer:\n  type: adam\n  lr: 0.002\ntrain:\n  batch: 32\n";
    assert_refused(&other, AS_CONFIG, "differ: optimizer.lr (");
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 1, lr, &other), AS_OK);
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 1, section, &other), AS_OK);
    other.config = "seed: 7\noptimizer:\n  type: adam\n  lr: 0.002\ntrain:\n  batch: 64\n";
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 1, lr, &other), AS_CONFIG);
    assert_non_null(strstr(as_error_message(), "differ: train.batch ("));

    as_lanes lanes;
    assert_int_equal(as_lanes_create(8, world, &lanes), AS_OK);
    other = s.parts;
    other.lanes = &lanes;
    assert_refused(&other, AS_CONFIG, "set lanes: 12");
    as_lanes_destroy(&lanes);

    as_dataset changed = s.data;
    changed.fingerprint[31] ^= 1;
    other = s.parts;
    other.data = &changed;
    assert_refused(&other, AS_DATA, "/data/fingerprint");
    assert_int_equal(as_checkpoint_load(world, RUN "/a.h5", 1, data, &other), AS_OK);

    double scale[STATE_WIDTH];
    memcpy(scale, s.scale, sizeof scale);
    scale[4] = 1e-3;
    as_normalization normalization = s.normalization;
    normalization.scale = scale;
    other = s.parts;
    other.normalization = &normalization;
    assert_refused(&other, AS_DATA, "/normalization/scale");
}

static void test_another_version_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"format_version", "numerics_version"};
    for (int i = 0; i < 2; i++) {
        const as_h5_attribute attribute[] = {{.name = "format_version", .value = AS_FORMAT_VERSION + (i == 0)},
                                             {.name = "numerics_version", .value = AS_NUMERICS_VERSION + (i == 1)}};
        assert_int_equal(as_h5_write(world, RUN "/a.h5", 2, attribute, 0, NULL, NULL), AS_OK);
        assert_refused(&s.parts, AS_DATA, names[i]);
    }
}

static void test_the_newest_valid_one_wins(void **state)
{
    (void)state;
    char path[4096], name[4096];
    remove_steps();
    said[0] = '\0';
    assert_int_equal(as_checkpoint_find(world, RUN "/nowhere", &notes, path, sizeof path), AS_OK);
    assert_string_equal(path, "");
    for (int64_t step = 1; step <= 4; step++) {
        save(step);
    }
    path_of(4, name);
    damage(name);
    path_of(5, name); /* a good file under a wrong name */
    assert_int_equal(link(ONE, name), 0);
    assert_int_equal(as_checkpoint_find(world, RUN, &notes, path, sizeof path), AS_OK);
    path_of(3, name);
    assert_string_equal(path, name);
    assert_non_null(strstr(said, "step-000000000004.h5: bytes 0 to"));
    assert_non_null(strstr(said, "step-000000000005.h5: holds step 1"));
    remove_steps();
    save(1);
    damage(ONE);
    assert_int_equal(as_checkpoint_find(world, RUN, &notes, path, sizeof path), AS_OK);
    assert_string_equal(path, "");
}

/* What must stay, said plainly: walk from the newest; the first `keep` valid ones and all before them stay, and the
 * best. */
static bool must_stay(const bool *valid, int n, int step, int keep, int best)
{
    int newer_valid = 0;
    for (int i = step + 1; i <= n; i++) {
        newer_valid += valid[i];
    }
    return newer_valid < keep || step == best;
}

static void test_retention_against_a_model(void **state)
{
    (void)state;
    enum { STEPS = 7, TRIALS = 60 };
    char path[4096], store[4096];
    remove_steps();
    for (int i = 1; i <= STEPS; i++) {
        save(i);
        path_of(i, path);
        snprintf(store, sizeof store, RUN "/store-%d", i);
        unlink(store);
        assert_int_equal(link(path, store), 0);
        snprintf(store, sizeof store, RUN "/bad-%d", i);
        unlink(path);
        save(i);
        damage(path);
        assert_int_equal(rename(path, store), 0);
    }
    for (int trial = 0; trial < TRIALS; trial++) {
        uint32_t word[4];
        as_rng_words(3, AS_RNG_TEST, 0, 0, (uint64_t)trial, word);
        bool valid[STEPS + 1] = {false};
        const int keep = 1 + (int)(word[0] % 4), best = (int)(word[1] % (STEPS + 2)) - 1;
        remove_steps();
        for (int i = 1; i <= STEPS; i++) {
            valid[i] = (word[2] >> i & 1) != 0 || (word[3] >> i & 1) != 0;
            snprintf(store, sizeof store, RUN "/%s-%d", valid[i] ? "store" : "bad", i);
            path_of(i, path);
            assert_int_equal(link(store, path), 0);
        }
        assert_int_equal(as_checkpoint_retain(world, RUN, keep, best, &notes), AS_OK);
        for (int i = 1; i <= STEPS; i++) {
            assert_int_equal(exists(i), must_stay(valid, STEPS, i, keep, best));
        }
    }
}

static void test_leftovers_are_cleaned(void **state)
{
    (void)state;
    static const char *const dead[] = {RUN "/.tmp-final.h5.1", RUN "/checkpoints/.tmp-step-1.h5.99",
                                       RUN "/checkpoints/.trash-step-1.h5"};
    remove_steps();
    save(1);
    for (int i = 0; i < 3; i++) {
        FILE *file = fopen(dead[i], "w");
        assert_non_null(file);
        fclose(file);
    }
    as_checkpoint_clean(world, RUN, &notes);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(access(dead[i], F_OK), -1);
    }
    assert_true(exists(1));
}

static void test_differences_are_named(void **state)
{
    (void)state;
    as_text report = {0};
    bool same = true;
    state_fill(&s, 2);
    assert_int_equal(as_checkpoint_save(world, RUN, RUN "/a.h5", &s.parts, NULL), AS_OK);
    s.params[2460 + 3 * 40 + 7] += 1.0f;
    s.progress.best_value = -0.0;
    assert_int_equal(as_checkpoint_save(world, RUN, RUN "/b.h5", &s.parts, NULL), AS_OK);
    assert_int_equal(as_checkpoint_diff(RUN "/a.h5", RUN "/b.h5", &report, &same), AS_OK);
    assert_false(same);
    /* Floats of [2048, 4096) are 2^-12 apart, so 1 is 4096 of them. */
    assert_non_null(
        strstr(report.data, "/params/dense_2/weight[3,7]: 2587.5 and 2588.5 (4096 ulp); 1 of 2400 elements"));
    assert_non_null(strstr(report.data, "/progress/best_value: 1 and -0"));
    as_text_free(&report);
    assert_int_equal(as_ulps_f32(1.0f, 1.0f + 0x1p-23f), 1);
    assert_int_equal(as_ulps_f32(0.0f, -0.0f), 1);
    assert_int_equal(as_ulps_f64(-0x1p-1074, 0x1p-1074), 3);
    assert_int_equal(as_ulps_f64(1.0, (double)(0.0f / 0.0f)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_state_comes_back),
        cmocka_unit_test(test_load_and_save_is_the_identity),
        cmocka_unit_test(test_every_missing_item_is_named),
        cmocka_unit_test(test_unknown_and_misshapen_items_are_named),
        cmocka_unit_test(test_impossible_progress_is_refused),
        cmocka_unit_test(test_another_run_is_refused_by_name),
        cmocka_unit_test(test_another_version_is_refused),
        cmocka_unit_test(test_the_newest_valid_one_wins),
        cmocka_unit_test(test_retention_against_a_model),
        cmocka_unit_test(test_leftovers_are_cleaned),
        cmocka_unit_test(test_differences_are_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
