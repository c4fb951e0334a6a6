/* allsum data generate KIND --out FILE.h5: training data that are solutions of equations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/verb.h"
#include "data/generate.h"
#include "io/h5_write.h"

enum { KINDS_MAX = 32 };

static as_status find_kind(const char *name, const as_generate_ops **out)
{
    const char *names[KINDS_MAX + 1] = {NULL};
    const as_generate_ops *const *all = as_generators_get();
    for (int i = 0; all[i] != NULL && i < KINDS_MAX; i++) {
        names[i] = all[i]->name;
        if (strcmp(names[i], name) == 0) {
            *out = all[i];
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(name, names);
    AS_FAIL(AS_USAGE, "data generate: unknown kind '%s'%s%s%s (see: allsum list generators)", name,
            near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

/* The options of the kind from `--set KEY=VALUE`. */
static as_status parse_options(const as_context *context, as_document *document, const as_generate_ops *ops,
                               void **options)
{
    const char *sets[AS_OPTION_TIMES];
    const int nsets = as_option_all(context, "set", sets);
    as_node *map = as_node_create(document, AS_NODE_MAP, "--set", 0, 0);
    *options = as_document_alloc(document, ops->options_bytes);
    if (map == NULL || *options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for options");
    }
    for (int i = 0; i < nsets; i++) {
        char *key = as_document_copy(document, sets[i]);
        char *value = key != NULL ? strchr(key, '=') : NULL;
        as_node *node = as_node_create(document, AS_NODE_SCALAR, "--set", 0, 0);
        if (value == NULL || node == NULL) {
            AS_FAIL(AS_USAGE, "--set %s: expected KEY=VALUE", sets[i]);
        }
        *value = '\0';
        node->text = value + 1;
        AS_TRY(as_node_append(document, map, key, 0, 0, node));
    }
    const as_fields_part part = {ops->fields, *options};
    return as_fields_parse(&part, 1, document, map, ops->name);
}

/* Rows [first, first + count) of this rank. */
typedef struct generated {
    int64_t rows, first, count, width;
    as_shape shape;
    double *x, *y, *work;
} generated;

static as_status make_rows(const as_generate_ops *ops, const void *options, uint64_t seed, generated *g)
{
    int64_t work = 0;
    AS_TRY(ops->plan(options, &g->shape, &work));
    g->width = as_shape_size(&g->shape);
    const size_t bytes = ((size_t)(g->count * g->width) + 1) * sizeof(double);
    g->x = malloc(bytes);
    g->y = malloc(bytes);
    g->work = malloc(((size_t)work + 1) * sizeof(double));
    if (g->x == NULL || g->y == NULL || g->work == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld rows of %lld numbers", (long long)g->count, (long long)g->width);
    }
    for (int64_t r = 0; r < g->count; r++) {
        ops->row(&(as_generate_pass){.options = options,
                                     .seed = seed,
                                     .row = g->first + r,
                                     .x = g->x + r * g->width,
                                     .y = g->y + r * g->width,
                                     .work = g->work});
    }
    return AS_OK;
}

static as_status write_rows(as_world *world, const char *path, const as_generate_ops *ops, const void *options,
                            int64_t seed, const generated *g)
{
    int64_t dim[AS_SHAPE_MAX + 1] = {g->rows};
    memcpy(dim + 1, g->shape.dim, (size_t)g->shape.rank * sizeof *dim);
    const as_h5_piece x = {g->first * g->width, g->count * g->width, g->x};
    const as_h5_piece y = {g->first * g->width, g->count * g->width, g->y};
    const int pieces = g->count > 0 ? 1 : 0, rank = g->shape.rank + 1;
    as_text text = {0};
    as_text_add(&text, "# %s\n", ops->formula);
    as_status status = as_world_agree(world, as_fields_write(ops->fields, options, 0, &text));
    const as_h5_item items[] = {
        {.name = "/x", .type = AS_F64, .rank = rank, .dim = dim, .npieces = pieces, .piece = &x},
        {.name = "/y", .type = AS_F64, .rank = rank, .dim = dim, .npieces = pieces, .piece = &y},
        {.name = "/options", .text = text.data},
    };
    const as_h5_attribute attribute[] = {{.name = "equation", .text = ops->name}, {.name = "seed", .value = seed}};
    if (status == AS_OK) {
        status = as_h5_write(world, path, 2, attribute, 3, items, NULL);
    }
    as_text_free(&text);
    return status;
}

static as_status generate(as_context *context, as_document *document, const as_generate_ops *ops)
{
    const char *path = as_option_get(context, "out");
    int64_t rows = 1000, seed = 1;
    void *options = NULL;
    as_world *world = NULL;
    if (path == NULL) {
        AS_FAIL(AS_USAGE, "data generate: --out FILE.h5 is needed");
    }
    AS_TRY(as_option_int(context, "rows", 1, INT64_C(1) << 40, &rows));
    AS_TRY(as_option_int(context, "seed", 0, INT64_MAX, &seed));
    AS_TRY(parse_options(context, document, ops, &options));
    AS_TRY(as_context_world(context, &world));
    const int64_t ranks = as_world_size(world), rank = as_world_rank(world);
    generated g = {.rows = rows, .first = rows / ranks * rank + (rank < rows % ranks ? rank : rows % ranks)};
    g.count = rows / ranks + (rank < rows % ranks);
    as_status status = as_world_agree(world, make_rows(ops, options, (uint64_t)seed, &g));
    if (status == AS_OK) {
        status = write_rows(world, path, ops, options, seed, &g);
    }
    if (status == AS_OK && rank == 0) {
        char shape[64];
        printf("%s: /x and /y, %lld rows of %s: %s\n", path, (long long)rows,
               as_shape_text(&g.shape, shape, sizeof shape), ops->formula);
    }
    free(g.x);
    free(g.y);
    free(g.work);
    return status;
}

static as_status run(as_context *context)
{
    const as_generate_ops *ops = NULL;
    as_document *document = NULL;
    if (strcmp(context->argument[0], "generate") != 0) {
        AS_FAIL(AS_USAGE, "data: expected generate, found '%s'", context->argument[0]);
    }
    AS_TRY(find_kind(context->argument[1], &ops));
    AS_TRY(as_document_create(&document));
    const as_status status = generate(context, document, ops);
    as_document_destroy(&document);
    return status;
}

static const as_option options[] = {
    {.name = "out", .letter = 'o', .value = "FILE.h5", .help = "HDF5 file to write"},
    {.name = "rows", .letter = 'n', .value = "N", .help = "how many rows (default 1000)"},
    {.name = "seed", .value = "N", .help = "of the random states (default 1)"},
    {.name = "set",
     .letter = 's',
     .value = "KEY=VALUE",
     .help = "an option of the kind, e.g. -s viscosity=0.02 (repeatable)"},
    AS_OPTIONS_END,
};

const as_verb as_verb_data = {
    .name = "data",
    .arguments = "generate KIND",
    .summary = "Generate training data: solutions of equations, as an HDF5 file",
    .details = "Row i of /x is a random state, row i of /y what the equation makes of it; a row is a function of the "
               "seed and its\n"
               "number, whatever the number of ranks. /options holds the options in words. Train on it with\n"
               "data: {train: {format: hdf5, file: FILE.h5}}.\n"
               "Kinds: allsum list generators. Their options: allsum explain burgers.\n",
    .options = options,
    .min_arguments = 2,
    .max_arguments = 2,
    .run = run,
};
