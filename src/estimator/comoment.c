/* Scatter matrices: sums of products about a row of the lane (kernels/symmetric.h), centred when lanes are merged. */
#include "estimator/comoment.h"

#include <string.h>

#include "kernels/symmetric.h"

enum { CHUNK_BYTES = 512 * 1024, ROWS_MOST = 1024, ROWS_LEAST = AS_SYMMETRIC_ROWS };
enum { RAW = 1, CENTRED = 2 }; /* AS_COMOMENT_STARTED */

int64_t as_comoment_size(int64_t d)
{
    return AS_COMOMENT_HEAD + 3 * d + d * d;
}

int64_t as_comoment_chunk(int64_t d)
{
    const int64_t fit = CHUNK_BYTES / 8 / (d > 0 ? d : 1) / AS_SYMMETRIC_ROWS * AS_SYMMETRIC_ROWS;
    return fit < ROWS_LEAST ? ROWS_LEAST : fit > ROWS_MOST ? ROWS_MOST : fit;
}

int64_t as_comoment_scratch(int64_t d)
{
    return as_symmetric_room(d);
}

static bool all_ones(const as_rows *r)
{
    bool ones = true;
    for (int64_t i = 0; i < r->count; i++) {
        ones = ones && r->weight[i] == 1;
    }
    return ones;
}

void as_comoment_rows(const as_statistic *s, const as_rows *r, double *sum)
{
    as_comoment_add(s, r, s->width, r->x, r->scratch, sum);
}

void as_comoment_add(const as_statistic *s, const as_rows *r, int64_t d, const double *x, double *room, double *sum)
{
    double *const shift = sum + AS_COMOMENT_HEAD;
    if (sum[AS_COMOMENT_STARTED] == 0 && r->count > 0) {
        sum[AS_COMOMENT_STARTED] = RAW;
        memcpy(shift, x, (size_t)d * sizeof *shift);
    }
    for (int64_t i = 0; i < r->count; i++) {
        sum[AS_COMOMENT_WEIGHT] += r->weight[i];
        sum[AS_COMOMENT_ROWS] += r->weight[i] > 0;
    }
    const as_symmetric products = {
        .count = r->count,
        .d = d,
        .x = x,
        .ldx = d,
        .shift = shift,
        .factor = all_ones(r) ? NULL : r->weight,
        .first = shift + d,
        .out = shift + 2 * d,
        .ldo = d,
    };
    as_symmetric_kernels_get(s->kernels->set)->add(&products, room);
}

/* Sums about the shift become the mean, as it lies from the shift, and the scatter about it. The mean itself would lose
   what is small beside a large offset; the difference of two shifts, which are rows, does not. */
static void centre(int64_t d, double *sum)
{
    const double w = sum[AS_COMOMENT_WEIGHT];
    double *const first = sum + AS_COMOMENT_HEAD + d, *const second = first + d;
    if (sum[AS_COMOMENT_STARTED] != RAW || !(w > 0)) {
        return;
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = i; j < d; j++) {
            second[i * d + j] -= first[i] * (first[j] / w);
        }
    }
    for (int64_t j = 0; j < d; j++) {
        first[j] /= w;
    }
    sum[AS_COMOMENT_STARTED] = CENTRED;
}

void as_comoment_merge(const as_statistic *s, double *left, const double *right)
{
    as_comoment_join(s->width, left, right);
}

void as_comoment_join(int64_t d, double *left, const double *right)
{
    const double a = left[AS_COMOMENT_WEIGHT], b = right[AS_COMOMENT_WEIGHT], share = b / (a + b);
    const bool raw = right[AS_COMOMENT_STARTED] == RAW;
    double *const mean = left + AS_COMOMENT_HEAD + d, *const second = mean + d;
    const double *const first = right + AS_COMOMENT_HEAD + d, *const other = first + d;
    if (!(b > 0)) {
        return;
    }
    if (!(a > 0)) {
        memcpy(left, right, (size_t)as_comoment_size(d) * sizeof *left);
        centre(d, left);
        return;
    }
    centre(d, left);
    double *const apart = second + d * d;
    for (int64_t j = 0; j < d; j++) {
        const double shifts = right[AS_COMOMENT_HEAD + j] - left[AS_COMOMENT_HEAD + j];
        apart[j] = shifts + ((raw ? first[j] / b : first[j]) - mean[j]);
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = i; j < d; j++) {
            const double own = raw ? first[i] * (first[j] / b) : 0;
            second[i * d + j] += other[i * d + j] - own + apart[i] * apart[j] * (a * share);
        }
    }
    for (int64_t j = 0; j < d; j++) {
        mean[j] += apart[j] * share;
    }
    left[AS_COMOMENT_WEIGHT] = a + b;
    left[AS_COMOMENT_ROWS] += right[AS_COMOMENT_ROWS];
}

void as_comoment_finish(int64_t d, double *sum, double **mean, double **scatter)
{
    centre(d, sum);
    *mean = sum + AS_COMOMENT_HEAD;
    *scatter = *mean + 2 * d;
    for (int64_t j = 0; j < d; j++) {
        (*mean)[j] += (*mean)[d + j];
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j < i; j++) {
            (*scatter)[i * d + j] = (*scatter)[j * d + i];
        }
        double *const diagonal = *scatter + i * d + i;
        *diagonal = *diagonal > 0 ? *diagonal : 0;
    }
}
