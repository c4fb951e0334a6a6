/* The section `data.columns`: its keys, how they are read, and how they are written again. What is made of columns by
   it is data/design.c. */
#include "data/columns.h"

#include "base/error.h"
#include "base/text.h"

typedef struct section {
    as_column_options columns;
    const as_node *interactions;
} section;

static const char *const unseen_choices[] = {[AS_UNSEEN_ERROR] = "error", [AS_UNSEEN_ZERO] = "zero", NULL};

const as_field as_columns_fields[] = {
    {.name = "use",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(section, columns.use),
     .standard = "",
     .help = "columns that are inputs, in this order; none given: all that the source has"},
    {.name = "one_hot",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(section, columns.one_hot),
     .standard = "",
     .help = "categories, of text or numbers: each becomes a column of zeros and ones for every level, called "
             "region=west; levels are those of the whole training source, in ascending order"},
    {.name = "code",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(section, columns.code),
     .standard = "",
     .help = "categories that stay one column each, the place of the level among all (0, 1, ...), for models of "
             "categories; all: every column"},
    {.name = "drop_first",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(section, columns.drop_first),
     .standard = "false",
     .help = "no column for the first level of a category: it is what the others are compared with"},
    {.name = "unseen",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(section, columns.unseen),
     .standard = "error",
     .choices = unseen_choices,
     .help = "a level that the training data do not have: error, or zero in all columns of the category"},
    {.name = "polynomial",
     .type = AS_FIELD_INT,
     .offset = offsetof(section, columns.polynomial),
     .standard = "1",
     .min = 1,
     .max = 16,
     .help = "powers of every number up to this one, called age^2, behind the columns themselves"},
    {.name = "interactions",
     .type = AS_FIELD_NODE,
     .offset = offsetof(section, interactions),
     .standard = "",
     .help = "products of columns, called age:bmi: a list of lists of names, [[age, bmi], [sex, age]], or all: every "
             "pair; of a category, with each of its columns"},
    {.name = "standardize",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(section, columns.standardize),
     .standard = "false",
     .help = "every column but those that hold levels to mean 0 and standard deviation 1 of the training rows, powers "
             "and products after they were made"},
    AS_FIELDS_END,
};

/* A list of at least two names. */
static as_status parse_interaction(as_document *document, const as_node *node, as_texts *out)
{
    if (node->kind != AS_NODE_LIST || node->count < 2) {
        AS_FAIL(AS_CONFIG, "%s: data.columns.interactions: expected a list of two or more names, as in [[age, bmi]]",
                as_node_place(node));
    }
    const char **name = as_document_alloc(document, (size_t)node->count * sizeof *name);
    if (name == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for data.columns");
    }
    for (int64_t i = 0; i < node->count; i++) {
        if (node->item[i]->kind != AS_NODE_SCALAR) {
            AS_FAIL(AS_CONFIG, "%s: data.columns.interactions: expected the name of a column",
                    as_node_place(node->item[i]));
        }
        name[i] = node->item[i]->text;
    }
    *out = (as_texts){.n = node->count, .v = name};
    return AS_OK;
}

static as_status parse_interactions(as_document *document, const as_node *node, as_column_options *out)
{
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return AS_OK;
    }
    if (as_node_is(node, "all")) {
        out->all_pairs = true;
        return AS_OK;
    }
    if (node->kind != AS_NODE_LIST) {
        AS_FAIL(AS_CONFIG, "%s: data.columns.interactions: expected all, or a list of lists of names",
                as_node_place(node));
    }
    as_texts *list = as_document_alloc(document, ((size_t)node->count + 1) * sizeof *list);
    if (list == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for data.columns");
    }
    for (int64_t i = 0; i < node->count; i++) {
        AS_TRY(parse_interaction(document, node->item[i], &list[i]));
    }
    out->ninteractions = node->count;
    out->interaction = list;
    return AS_OK;
}

as_status as_columns_parse(as_document *document, const as_node *node, as_column_options *out)
{
    *out = (as_column_options){0};
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return AS_OK;
    }
    if (node->kind != AS_NODE_MAP) {
        AS_FAIL(AS_CONFIG, "%s: data.columns: expected a map such as {one_hot: [region], standardize: true}",
                as_node_place(node));
    }
    section s = {0};
    const as_fields_part part = {as_columns_fields, &s};
    AS_TRY(as_fields_parse(&part, 1, document, node, "data.columns"));
    *out = s.columns;
    out->given = true;
    return parse_interactions(document, s.interactions, out);
}

as_status as_columns_write(const as_column_options *columns, int indent, as_text *text)
{
    if (!columns->given) {
        return AS_OK;
    }
    const section s = {.columns = *columns};
    as_text_add(text, "%*scolumns:\n", indent, "");
    AS_TRY(as_fields_write(as_columns_fields, &s, indent + 2, text));
    if (columns->all_pairs) {
        as_text_add(text, "%*sinteractions: all\n", indent + 2, "");
    } else if (columns->ninteractions > 0) {
        as_text_add(text, "%*sinteractions: [", indent + 2, "");
        for (int64_t i = 0; i < columns->ninteractions; i++) {
            const as_texts *names = &columns->interaction[i];
            for (int64_t k = 0; k < names->n; k++) {
                as_text_add(text, "%s", k > 0 ? ", " : i > 0 ? ", [" : "[");
                as_scalar_write(names->v[k], text);
            }
            as_text_add(text, "]");
        }
        as_text_add(text, "]\n");
    }
    return AS_OK;
}
