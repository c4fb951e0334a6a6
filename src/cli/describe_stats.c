/* allsum info DATA --stats: of a data file, whose format its name tells, or of the training data of a configuration. */
#include <string.h>

#include "base/error.h"
#include "cli/describe.h"
#include "io/file_kind.h"
#include "io/yaml.h"
#include "run/data_stats.h"

/* The `data:` section for a file: the first key of its format names it. */
static as_status section_of(const char *path, const char *target, as_text *out)
{
    const char *const format = as_file_format(path);
    if (format == NULL) {
        AS_FAIL(AS_USAGE,
                "info --stats %s: format not known by its name; a configuration whose data.train names it will do",
                path);
    }
    const bool csv = strcmp(format, "csv") == 0, h5 = strcmp(format, "hdf5") == 0;
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
    as_text_add(out, "%s}\nmissing: mean\n", as_file_ends(path, ".tsv") ? ", delimiter: tab" : "");
    return out->failed ? as_error_set(AS_NOMEM, "out of memory") : AS_OK;
}

static as_status describe(const char *path, const as_data_options *options, as_description *d)
{
    as_data_stats stats;
    AS_TRY(as_data_stats_make(options, &stats));
    as_text_add(&d->text, "%s: ", path);
    as_data_stats_text(&stats, &d->text);
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
    as_text text = {0};
    as_data_options options;
    AS_TRY(as_document_create(&document));
    as_status status = section_of(path, target, &text);
    if (status == AS_OK) {
        status = as_yaml_parse(document, path, text.data, &node);
    }
    if (status == AS_OK) {
        status = as_data_options_parse(document, node, &options);
    }
    if (status == AS_OK) {
        status = describe(path, &options, d);
    }
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
        status = describe(path, &options, d);
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
