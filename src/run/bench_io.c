/* Files: committing a checkpoint and verifying it beside a plain write of the same bytes, and reading data formats as
   training does, rows in pieces of some MiB. Files are new and read from the page cache: what is measured is this
   program and the file system, not the disk behind it (but for the fsync of both ways of writing). */
#include "run/bench_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fields.h"
#include "data/format.h"
#include "io/h5_write.h"
#include "io/yaml.h"

enum { REPEATS = 3, MIB = 1 << 20, WIDTH = 64, PATH = 4096, PIECE = 4 * MIB, CSV_COLUMNS = 8 };
static const int64_t H5_BYTES = 128 * MIB, IDX_BYTES = 64 * MIB, CSV_ROWS = 200000;

typedef struct bench {
    as_world *world;
    bool json;
    as_text *text;
    char path[PATH + 32]; /* of the file at hand */
    float *data;          /* H5_BYTES */
} bench;

static void write_row(bench *b, const char *name, double bytes, double second[REPEATS])
{
    for (int i = 1; i < REPEATS; i++) { /* three numbers */
        for (int k = i; k > 0 && second[k] < second[k - 1]; k--) {
            const double swap = second[k];
            second[k] = second[k - 1];
            second[k - 1] = swap;
        }
    }
    const double median = bytes / second[REPEATS / 2] * 1e-9, best = bytes / second[0] * 1e-9;
    if (!b->json) {
        as_text_add(b->text, "%-52s %9.2f %9.2f\n", name, median, best);
        return;
    }
    as_json_open(b->text, NULL, '{');
    as_json_text(b->text, "name", name);
    as_json_real(b->text, "median", median);
    as_json_real(b->text, "best", best);
    as_json_close(b->text, '}');
}

static as_status write_plain(bench *b, const void *data, size_t bytes, bool sync)
{
    const int file = open(b->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) {
        AS_FAIL(AS_CANTCREAT, "%s: %s", b->path, strerror(errno));
    }
    as_status status = AS_OK;
    for (size_t at = 0; at < bytes && status == AS_OK;) {
        const ssize_t n = write(file, (const char *)data + at, bytes - at < PIECE ? bytes - at : PIECE);
        if (n < 0) {
            status = as_error_set(AS_IO, "%s: %s", b->path, strerror(errno));
        } else {
            at += (size_t)n;
        }
    }
    if (status == AS_OK && sync && fsync(file) != 0) {
        status = as_error_set(AS_IO, "%s: %s", b->path, strerror(errno));
    }
    close(file);
    return status;
}

/* One commit by all ranks, each with its share of a dataset. */
static as_status commit(bench *b)
{
    const int64_t rows = H5_BYTES / (int64_t)sizeof(float) / WIDTH, dim[2] = {rows, WIDTH};
    const int rank = as_world_rank(b->world), size = as_world_size(b->world);
    const int64_t first = rows * rank / size * WIDTH, end = rows * (rank + 1) / size * WIDTH;
    const as_h5_piece piece = {.first = first, .count = end - first, .data = b->data + first};
    const as_h5_item item = {.name = "/x", .type = AS_F32, .rank = 2, .dim = dim, .npieces = 1, .piece = &piece};
    return as_h5_write(b->world, b->path, 0, NULL, 1, &item, NULL);
}

static as_status measure_checkpoint(bench *b)
{
    const bool first = as_world_rank(b->world) == 0;
    double plain[REPEATS], write[REPEATS], verify[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        double begin = as_clock_seconds();
        AS_TRY(as_world_agree(b->world, first ? write_plain(b, b->data, (size_t)H5_BYTES, true) : AS_OK));
        plain[i] = as_clock_seconds() - begin;
        begin = as_clock_seconds();
        AS_TRY(commit(b));
        write[i] = as_clock_seconds() - begin;
        begin = as_clock_seconds();
        AS_TRY(as_world_agree(b->world, first ? as_h5_verify(b->path, NULL) : AS_OK));
        verify[i] = as_clock_seconds() - begin;
    }
    write_row(b, "write and fsync 128 MiB, one process", (double)H5_BYTES, plain);
    write_row(b, "checkpoint 128 MiB: write, read back, hash, fsync", (double)H5_BYTES, write);
    write_row(b, "checkpoint 128 MiB: verify, one process", (double)H5_BYTES, verify);
    return AS_OK;
}

/* All rows of the inputs of a source, in pieces. */
static as_status read_source(const as_source *source, void *room)
{
    as_format_file *file = NULL;
    as_column column[AS_PARTS] = {{0}};
    AS_TRY(source->ops->open(source->options, NULL, &file, column));
    const as_column *x = &column[AS_PART_X];
    const int64_t row = as_shape_size(&x->shape) * (int64_t)as_dtype_bytes(x->type), rows = PIECE / row;
    as_status status = AS_OK;
    for (int64_t at = 0; at < x->rows && status == AS_OK; at += rows) {
        status = source->ops->read(file, AS_PART_X, at, x->rows - at < rows ? x->rows - at : rows, room);
    }
    source->ops->close(&file);
    return status;
}

/* format: the options of the source, with the path where %s is. */
static as_status measure_read(bench *b, const char *name, const char *format, double bytes)
{
    as_text text = {0};
    double second[REPEATS];
    as_document *document = NULL;
    as_node *root = NULL;
    as_source source;
    void *room = malloc(2 * PIECE);
    as_text_add(&text, "{%s: ", format);
    as_scalar_write(b->path, &text);
    as_text_add(&text, "}");
    as_status status =
        room == NULL || text.failed ? as_error_set(AS_NOMEM, "out of memory for a piece of a file") : AS_OK;
    status = status == AS_OK ? as_document_create(&document) : status;
    status = status == AS_OK ? as_yaml_parse(document, name, text.data, &root) : status;
    status = status == AS_OK ? as_source_parse(document, root, "data.train", &source) : status;
    for (int i = 0; i < REPEATS && status == AS_OK; i++) {
        const double begin = as_clock_seconds();
        status = read_source(&source, room);
        second[i] = as_clock_seconds() - begin;
    }
    if (status == AS_OK) {
        write_row(b, name, bytes, second);
    }
    as_document_destroy(&document);
    as_text_free(&text);
    free(room);
    return status;
}

static as_status measure_idx(bench *b)
{
    const int64_t rows = IDX_BYTES / 784;
    unsigned char *const byte = (unsigned char *)b->data;
    const unsigned char head[16] = {0,
                                    0,
                                    8,
                                    3,
                                    (unsigned char)(rows >> 24),
                                    (unsigned char)(rows >> 16),
                                    (unsigned char)(rows >> 8),
                                    (unsigned char)rows,
                                    0,
                                    0,
                                    0,
                                    28,
                                    0,
                                    0,
                                    0,
                                    28};
    memcpy(byte, head, sizeof head);
    AS_TRY(write_plain(b, byte, sizeof head + (size_t)(rows * 784), false));
    return measure_read(b, "read idx, uint8, 64 MiB", "format: idx, x", (double)(rows * 784));
}

static as_status measure_csv(bench *b)
{
    as_text csv = {0};
    for (int j = 0; j < CSV_COLUMNS; j++) {
        as_text_add(&csv, "%sc%d", j > 0 ? "," : "", j);
    }
    for (int64_t i = 0; i < CSV_ROWS; i++) {
        for (int j = 0; j < CSV_COLUMNS; j++) {
            as_text_add(&csv, "%s%.6f", j > 0 ? "," : "\n", (double)((i * CSV_COLUMNS + j) * 7919 % 1000003) / 1009);
        }
    }
    as_text_add(&csv, "\n");
    as_status status = csv.failed ? as_error_set(AS_NOMEM, "out of memory for a CSV file") : AS_OK;
    status = status == AS_OK ? write_plain(b, csv.data, csv.size, false) : status;
    if (status == AS_OK) {
        status = measure_read(b, "read csv, 200000 rows of 8 numbers (bytes of text)",
                              "format: csv, target: [c7], file", (double)csv.size);
    }
    as_text_free(&csv);
    return status;
}

static as_status measure_reads(bench *b)
{
    AS_TRY(measure_read(b, "read hdf5, float32, 128 MiB", "format: hdf5, x: /x, y: /x, file", (double)H5_BYTES));
    AS_TRY(measure_idx(b));
    return measure_csv(b);
}

static as_status run(bench *b)
{
    as_status status = measure_checkpoint(b);
    if (status == AS_OK) {
        status = as_world_agree(b->world, as_world_rank(b->world) == 0 ? measure_reads(b) : AS_OK);
    }
    if (as_world_rank(b->world) == 0) {
        unlink(b->path);
    }
    return status;
}

as_status as_bench_io(as_world *world, const char *dir, bool json, as_text *text)
{
    bench b = {.world = world, .json = json, .text = text};
    snprintf(b.path, sizeof b.path, "%.*s/allsum-bench-%lld", PATH, dir, (long long)getpid());
    AS_TRY(as_world_broadcast(world, 0, b.path, sizeof b.path));
    b.data = malloc((size_t)H5_BYTES);
    AS_TRY(as_world_agree(world, b.data == NULL ? as_error_set(AS_NOMEM, "out of memory for a benchmark") : AS_OK));
    for (int64_t i = 0; i < H5_BYTES / (int64_t)sizeof(float); i++) {
        b.data[i] = (float)(i % 8191);
    }
    if (json) {
        as_json_open(text, NULL, '{');
        as_json_text(text, "bench", "io");
        as_json_text(text, "unit", "GB/s");
        as_json_int(text, "ranks", as_world_size(world));
        as_json_open(text, "rows", '[');
    } else {
        as_text_add(text, "files in %s, %d rank%s\n%-52s %9s %9s\n", dir, as_world_size(world),
                    as_world_size(world) > 1 ? "s" : "", "GB/s", "median", "best");
    }
    const as_status status = run(&b);
    if (json) {
        as_json_close(text, ']');
        as_json_close(text, '}');
        as_text_add(text, "\n");
    }
    free(b.data);
    return status;
}
