/* allsum predict RUN|CHECKPOINT --in FILE --out FILE.h5|FILE.csv: outputs of a trained model for every row of a file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cli/model_verb.h"
#include "cli/predict_table.h"
#include "estimator/network.h"
#include "estimator/statistic.h"
#include "io/file_kind.h"
#include "io/h5_write.h"

/* What this rank's rows gave, in the order of the file. */
typedef struct predictions {
    int64_t rows, first, total, outputs;
    int64_t positions; /* with labels of their own: outputs / positions for each */
    double *value;     /* (rows, outputs) */
    int64_t *id;       /* (rows) row numbers in the input */
    int32_t *label;    /* (rows, positions) class by that rule; NULL unless the model has classes */
    as_class_rule rule;
    as_shape shape;             /* of the values of a row; of classes: positions and outputs, or outputs */
    as_uncertainty uncertainty; /* of the values, which are means then */
} predictions;

/* Format of the input: by --format or by the name's ending. */
static as_status find_format(const char *file, const char *format, const char **out)
{
    format = format != NULL ? format : as_file_format(file);
    if (format == NULL) {
        AS_FAIL(AS_USAGE, "--in %s: format not known by its name; give --format", file);
    }
    *out = format;
    return AS_OK;
}

/* --in and --out, which must not be the same file: writing replaces it. */
static as_status check_files(const char *in, const char *out)
{
    struct stat a, b;
    if (in == NULL || out == NULL) {
        AS_FAIL(AS_USAGE, "predict: --in FILE and --out FILE.h5 or FILE.csv are needed");
    }
    static const char *const others[] = {".npy", ".npz", ".json", ".txt", NULL};
    for (int i = 0; others[i] != NULL; i++) {
        if (as_file_ends(out, others[i])) {
            AS_FAIL(AS_USAGE,
                    "--out %s: predictions are HDF5 or CSV; expected a name that ends in .h5 or .csv, found %s", out,
                    others[i]);
        }
    }
    if (stat(out, &b) == 0 && S_ISDIR(b.st_mode)) {
        AS_FAIL(AS_CANTCREAT, "--out %s: expected a file, found a directory", out);
    }
    if (stat(in, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
        AS_FAIL(AS_USAGE, "--out %s: is the input itself, and would be replaced", out);
    }
    return AS_OK;
}

static int32_t pick(as_class_rule rule, const double *value, int64_t n)
{
    int64_t best = 0;
    if (rule == AS_CLASS_BY_TARGET && n == 1) {
        return value[0] > 0.5;
    }
    for (int64_t i = 1; i < n; i++) {
        best = (rule == AS_CLASS_SMALLEST ? value[i] < value[best] : value[i] > value[best]) ? i : best;
    }
    return (int32_t)best;
}

/* Whether outputs stand for classes: those of the labels, or those that a statistical model has found by itself. */
static bool has_classes(const as_model_file *m, as_class_rule *rule)
{
    const as_statistic_ops *statistic = m->estimator->ops->statistic;
    *rule = statistic != NULL ? statistic->classes : AS_CLASS_BY_TARGET;
    return *rule != AS_CLASS_BY_TARGET ||
           (m->facts.target == AS_TARGET_LABELS && (statistic == NULL || statistic->target == AS_TARGET_LABELS));
}

/* The axes of a row's values: those of the network's own output, where that is a field. */
static as_shape shape_of(const as_model_file *m, const predictions *p, bool classes)
{
    if (p->positions > 1) {
        return (as_shape){.rank = 2, .dim = {p->positions, p->outputs / p->positions}};
    }
    if (m->estimator->ops->statistic == NULL && !classes) {
        const as_model *model = &((const as_network *)m->estimator)->model;
        const as_shape *own = as_model_shape(model, model->head[0].value);
        if (own->rank > 1 && as_shape_size(own) == p->outputs) {
            return *own;
        }
    }
    return (as_shape){.rank = 1, .dim = {p->outputs}};
}

/* Runs the model over this rank's rows. A batch takes rows from all lanes: each goes to its place in the file's order.
 */
static as_status predict_rows(const as_context *context, const as_model_file *m, const as_dataset *data,
                              const as_sampler *sampler, as_batch *batch, double *buffer, predictions *out)
{
    const bool draws = out->uncertainty.kind != AS_UNCERTAINTY_NONE;
    if (draws) {
        as_context own = *context;
        AS_TRY(as_uncertainty_predict(&own, m, data, sampler, batch, &out->uncertainty));
        memcpy(out->value, out->uncertainty.mean, (size_t)(out->rows * out->outputs) * sizeof(double));
    }
    for (int64_t b = 0; b < as_sampler_batches(sampler) && !draws; b++) {
        as_sampler_fill(sampler, 0, b, batch);
        AS_TRY(m->estimator->ops->predict(m->estimator, batch, buffer));
        for (int64_t r = 0; r < batch->rows; r++) {
            memcpy(out->value + batch->row[r] * out->outputs, buffer + r * out->outputs,
                   (size_t)out->outputs * sizeof(double));
        }
    }
    memcpy(out->id, data->id, (size_t)out->rows * sizeof *out->id);
    const int64_t each = out->outputs / out->positions;
    for (int64_t q = 0; q < out->rows * out->positions && out->label != NULL; q++) {
        const double *value = out->value + q * each;
        out->label[q] = pick(out->rule, value, each);
    }
    return AS_OK;
}

static as_status write_table(const as_model_file *m, const char *path, const predictions *p)
{
    if (p->positions > 1) {
        AS_FAIL(AS_USAGE,
                "--out %s: each row has %lld positions with %lld outputs: no table; expected a name that ends in .h5",
                path, (long long)p->positions, (long long)(p->outputs / p->positions));
    }
    const as_predict_table t = {.rows = p->rows,
                                .outputs = p->outputs,
                                .id = p->id,
                                .label = p->label,
                                .by_target = p->label != NULL && p->rule == AS_CLASS_BY_TARGET,
                                .value = p->value,
                                .doubt = &p->uncertainty};
    return as_predict_table_write(m, path, &t);
}

static as_status write_file(const as_model_file *m, const char *path, const predictions *p)
{
    const bool several = p->positions > 1;
    const int64_t label_dim[2] = {p->total, p->positions};
    int64_t dim[1 + AS_SHAPE_MAX] = {p->total};
    memcpy(dim + 1, p->shape.dim, (size_t)p->shape.rank * sizeof *dim);
    const as_h5_piece value = {p->first * p->outputs, p->rows * p->outputs, p->value};
    const as_h5_piece id = {p->first, p->rows, p->id},
                      label = {p->first * p->positions, p->rows * p->positions, p->label};
    const int pieces = p->rows > 0 ? 1 : 0;
    as_text classes = {0};
    as_names_write(&m->facts.class_names, &classes);
    const bool named = p->label != NULL && classes.size > 0;
    const as_h5_item items[] = {
        {.name = "/output", .type = AS_F64, .rank = 1 + p->shape.rank, .dim = dim, .npieces = pieces, .piece = &value},
        {.name = "/row", .type = AS_I64, .rank = 1, .dim = dim, .npieces = pieces, .piece = &id},
        {.name = "/class",
         .type = AS_I32,
         .rank = several ? 2 : 1,
         .dim = label_dim,
         .npieces = pieces,
         .piece = &label},
        {.name = "/class_names", .text = classes.data},
    };
    as_h5_item all[4 + 3];
    int n = named ? 4 : p->label != NULL ? 3 : 2;
    memcpy(all, items, (size_t)n * sizeof *items);
    const as_uncertainty *u = &p->uncertainty;
    const int64_t u_dim[2] = {p->total, u->width};
    const as_h5_piece u_piece[3] = {{p->first * u->width, p->rows * u->width, u->epistemic},
                                    {p->first * u->width, p->rows * u->width, u->aleatoric},
                                    {p->first * u->width, p->rows * u->width, u->total}};
    static const char *const u_name[3] = {"/uncertainty/epistemic", "/uncertainty/aleatoric", "/uncertainty/total"};
    for (int k = 0; u->kind != AS_UNCERTAINTY_NONE && k < (u->noise ? 3 : 1); k++) {
        all[n++] = (as_h5_item){.name = u_name[k],
                                .type = AS_F64,
                                .rank = u->width > 1 ? 2 : 1,
                                .dim = u_dim,
                                .npieces = pieces,
                                .piece = &u_piece[k]};
    }
    const as_h5_attribute attribute = {.name = "model", .text = m->path};
    const as_status status = as_h5_write(m->world, path, 1, &attribute, n, all, NULL);
    as_text_free(&classes);
    return status;
}

/* What is where. */
static void tell(const predictions *p, const as_dataset *data, const char *in, const char *out, bool table)
{
    if (table) {
        printf("%s: %lld rows, %lld output%s%s for %s\n", out, (long long)p->total, (long long)p->outputs,
               p->outputs == 1 ? "" : "s", p->label != NULL ? " and the class" : "", in);
    } else {
        printf("%s: /output (%lld", out, (long long)p->total);
        for (int i = 0; i < p->shape.rank; i++) {
            printf(", %lld", (long long)p->shape.dim[i]);
        }
        printf(")%s for %s\n", p->label != NULL ? ", /class" : "", in);
        if (p->uncertainty.kind != AS_UNCERTAINTY_NONE) {
            printf("/uncertainty/epistemic%s: %s\n", p->uncertainty.noise ? ", aleatoric, total" : "",
                   p->uncertainty.about);
        }
    }
    if (data->dropped > 0) {
        printf(
            "%lld of %lld rows have a missing value and no output (data.missing: drop); %srow says which are there\n",
            (long long)data->dropped, (long long)data->stored, table ? "" : "/");
    }
}

static as_status predict(const as_context *context, const as_model_file *m)
{
    as_source source;
    as_dataset data = {0};
    as_sampler *sampler = NULL;
    as_batch batch = {0};
    double *buffer = NULL;
    predictions p = {.outputs = m->estimator->ops->outputs(m->estimator)};
    const char *in = as_option_get(context, "in"), *out = as_option_get(context, "out");
    const char *format = NULL;
    const bool table = as_file_ends(out, ".csv");
    AS_TRY(find_format(in, as_option_get(context, "format"), &format));
    AS_TRY(as_world_agree(m->world, as_model_file_spare(m, out)));
    AS_TRY(as_uncertainty_parse(context, &p.uncertainty));
    AS_TRY(as_source_inputs(m->config.document, format, in, &m->config.data.train, &source));
    as_status status = as_model_file_data(m, AS_PREDICT, &source, &data, &sampler, &batch);
    if (status == AS_OK) {
        const size_t rows = (size_t)data.local_rows + 1;
        p.rows = data.local_rows;
        p.total = data.rows;
        const bool classes = has_classes(m, &p.rule);
        p.positions = classes && p.rule == AS_CLASS_BY_TARGET ? m->facts.positions : 1;
        p.shape = shape_of(m, &p, classes);
        p.first = data.lane_first[m->lanes.first];
        p.uncertainty.rows = p.rows;
        p.uncertainty.outputs = p.outputs;
        p.uncertainty.positions = p.positions;
        p.uncertainty.classes = classes;
        p.value = malloc(rows * (size_t)p.outputs * sizeof *p.value);
        p.id = malloc(rows * sizeof *p.id);
        p.label = classes ? malloc(rows * (size_t)p.positions * sizeof *p.label) : NULL;
        buffer = malloc((size_t)(batch.capacity + 1) * (size_t)p.outputs * sizeof *buffer);
        const bool room = p.value != NULL && p.id != NULL && buffer != NULL && (p.label != NULL || !classes);
        status = as_world_agree(
            m->world, room ? AS_OK : as_error_set(AS_NOMEM, "out of memory for %lld predictions", (long long)p.rows));
    }
    if (status == AS_OK) {
        status = as_world_agree(m->world, predict_rows(context, m, &data, sampler, &batch, buffer, &p));
    }
    if (status == AS_OK) {
        status = (table ? write_table : write_file)(m, out, &p);
    }
    if (status == AS_OK && as_world_rank(m->world) == 0) {
        tell(&p, &data, in, out, table);
    }
    as_uncertainty_free(&p.uncertainty);
    free(p.value);
    free(p.id);
    free(p.label);
    free(buffer);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    as_dataset_close(&data);
    return status;
}

static as_status run(as_context *context)
{
    AS_TRY(check_files(as_option_get(context, "in"), as_option_get(context, "out")));
    as_uncertainty u;
    char buffer[600];
    const char *path;
    AS_TRY(as_uncertainty_parse(context, &u));
    AS_TRY(as_uncertainty_path(&u, context->argument[0], buffer, &path));
    return as_model_verb(context, path, predict);
}

static const as_option options[] = {
    {.name = "in", .letter = 'i', .value = "FILE", .help = "inputs: HDF5, netCDF, CSV, NPY, IDX or text"},
    {.name = "out", .letter = 'o', .value = "FILE", .help = "HDF5 file (.h5) or table (.csv) to write"},
    {.name = "format", .value = "FORMAT", .help = "format of the input, where its name does not tell"},
    {.name = "uncertainty",
     .value = "METHOD",
     .help = "ensemble (RUN made by train --members), dropout, laplace or swag: mean of draws, and where its doubt "
             "comes from"},
    {.name = "samples", .value = "N", .help = "draws of dropout, laplace and swag (default 30)"},
    {.name = "laplace",
     .value = "WHAT",
     .help = "weights that vary: last_layer (default), diagonal or full (small networks)"},
    AS_OPTION_SET,
    AS_OPTION_THREADS,
    AS_OPTIONS_END,
};

const as_verb as_verb_predict = {
    .name = "predict",
    .arguments = "RUN|CHECKPOINT",
    .summary = "Outputs of a trained model for every row of a file",
    .details =
        "Writes to HDF5 /output (rows, outputs): probabilities, rates or values, as the loss gives them; /class with "
        "labels,\n"
        "and /class_names, one a line, where they are texts in the training data; fields keep their axes, channels "
        "last;\n"
        "/row, the row number in the input. Where each position has a label (tokens, pixels): (rows, positions, "
        "outputs).\n"
        "To a CSV table: row, class, an output for each class or target.\n"
        "Columns and datasets of the input are found by the names that they have in the training data, in any order;\n"
        "targets may be absent.\n"
        "--uncertainty adds /uncertainty/epistemic (what more data could settle), aleatoric (noise) and their sum, "
        "total:\n"
        "entropies in nats for classes, variances for values.\n"
        "Another dataset: -s data.train.x=NAME, or -s 'data.train={format: hdf5, file: FILE, x: NAME}'.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .computes = true,
    .run = run,
};
