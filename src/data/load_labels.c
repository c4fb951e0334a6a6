/* Labels that are whole numbers other than 0, 1, 2, ..., such as 1 to 10 or -1 and 1: their texts are the names of the
   classes, as those of a column of a table are. Cost: one pass over the labels by every rank. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "data/load.h"

enum { CLASSES_MOST = 4096, ROWS_AT_ONCE = 1 << 16, LISTED_MAX = 12 };

static int by_value(const void *a, const void *b)
{
    const double x = ((const as_load_class *)a)->value, y = ((const as_load_class *)b)->value;
    return (x > y) - (x < y);
}

/* The values of the names, ascending. *numbers: all are whole numbers. */
static as_status list_values(as_load *load, bool *numbers)
{
    *numbers = true;
    load->class = calloc((size_t)load->classes.n + 1, sizeof *load->class);
    if (load->class == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld classes", load->column[AS_PART_Y].place,
                (long long)load->classes.n);
    }
    for (int64_t i = 0; i < load->classes.n; i++) {
        double value = 0;
        *numbers = *numbers && as_text_to_real(load->classes.name[i], &value) && floor(value) == value;
        load->class[i] = (as_load_class){.value = value, .place = i};
    }
    qsort(load->class, (size_t)load->classes.n, sizeof *load->class, by_value);
    return AS_OK;
}

/* Adds the distinct ones of (count) values to names; false: they are no names, because one is not whole, or there are
   too many. */
static as_status add_values(int64_t count, const double *value, as_names *names, bool *good)
{
    double last = (double)NAN;
    for (int64_t i = 0; *good && i < count; i++) {
        if (value[i] == last) {
            continue;
        }
        last = value[i];
        *good = fabs(last) < 0x1p53 && floor(last) == last && names->n <= CLASSES_MOST;
        if (*good) {
            char text[32];
            AS_TRY(as_names_insert(names, text, snprintf(text, sizeof text, "%lld", (long long)last)));
        }
    }
    return AS_OK;
}

/* The distinct labels of all rows, or none where they are 0, 1, ... n - 1. */
static as_status find_names(as_load *load)
{
    const as_column *y = &load->column[AS_PART_Y];
    as_names names = {0};
    bool good = true;
    void *stored = malloc(ROWS_AT_ONCE * sizeof(double));
    double *value = malloc(ROWS_AT_ONCE * sizeof *value);
    as_status status =
        stored != NULL && value != NULL ? AS_OK : as_error_set(AS_NOMEM, "%s: out of memory for its labels", y->place);
    for (int64_t at = 0; status == AS_OK && good && at < y->rows; at += ROWS_AT_ONCE) {
        const int64_t count = y->rows - at < ROWS_AT_ONCE ? y->rows - at : ROWS_AT_ONCE;
        status = as_load_read(load, AS_PART_Y, at, count, stored);
        if (status == AS_OK) {
            as_load_widen(count, stored, y->type, AS_F64, value);
            status = add_values(count, value, &names, &good);
        }
    }
    free(stored);
    free(value);
    if (status == AS_OK && good && !as_names_count_from_zero(&names)) {
        load->classes = names;
    } else {
        as_names_free(&names);
    }
    return status;
}

as_status as_load_labels(as_load *load, const as_known *known)
{
    as_column *y = &load->column[AS_PART_Y];
    const bool given = known->classes != NULL && known->classes->n > 0;
    const bool read = y->present && y->classes == NULL && y->ahead == 0 && !load->echo && y->tokenizer == NULL;
    if (!read || as_shape_size(&y->shape) != 1 || y->has_fill || load->options->has_fill ||
        load->options->ignore_label.n > 0 || !(given || known->any_labels)) {
        return AS_OK;
    }
    bool numbers = true;
    AS_TRY(given ? as_names_copy(known->classes, &load->classes) : find_names(load));
    AS_TRY(list_values(load, &numbers));
    if (!numbers) {
        as_names_free(&load->classes);
    }
    if (load->classes.n > 0) {
        y->classes = &load->classes;
        y->type = AS_F64;
    }
    return AS_OK;
}

as_status as_load_name_labels(const as_load *load, int64_t first, int64_t count, double *value)
{
    for (int64_t i = 0; i < count; i++) {
        const as_load_class wanted = {.value = value[i]};
        const as_load_class *found =
            bsearch(&wanted, load->class, (size_t)load->classes.n, sizeof *load->class, by_value);
        if (isnan(value[i])) {
            continue;
        }
        if (found == NULL) {
            as_text names = {0};
            for (int64_t k = 0; k < load->classes.n && k < LISTED_MAX; k++) {
                as_text_add(&names, "%s%s", k == 0 ? "" : ", ", load->classes.name[load->class[k].place]);
            }
            const as_status status = as_error_set(
                AS_DATA, "%s: row %lld: label %.17g is none of the %lld known there: %s%s",
                load->column[AS_PART_Y].place, (long long)(first + i), value[i], (long long)load->classes.n,
                names.data != NULL ? names.data : "", load->classes.n > LISTED_MAX ? ", ..." : "");
            as_text_free(&names);
            return status;
        }
        value[i] = (double)found->place;
    }
    return AS_OK;
}
