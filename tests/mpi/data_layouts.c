/* Data sets over ranks: whatever the layout, one fingerprint, one normalisation, one set of batches; and when one rank
   cannot read, all ranks return the same failure. Prints a hash over everything; arguments:
     hash=HEX   compare
     bad=RANK   that rank is given a file that does not exist; all must report it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "comm/lanes.h"
#include "data/sampler.h"
#include "io/yaml.h"

enum { LANES = 12, CASES = 9 };

static const char *const cases[CASES] = {
    "train: {format: builtin, name: digits}\nnormalize: mean_std\nvalidation: 0.1\n",
    "train: {format: builtin, name: linear, samples: 1001}\nnormalize: mean_std\nassign: contiguous\n",
    "train: {format: csv, file: holes.csv, target: y}\nmissing: drop\nvalidation: 0.2\n",
    "train: {format: csv, file: holes.csv, target: y}\nmissing: mean\nnormalize: mean_std\n",
    "train: {format: idx, x: seq_x.idx, y: seq_y.idx, labels: true}\nignore_label: 3\nvalidation: 0.3\n",
    "train: {format: text, file: text.txt, context: 16, stride: 5}\nvalidation: 0.1\n",
    "train: {format: text, file: text.txt, context: 9, tokens: bpe, vocabulary: 290, separator: \"\\n\"}\n",
    "train: {format: csv, file: holes.csv, target: y, labels: false, window: {length: 4, horizon: 2}}\n"
    "normalize: mean_std\nmissing: drop\nvalidation: 0.2\n",
    "train: {format: idx, x: images.idx, layout: nchw}\nreconstruct: true\nnormalize: mean_std\nvalidation: 0.5\n",
};

static void write_holes(void)
{
    FILE *file = fopen("holes.csv", "w");
    fprintf(file, "a,b,y\n");
    for (int i = 0; i < 500; i++) {
        fprintf(file, i % 7 == 3 ? "%d,,%d\n" : "%d,%d.5,%d\n", i, i % 7 == 3 ? i % 4 : 3 * i, i % 4);
    }
    fclose(file);
}

/* IDX arrays: x (200, 4), y (200, 5) with labels 0..3. */
static void write_sequences(void)
{
    uint8_t x[12 + 200 * 4] = {0, 0, 8, 2, 0, 0, 0, 200, 0, 0, 0, 4};
    uint8_t y[12 + 200 * 5] = {0, 0, 8, 2, 0, 0, 0, 200, 0, 0, 0, 5};
    for (int i = 12; i < (int)sizeof y; i++) {
        y[i] = (uint8_t)(i * i % 4);
        x[i % (int)sizeof x] = i % (int)sizeof x < 12 ? x[i % (int)sizeof x] : (uint8_t)(i * 7);
    }
    FILE *file = fopen("seq_x.idx", "wb");
    fwrite(x, 1, sizeof x, file);
    fclose(file);
    file = fopen("seq_y.idx", "wb");
    fwrite(y, 1, sizeof y, file);
    fclose(file);
}

/* IDX images (90, 2, 3, 4), channels first. */
static void write_images(void)
{
    uint8_t x[20 + 90 * 24] = {0, 0, 8, 4, 0, 0, 0, 90, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4};
    for (int i = 20; i < (int)sizeof x; i++) {
        x[i] = (uint8_t)(i * i % 251);
    }
    FILE *file = fopen("images.idx", "wb");
    fwrite(x, 1, sizeof x, file);
    fclose(file);
}

static void write_text(void)
{
    static const char *const words[] = {"the ", "lane ", "of ", "a ", "rank\n", "tree, "};
    FILE *file = fopen("text.txt", "w");
    for (int i = 0; i < 1500; i++) {
        fputs(words[i * i % 11 % 6], file);
    }
    fclose(file);
}

/* Ids, labels and targets of all batches, lane after lane over all ranks. */
static as_status hash_batches(as_world *world, const as_dataset *data, as_sha256 *hash)
{
    as_sampler *sampler = NULL;
    as_batch batch;
    AS_TRY(as_sampler_create(data, 37, true, 5, &sampler));
    AS_TRY(as_sampler_batch_create(sampler, &batch));
    const int ranks = as_world_size(world);
    int64_t mine[64], *all = malloc(sizeof mine * (size_t)ranks);
    for (int64_t b = 0; b < as_sampler_batches(sampler); b++) {
        as_sampler_fill(sampler, 3, b, &batch);
        memset(mine, 0, sizeof mine);
        mine[0] = batch.rows;
        memcpy(mine + 1, batch.id, (size_t)batch.rows * sizeof *mine);
        AS_TRY(as_world_all_gather(world, mine, sizeof mine, all));
        for (int r = 0; r < ranks; r++) {
            as_sha256_add(hash, all + 64 * r + 1, (size_t)all[64 * r] * sizeof *all);
        }
        const int64_t labels = batch.label == NULL ? 0 : data->positions;
        for (int64_t i = 0; i < batch.rows; i++) { /* a sum over labels and bits of targets, for each row */
            uint64_t sum = 0, bits = 0;
            for (int64_t p = 0; p < labels; p++) {
                sum = 31 * sum + (uint64_t)batch.label[i * labels + p];
            }
            for (int64_t t = 0; batch.target != NULL && t < data->targets; t++) {
                memcpy(&bits, batch.target + i * data->targets + t, sizeof bits);
                sum = 31 * sum + bits;
            }
            mine[1 + i] = (int64_t)sum;
        }
        AS_TRY(as_world_all_gather(world, mine, sizeof mine, all));
        for (int r = 0; r < ranks; r++) {
            as_sha256_add(hash, all + 64 * r + 1, (size_t)all[64 * r] * sizeof *all);
        }
    }
    free(all);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    return AS_OK;
}

static as_status hash_case(as_world *world, as_document *document, const as_lanes *lanes, const char *text,
                           as_sha256 *hash)
{
    as_node *node = NULL;
    as_data_options options;
    AS_TRY(as_yaml_parse(document, "case", text, &node));
    AS_TRY(as_data_options_parse(document, node, &options));
    for (int role = AS_TRAIN; role <= (options.validation > 0 ? AS_VALIDATION : AS_TRAIN); role++) {
        as_dataset data;
        as_normalization n;
        AS_TRY(as_dataset_open(&options, (as_role)role, world, lanes, 11, NULL, &data));
        AS_TRY(as_normalization_fit(&options, &data, world, as_kernels_get(AS_PORTABLE, AS_FLOAT32), &n));
        as_normalization_fill(&n, &options, &data);
        as_sha256_add(hash, data.fingerprint, sizeof data.fingerprint);
        as_sha256_add(hash, &data.rows, sizeof data.rows);
        as_sha256_add(hash, n.scale, (size_t)n.width * sizeof *n.scale);
        as_sha256_add(hash, n.shift, (size_t)n.width * sizeof *n.shift);
        as_sha256_add(hash, n.fill, (size_t)n.width * sizeof *n.fill);
        AS_TRY(hash_batches(world, &data, hash));
        as_normalization_destroy(&n);
        as_dataset_close(&data);
    }
    return AS_OK;
}

/* All ranks must see the failure of rank `bad`. */
static as_status fail_together(as_world *world, as_document *document, const as_lanes *lanes, int bad)
{
    as_node *node = NULL;
    as_data_options options;
    as_dataset data;
    const bool mine = as_world_rank(world) == bad;
    AS_TRY(as_yaml_parse(document, "case",
                         mine ? "train: {format: csv, file: nowhere.csv}" : "train: {format: csv, file: holes.csv}",
                         &node));
    AS_TRY(as_data_options_parse(document, node, &options));
    options.missing = AS_MISSING_DROP;
    const as_status status = as_dataset_open(&options, AS_TRAIN, world, lanes, 11, NULL, &data);
    const bool right = status == AS_NOINPUT && strstr(as_error_message(), "nowhere.csv") != NULL;
    if (!right) {
        AS_FAIL(AS_INTERNAL, "expected NOINPUT naming nowhere.csv, found %s: %s", as_status_name(status),
                as_error_message());
    }
    return AS_OK;
}

static as_status run(as_world *world, int argc, char **argv)
{
    as_document *document = NULL;
    as_lanes lanes;
    as_sha256 hash;
    uint8_t digest[32];
    char text[65];
    const char *expected = NULL;
    int bad = -1;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "hash=", 5) == 0) {
            expected = argv[i] + 5;
        } else if (strncmp(argv[i], "bad=", 4) == 0) {
            bad = atoi(argv[i] + 4);
        }
    }
    if (as_world_rank(world) == 0) {
        write_holes();
        write_sequences();
        write_text();
        write_images();
    }
    AS_TRY(as_world_barrier(world));
    AS_TRY(as_document_create(&document));
    AS_TRY(as_lanes_create(LANES, world, &lanes));
    as_sha256_begin(&hash);
    for (int c = 0; c < CASES && bad < 0; c++) {
        AS_TRY(hash_case(world, document, &lanes, cases[c], &hash));
    }
    if (bad >= 0) {
        AS_TRY(fail_together(world, document, &lanes, bad));
    }
    as_sha256_end(&hash, digest);
    as_sha256_text(digest, text);
    if (as_world_rank(world) == 0) {
        printf("%s\n", text);
    }
    as_lanes_destroy(&lanes);
    as_document_destroy(&document);
    if (expected != NULL && strcmp(expected, text) != 0) {
        AS_FAIL(AS_INTERNAL, "expected %s, found %s", expected, text);
    }
    return AS_OK;
}

int main(int argc, char **argv)
{
    const as_world_options options = {.launched = getenv("OMPI_COMM_WORLD_SIZE") != NULL};
    as_world *world = NULL;
    as_status status = as_world_open(&options, &world);
    if (status == AS_OK) {
        status = run(world, argc, argv);
        if (status != AS_OK) {
            fprintf(stderr, "rank %d: %s\n", as_world_rank(world), as_error_message());
            as_world_abort(world, 1);
        }
        as_world_close(&world);
    }
    return status != AS_OK;
}
