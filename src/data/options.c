/* The `data:` section. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "data/dataset.h"

/* The options and the nodes that need reading of their own. */
typedef struct section {
    as_data_options options;
    const as_node *train, *test, *columns, *normalize, *fill, *augment;
} section;

typedef struct given {
    double mean, std;
} given;

static const char *const normalize_choices[] = {
    [AS_NORMALIZE_NONE] = "none", [AS_NORMALIZE_SCALE] = "scale", [AS_NORMALIZE_MEAN_STD] = "mean_std", NULL};
static const char *const assign_choices[] = {"shuffled", "contiguous", NULL};
static const char *const missing_choices[] = {
    [AS_MISSING_ERROR] = "error", [AS_MISSING_DROP] = "drop", [AS_MISSING_MEAN] = "mean", NULL};

const as_field as_data_fields[] = {
    {.name = "train",
     .type = AS_FIELD_NODE,
     .offset = offsetof(section, train),
     .standard = "",
     .help = "source of the training data: {format: ..., ...}"},
    {.name = "test",
     .type = AS_FIELD_NODE,
     .offset = offsetof(section, test),
     .standard = "",
     .help =
         "source of the test data; without `format:`, in that of data.train, and with the other keys of data.train if "
         "the format has one `file`"},
    {.name = "columns",
     .type = AS_FIELD_NODE,
     .offset = offsetof(section, columns),
     .standard = "",
     .help = "which columns are inputs and what is made of them: {use, one_hot, code, drop_first, unseen, "
             "polynomial, interactions, standardize}"},
    {.name = "normalize",
     .type = AS_FIELD_NODE,
     .offset = offsetof(section, normalize),
     .standard = "none",
     .help =
         "none; scale: divide by the largest value of the stored integer type (floats stay); mean_std: every column of "
         "the training inputs to mean 0 and standard deviation 1; {mean: m, std: s} in units of the stored data"},
    {.name = "validation",
     .type = AS_FIELD_REAL,
     .offset = offsetof(section, options.validation),
     .standard = "0",
     .min = 0,
     .max = 0.999,
     .help = "share of the training rows that is held out, chosen by a permutation of their numbers"},
    {.name = "assign",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(section, options.assign),
     .standard = "shuffled",
     .choices = assign_choices,
     .help = "how blocks of training rows go to lanes"},
    {.name = "shuffle",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(section, options.shuffle),
     .standard = "true",
     .help = "a new order inside every lane in each epoch"},
    {.name = "missing",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(section, options.missing),
     .standard = "error",
     .choices = missing_choices,
     .help =
         "NaN, infinities and fill values: error; drop their rows; mean: replace inputs by the column's training mean"},
    {.name = "fill",
     .type = AS_FIELD_NODE,
     .offset = offsetof(section, fill),
     .standard = "",
     .help = "one more value that counts as missing, beside those that the file names"},
    {.name = "augment",
     .type = AS_FIELD_NODE,
     .offset = offsetof(section, augment),
     .standard = "",
     .help = "list of changes of the training inputs, drawn anew in each epoch and applied in this order before "
             "normalisation, such as [{shift: 2}, {flip: horizontal}]"},
    {.name = "reconstruct",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(section, options.reconstruct),
     .standard = "false",
     .help = "the targets of a sample are its own inputs, normalised and not augmented: for autoencoders"},
    {.name = "class_weights",
     .type = AS_FIELD_REALS,
     .offset = offsetof(section, options.class_weights),
     .standard = "",
     .min = 0,
     .max = 1e30,
     .help = "factors of the training loss, one a class"},
    {.name = "ignore_label",
     .type = AS_FIELD_INTS,
     .offset = offsetof(section, options.ignore_label),
     .standard = "",
     .min = -2147483648.0,
     .max = 2147483647.0,
     .help = "labels that are not learnt, such as -100 or 255; they count neither in the loss nor in metrics"},
    {.name = "classes",
     .type = AS_FIELD_INT,
     .offset = offsetof(section, options.classes),
     .standard = "0",
     .min = 0,
     .max = 1 << 24,
     .help = "number of classes; 0: the largest label of the training data and one"},
    AS_FIELDS_END,
};

static const as_field given_fields[] = {
    {.name = "mean", .type = AS_FIELD_REAL, .offset = offsetof(given, mean), .help = "subtracted from every input"},
    {.name = "std",
     .type = AS_FIELD_REAL,
     .offset = offsetof(given, std),
     .min = 1e-300,
     .max = 1e300,
     .help = "divides every input"},
    AS_FIELDS_END,
};

static as_status parse_normalize(as_document *document, const as_node *node, as_data_options *out)
{
    out->normalize = AS_NORMALIZE_NONE;
    out->std = 1.0;
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return AS_OK;
    }
    if (node->kind == AS_NODE_MAP) {
        given values = {0};
        const as_fields_part part = {given_fields, &values};
        AS_TRY(as_fields_parse(&part, 1, document, node, "data.normalize"));
        out->normalize = AS_NORMALIZE_GIVEN;
        out->mean = values.mean;
        out->std = values.std;
        return AS_OK;
    }
    for (int i = 0; node->kind == AS_NODE_SCALAR && normalize_choices[i] != NULL; i++) {
        if (strcmp(node->text, normalize_choices[i]) == 0) {
            out->normalize = i;
            return AS_OK;
        }
    }
    AS_FAIL(AS_CONFIG, "%s: data.normalize: expected none, scale, mean_std or {mean: m, std: s}%s%s%s",
            as_node_place(node), node->kind == AS_NODE_SCALAR ? ", found \"" : "",
            node->kind == AS_NODE_SCALAR ? node->text : "", node->kind == AS_NODE_SCALAR ? "\"" : "");
}

static bool is_given(const as_node *node)
{
    return node != NULL && node->kind != AS_NODE_NULL;
}

as_status as_data_options_parse(as_document *document, const as_node *node, as_data_options *out)
{
    section s = {0};
    const as_fields_part part = {as_data_fields, &s};
    AS_TRY(as_fields_parse(&part, 1, document, node, "data"));
    *out = s.options;
    if (!is_given(s.train)) {
        AS_FAIL(AS_CONFIG, "%s: data.train: expected a source such as {format: idx, x: FILE, y: FILE}, found none",
                node != NULL ? as_node_place(node) : "configuration");
    }
    AS_TRY(as_source_parse(document, s.train, "data.train", &out->train));
    if (is_given(s.test)) {
        as_node *test = NULL;
        if (s.test->kind == AS_NODE_MAP && as_node_get(s.test, "format") == NULL) {
            AS_TRY(as_source_like(document, s.test, s.train, "data.test", &test));
            s.test = test;
        }
        AS_TRY(as_source_parse(document, s.test, "data.test", &out->test));
    }
    AS_TRY(parse_normalize(document, s.normalize, out));
    AS_TRY(as_columns_parse(document, s.columns, &out->columns));
    if (out->columns.standardize && out->normalize != AS_NORMALIZE_NONE) {
        AS_FAIL(AS_CONFIG, "%s: data.columns.standardize: expected normalize: none beside it, found %s",
                as_node_place(s.columns),
                out->normalize == AS_NORMALIZE_GIVEN ? "{mean, std}" : normalize_choices[out->normalize]);
    }
    if (is_given(s.fill)) {
        if (s.fill->kind != AS_NODE_SCALAR || !as_text_to_real(s.fill->text, &out->fill)) {
            AS_FAIL(AS_CONFIG, "%s: data.fill: expected a number", as_node_place(s.fill));
        }
        out->has_fill = true;
    }
    return as_augment_parse(document, s.augment, "data.augment", &out->augment);
}

as_status as_data_options_write(const as_data_options *options, int indent, as_text *text)
{
    const section s = {.options = *options};
    char mean[32], std[32];
    as_text_add(text, "%*strain:\n", indent, "");
    AS_TRY(as_source_write(&options->train, indent + 2, text));
    if (options->test.ops != NULL) {
        as_text_add(text, "%*stest:\n", indent, "");
        AS_TRY(as_source_write(&options->test, indent + 2, text));
    }
    AS_TRY(as_columns_write(&options->columns, indent, text));
    if (options->normalize == AS_NORMALIZE_GIVEN) {
        as_text_add(text, "%*snormalize: {mean: %s, std: %s}\n", indent, "", as_real_text(options->mean, mean),
                    as_real_text(options->std, std));
    } else {
        as_text_add(text, "%*snormalize: %s\n", indent, "", normalize_choices[options->normalize]);
    }
    if (options->has_fill) {
        as_text_add(text, "%*sfill: %s\n", indent, "", as_real_text(options->fill, mean));
    }
    AS_TRY(as_augment_write(&options->augment, indent, text));
    return as_fields_write(as_data_fields, &s, indent, text);
}
