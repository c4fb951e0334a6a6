/* Comparing checkpoints dataset by dataset, in pieces of 64 Ki elements, bit for bit. */
#include "run/checkpoint_diff.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/h5_contents.h"

enum { PIECE = 65536 };

/* Numbers of a type in the order of their values: -0 and 0 are neighbours. */
static int64_t ordered_f64(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? -(bits & INT64_MAX) - 1 : bits;
}

static int64_t ordered_f32(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? -(int64_t)(bits & INT32_MAX) - 1 : bits;
}

int64_t as_ulps_f64(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return isnan(a) && isnan(b) ? 0 : -1;
    }
    const int64_t x = ordered_f64(a), y = ordered_f64(b);
    const uint64_t distance = x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
    return distance > INT64_MAX ? INT64_MAX : (int64_t)distance;
}

int64_t as_ulps_f32(float a, float b)
{
    if (isnan(a) || isnan(b)) {
        return isnan(a) && isnan(b) ? 0 : -1;
    }
    const int64_t distance = ordered_f32(a) - ordered_f32(b);
    return distance < 0 ? -distance : distance;
}

/* One element as text, and its distance to another of the same type (integers: their difference, capped). */
static void element_text(as_dtype type, const void *data, as_text *text)
{
    char buffer[32];
    float single;
    double real;
    int64_t whole = 0;
    switch (type) {
    case AS_F32:
        memcpy(&single, data, sizeof single);
        as_text_add(text, "%.9g", (double)single);
        return;
    case AS_F64:
        memcpy(&real, data, sizeof real);
        as_text_add(text, "%s", as_real_text(real, buffer));
        return;
    case AS_I8:
        whole = *(const int8_t *)data;
        break;
    case AS_I16:
        whole = *(const int16_t *)data;
        break;
    case AS_I32:
        whole = *(const int32_t *)data;
        break;
    default:
        memcpy(&whole, data, as_dtype_bytes(type));
        break;
    }
    if (type == AS_U64) {
        as_text_add(text, "%" PRIu64, (uint64_t)whole);
    } else {
        as_text_add(text, "%" PRId64, whole);
    }
}

static int64_t distance(as_dtype type, const void *a, const void *b)
{
    if (type == AS_F32) {
        float x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return as_ulps_f32(x, y);
    }
    if (type == AS_F64) {
        double x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return as_ulps_f64(x, y);
    }
    return 0;
}

/* "[3,17]": position of an element in its array. */
static void index_text(const as_h5_stored *item, int64_t element, as_text *text)
{
    int64_t index[AS_H5_RANK_MAX] = {0};
    for (int axis = item->rank - 1; axis >= 0; axis--) {
        index[axis] = element % item->dim[axis];
        element /= item->dim[axis];
    }
    for (int axis = 0; axis < item->rank; axis++) {
        as_text_add(text, "%s%lld", axis == 0 ? "[" : ",", (long long)index[axis]);
    }
    as_text_add(text, "%s", item->rank > 0 ? "]" : "");
}

typedef struct pair {
    const as_h5_contents *a, *b;
    as_text *report;
} pair;

/* The line about an array: the first difference, then how many there are. */
static as_status compare_elements(const pair *p, const as_h5_stored *a, const as_h5_stored *b, char *buffer)
{
    const int64_t size = (int64_t)as_dtype_bytes(a->type), count = a->bytes / size;
    int64_t different = 0, largest = 0;
    for (int64_t first = 0; first < count; first += PIECE) {
        const int64_t n = count - first < PIECE ? count - first : PIECE;
        char *x = buffer, *y = buffer + PIECE * size;
        AS_TRY(as_h5_contents_read(p->a, a, first, n, x));
        AS_TRY(as_h5_contents_read(p->b, b, first, n, y));
        const bool equal = memcmp(x, y, (size_t)(n * size)) == 0;
        for (int64_t i = 0; !equal && i < n; i++) {
            const char *left = x + i * size, *right = y + i * size;
            if (memcmp(left, right, (size_t)size) == 0) {
                continue;
            }
            const int64_t ulps = distance(a->type, left, right);
            largest = ulps > largest ? ulps : largest;
            if (different++ == 0) {
                as_text_add(p->report, "%s", a->name);
                index_text(a, first + i, p->report);
                as_text_add(p->report, ": ");
                element_text(a->type, left, p->report);
                as_text_add(p->report, " and ");
                element_text(a->type, right, p->report);
                if (ulps < 0) {
                    as_text_add(p->report, " (one is not a number)");
                } else if (ulps > 0) {
                    as_text_add(p->report, " (%lld ulp)", (long long)ulps);
                }
            }
        }
    }
    if (different > 0) {
        as_text_add(p->report, "; %lld of %lld elements differ", (long long)different, (long long)count);
        if (largest > 0) {
            as_text_add(p->report, ", by at most %lld ulp", (long long)largest);
        }
        as_text_add(p->report, "\n");
    }
    return AS_OK;
}

static as_status compare_texts(const pair *p, const char *name)
{
    char *a = NULL, *b = NULL;
    as_status status = as_h5_contents_text(p->a, name, &a);
    if (status == AS_OK) {
        status = as_h5_contents_text(p->b, name, &b);
    }
    if (status == AS_OK && strcmp(a, b) != 0) {
        int line = 1;
        const char *x = a, *y = b, *line_a = a, *line_b = b;
        for (; *x != '\0' && *x == *y; x++, y++) {
            if (*x == '\n') {
                line++;
                line_a = x + 1;
                line_b = y + 1;
            }
        }
        as_text_add(p->report, "%s line %d: '%.*s' and '%.*s'\n", name, line, (int)strcspn(line_a, "\n"), line_a,
                    (int)strcspn(line_b, "\n"), line_b);
    }
    free(a);
    free(b);
    return status;
}

static as_status compare_item(const pair *p, const as_h5_stored *a, char *buffer)
{
    const as_h5_stored *b = as_h5_contents_find(p->b, a->name);
    if (b == NULL) {
        as_text_add(p->report, "%s: only in %s\n", a->name, p->a->path);
        return AS_OK;
    }
    if (a->text && b->text) {
        return compare_texts(p, a->name);
    }
    if (a->text != b->text || a->type != b->type || a->rank != b->rank ||
        memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) != 0) {
        as_text_add(p->report, "%s: another type or shape\n", a->name);
        return AS_OK;
    }
    return compare_elements(p, a, b, buffer);
}

static void compare_attributes(const pair *p)
{
    for (int i = 0; i < p->a->nattributes; i++) {
        const as_h5_attribute *a = &p->a->attribute[i], *b = as_h5_contents_attribute(p->b, a->name);
        if (b == NULL || (a->text == NULL) != (b->text == NULL)) {
            as_text_add(p->report, "attribute %s: only in %s\n", a->name, p->a->path);
        } else if (a->text != NULL && strcmp(a->text, b->text) != 0) {
            as_text_add(p->report, "attribute %s: '%s' and '%s'\n", a->name, a->text, b->text);
        } else if (a->text == NULL && a->value != b->value) {
            as_text_add(p->report, "attribute %s: %lld and %lld\n", a->name, (long long)a->value, (long long)b->value);
        }
    }
}

static as_status compare_files(const pair *p)
{
    char *buffer = malloc(2 * (size_t)PIECE * 8);
    if (buffer == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory to compare %s and %s", p->a->path, p->b->path);
    }
    as_status status = AS_OK;
    compare_attributes(p);
    for (int i = 0; i < p->a->nitems && status == AS_OK; i++) {
        status = compare_item(p, &p->a->item[i], buffer);
    }
    for (int i = 0; i < p->b->nitems && status == AS_OK; i++) {
        if (as_h5_contents_find(p->a, p->b->item[i].name) == NULL) {
            as_text_add(p->report, "%s: only in %s\n", p->b->item[i].name, p->b->path);
        }
    }
    free(buffer);
    return status;
}

as_status as_checkpoint_diff(const char *path_a, const char *path_b, as_text *report, bool *same)
{
    as_h5_contents *a = NULL, *b = NULL;
    const size_t before = report->size;
    as_status status = as_h5_contents_open(path_a, &a);
    if (status == AS_OK) {
        status = as_h5_contents_open(path_b, &b);
    }
    if (status == AS_OK) {
        status = compare_files(&(pair){.a = a, .b = b, .report = report});
    }
    as_h5_contents_close(&a);
    as_h5_contents_close(&b);
    if (status == AS_OK && report->failed) {
        AS_FAIL(AS_NOMEM, "out of memory for the differences");
    }
    *same = report->size == before;
    return status;
}
