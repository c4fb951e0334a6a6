/* allsum info DATA --stats: of a data file, whose format its name tells, or of the training data of a configuration. */
#include <string.h>

#include "base/error.h"
#include "cli/describe.h"
#include "io/csv.h"
#include "io/file_kind.h"
#include "io/yaml.h"
#include "run/data_stats.h"

/* How a table is written and which of its columns are dates, as keys of its source. */
static void add_keys_of_table(as_csv *csv, as_text *out)
{
    int dates = 0;
    as_text_add(out, "%s", as_csv_find_decimal(csv) ? ", decimal: comma" : "");
    for (int c = 0; c < as_csv_columns(csv); c++) {
        if (as_csv_dates(csv, c) != AS_DATE_NONE) {
            as_text_add(out, "%s", dates++ > 0 ? ", " : ", dates: [");
            as_scalar_write(as_csv_name(csv, c), out);
        }
    }
    as_text_add(out, "%s", dates > 0 ? "]" : "");
}

/* What its columns of dates are, as dates. */
static void add_dates(as_csv *csv, const as_data_stats *stats, as_text *out)
{
    int column = -1, dates = 0;
    for (int64_t i = 0; i < stats->n; i++) {
        const as_stats_column *c = &stats->column[i];
        const bool found = as_csv_find(csv, c->name, &column) == AS_OK;
        const as_date_kind kind = found ? as_csv_dates(csv, column) : AS_DATE_NONE;
        if (kind != AS_DATE_NONE) {
            char from[40], to[40];
            as_date_text(kind, c->d.quantile[0], from);
            as_date_text(kind, c->d.quantile[AS_QUANTILES - 1], to);
            as_text_add(out, "%s%s: %s to %s, as %s\n", dates++ == 0 ? "\n" : "", c->name, from, to,
                        kind == AS_DATE_DAY ? "days since 1970-01-01" : "shares of a day");
        }
    }
}

/* The `data:` section for a file: the first key of its format names it. */
static as_status section_of(const char *path, const char *target, as_csv **table, as_text *out)
{
    const char *const format = as_file_format(path);
    if (format == NULL) {
        AS_FAIL(AS_USAGE,
                "info --stats %s: format not known by its name; a configuration whose data.train names it will do",
                path);
    }
    const bool tab = as_file_ends(path, ".tsv"), csv = strcmp(format, "csv") == 0, h5 = strcmp(format, "hdf5") == 0;
    const bool several = strcmp(format, "npy") == 0 || strcmp(format, "idx") == 0; /* a file for each array */
    as_text_add(out, "train: {format: %s, %s: ", format, several ? "x" : "file");
    as_scalar_write(path, out);
    if (h5) {
        as_text_add(out, ", y: ");
        as_scalar_write(target == NULL ? "" : target, out);
    } else if (target != NULL) {
        as_text_add(out, ", %s: ", csv ? "target" : "y");
        as_scalar_write(target, out);
    }
    if (csv) {
        AS_TRY(as_csv_open(path, tab ? '\t' : ',', table));
        add_keys_of_table(*table, out);
    }
    as_text_add(out, "%s}\nmissing: mean\n", tab ? ", delimiter: tab" : "");
    return out->failed ? as_error_set(AS_NOMEM, "out of memory") : AS_OK;
}

/* table: a CSV file whose dates are told, or NULL. */
static as_status describe(const char *path, const as_data_options *options, as_csv *table, as_description *d)
{
    as_data_stats stats;
    AS_TRY(as_data_stats_make(options, &stats));
    as_text_add(&d->text, "%s: ", path);
    as_data_stats_text(&stats, &d->text);
    if (table != NULL) {
        add_dates(table, &stats, &d->text);
    }
    as_json_text(&d->json, "kind", "statistics");
    as_json_text(&d->json, "path", path);
    as_data_stats_json(&stats, &d->json);
    as_data_stats_free(&stats);
    return AS_OK;
}

static as_status describe_file(const char *path, const char *target, as_description *d)
{
    as_document *document = NULL;
    as_node *node = NULL;
    as_csv *table = NULL;
    as_text text = {0};
    as_data_options options;
    AS_TRY(as_document_create(&document));
    as_status status = section_of(path, target, &table, &text);
    if (status == AS_OK) {
        status = as_yaml_parse(document, path, text.data, &node);
    }
    if (status == AS_OK) {
        status = as_data_options_parse(document, node, &options);
    }
    if (status == AS_OK) {
        status = describe(path, &options, table, d);
    }
    as_csv_close(&table);
    as_text_free(&text);
    as_document_destroy(&document);
    return status;
}

static as_status describe_config(const char *path, as_description *d)
{
    as_document *document = NULL;
    as_node *root = NULL;
    as_data_options options;
    AS_TRY(as_document_create(&document));
    as_status status = as_yaml_read(document, path, &root);
    if (status == AS_OK) {
        status = as_data_options_parse(document, as_node_get(root, "data"), &options);
    }
    if (status == AS_OK) {
        status = describe(path, &options, NULL, d);
    }
    as_document_destroy(&document);
    return status;
}

as_status as_describe_stats(const char *path, const char *target, as_description *out)
{
    as_json_open(&out->json, NULL, '{');
    const bool config = as_file_ends(path, ".yaml") || as_file_ends(path, ".yml");
    AS_TRY(config ? describe_config(path, out) : describe_file(path, target, out));
    as_json_close(&out->json, '}');
    if (out->text.failed || out->json.failed) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its statistics", path);
    }
    return AS_OK;
}
