/* The design of columns on the way from a file to the rows: levels are found in one more pass over the source, which
   every rank does by itself, so that all have the same. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "data/design.h"
#include "data/load.h"

enum { LEVEL_ROWS = 4096 };

/* Stored rows as doubles, NaN where values are missing. */
static as_status read_values(const as_load *load, int64_t first, int64_t count, double *out)
{
    const as_column *x = &load->stored[AS_PART_X];
    const int64_t n = count * as_shape_size(&x->shape);
    void *stored = malloc((size_t)n * as_dtype_bytes(x->type) + 1);
    if (stored == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld rows", x->place, (long long)count);
    }
    const as_status status = load->ops->read(load->file, AS_PART_X, first, count, stored);
    if (status == AS_OK) {
        as_load_widen(n, stored, x->type, AS_F64, out);
    }
    free(stored);
    const bool narrow = x->type == AS_F32;
    const double own = narrow ? (double)(float)x->fill : x->fill;
    const double given = narrow ? (double)(float)load->options->fill : load->options->fill;
    for (int64_t i = 0; status == AS_OK && i < n; i++) {
        const bool fill = (x->has_fill && out[i] == own) || (load->options->has_fill && out[i] == given);
        out[i] = fill || !(fabs(out[i]) <= 0x1.fffffffffffffp1023) ? (double)NAN : out[i];
    }
    return status;
}

as_status as_load_design_read(const as_load *load, int64_t first, int64_t count, double *out)
{
    const as_design *d = load->design;
    double *value = malloc((size_t)(count * d->stored) * sizeof *value + 1);
    if (value == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld rows", load->stored[AS_PART_X].place, (long long)count);
    }
    as_status status = read_values(load, first, count, value);
    if (status == AS_OK) {
        status = as_design_rows(d, load->stored[AS_PART_X].place, first, count, value, out);
    }
    free(value);
    return status;
}

/* Levels of the categories whose values are numbers. */
static as_status find_numbers(const as_load *load, as_design *d)
{
    const as_column *x = &load->stored[AS_PART_X];
    bool wanted = false;
    for (int64_t i = 0; i < d->n; i++) {
        wanted = wanted || (d->source[i].category && !d->source[i].text);
    }
    if (!wanted) {
        return AS_OK;
    }
    double *value = malloc((size_t)(LEVEL_ROWS * d->stored) * sizeof *value);
    as_status status = value != NULL ? AS_OK : as_error_set(AS_NOMEM, "%s: out of memory for levels", x->place);
    for (int64_t at = 0; status == AS_OK && at < x->rows; at += LEVEL_ROWS) {
        const int64_t count = x->rows - at < LEVEL_ROWS ? x->rows - at : LEVEL_ROWS;
        status = read_values(load, at, count, value);
        for (int64_t r = 0; status == AS_OK && r < count; r++) {
            for (int64_t i = 0; status == AS_OK && i < d->n; i++) {
                as_design_source *s = &d->source[i];
                const double v = value[r * d->stored + s->at];
                if (s->category && !s->text && !isnan(v)) {
                    status = as_design_level(s, v, x->place);
                }
            }
        }
    }
    free(value);
    return status;
}

static as_status find_levels(as_load *load, const as_design *known)
{
    as_design *d = load->design;
    for (int64_t i = 0; i < d->n; i++) {
        as_design_source *s = &d->source[i];
        if (s->category && known != NULL) {
            AS_TRY(as_design_copy_levels(&known->source[i], s));
        } else if (s->category && load->ops->texts != NULL) {
            AS_TRY(load->ops->texts(load->file, AS_PART_X, s->at, AS_LEVELS_MAX, &s->level));
            s->text = s->level.n > 0;
        }
        if (s->category && s->text) {
            if (load->ops->code == NULL) {
                AS_FAIL(AS_DATA,
                        "%s: column \"%s\": expected texts as in the training data, for format %s has numbers alone",
                        load->stored[AS_PART_X].place, s->name, load->ops->name);
            }
            AS_TRY(load->ops->code(load->file, AS_PART_X, s->at, &s->level, !d->zero));
        }
    }
    return known != NULL ? AS_OK : find_numbers(load, d);
}

as_status as_load_design(as_load *load, const as_source *source, const as_design *known)
{
    const as_column_options *options = &load->options->columns;
    as_column *x = &load->column[AS_PART_X];
    if (!options->given) {
        return AS_OK;
    }
    if (load->window.length > 0 || source->layout != AS_LAYOUT_NHWC || source->shape.n > 0 || x->tokenizer != NULL ||
        x->step > 0) {
        AS_FAIL(AS_CONFIG, "%s: data.columns: expected a table of columns, found %s", x->place,
                x->tokenizer != NULL ? "a text" : "samples with a layout, shape or window");
    }
    as_status status = as_design_find(options, &x->parts, as_shape_size(&x->shape), x->place, &load->design);
    if (status == AS_OK && known != NULL && known->n != load->design->n) {
        status = as_error_set(AS_DATA, "%s: expected %lld columns as in the training data, found %lld", x->place,
                              (long long)known->n, (long long)load->design->n);
    }
    if (status == AS_OK) {
        status = find_levels(load, known);
    }
    if (status == AS_OK) {
        status = as_design_finish(load->design, options, x->place);
    }
    AS_TRY(status);
    x->shape = (as_shape){.rank = 1, .dim = {load->design->columns}};
    x->type = AS_F64;
    x->full_scale = 1;
    x->has_fill = false;
    x->parts = load->design->names;
    return AS_OK;
}
