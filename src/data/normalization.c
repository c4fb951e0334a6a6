/* Moments per column: n, mean and M2 (sum of squared deviations) of every lane, merged pairwise along the lane tree:
     delta = mean_b - mean_a,  mean = mean_a + delta n_b / n,  M2 = M2_a + M2_b + delta^2 n_a n_b / n     (2.1)
   T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).
   Inside a lane: uint8 by exact integer sums; floats by Welford's update, row after row. Cost: one pass, in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset.h"
#include "data/design.h"

enum { FIELDS = 3, FLUSH_ROWS = 65536 }; /* 255^2 * 65536 < 2^32 */

__extension__ typedef __int128 int128;

/* Moments of a column set: three rows of `width` doubles. */
static double *count_of(double *m)
{
    return m;
}

static double *mean_of(double *m, int64_t width)
{
    return m + width;
}

static double *m2_of(double *m, int64_t width)
{
    return m + 2 * width;
}

static void merge(int64_t width, double *a, double *b)
{
    double *na = count_of(a), *ma = mean_of(a, width), *sa = m2_of(a, width);
    const double *nb = count_of(b), *mb = mean_of(b, width), *sb = m2_of(b, width);
    for (int64_t j = 0; j < width; j++) {
        const double n = na[j] + nb[j], delta = mb[j] - ma[j], share = n > 0 ? nb[j] / n : 0;
        ma[j] += delta * share;
        sa[j] += sb[j] + delta * delta * na[j] * share;
        na[j] = n;
    }
}

/* Exact sums of uint8 rows. sum and square are 32-bit partial sums, flushed before they can overflow. */
static void lane_moments_u8(int64_t rows, int64_t width, const uint8_t *x, uint32_t *partial, int64_t *total, double *m)
{
    uint32_t *sum = partial, *square = partial + width;
    memset(total, 0, 2 * (size_t)width * sizeof *total);
    for (int64_t first = 0; first < rows; first += FLUSH_ROWS) {
        const int64_t end = first + FLUSH_ROWS < rows ? first + FLUSH_ROWS : rows;
        memset(partial, 0, 2 * (size_t)width * sizeof *partial);
        for (int64_t i = first; i < end; i++) {
            const uint8_t *row = x + i * width;
            for (int64_t j = 0; j < width; j++) {
                const uint32_t v = row[j];
                sum[j] += v;
                square[j] += v * v;
            }
        }
        for (int64_t j = 0; j < 2 * width; j++) {
            total[j] += partial[j];
        }
    }
    for (int64_t j = 0; j < width; j++) {
        const int128 s = total[j], q = total[width + j], n = rows;
        count_of(m)[j] = (double)rows;
        mean_of(m, width)[j] = rows > 0 ? (double)total[j] / (double)rows : 0;
        m2_of(m, width)[j] = rows > 0 ? (double)(n * q - s * s) / (double)rows : 0;
    }
}

#define WELFORD(T)                                                                                                     \
    for (int64_t i = 0; i < items; i++) {                                                                              \
        const T *row = (const T *)x + i * width;                                                                       \
        for (int64_t j = 0; j < width; j++) {                                                                          \
            const double v = (double)row[j];                                                                           \
            if (v == v) { /* missing values are NaN under `missing: mean` */                                           \
                n[j] += 1;                                                                                             \
                const double delta = v - mean[j];                                                                      \
                mean[j] += delta / n[j];                                                                               \
                m2[j] += delta * (v - mean[j]);                                                                        \
            }                                                                                                          \
        }                                                                                                              \
    }

/* Adds items of `width` columns to the moments. */
static void add_items(as_dtype type, int64_t items, int64_t width, const void *x, double *m)
{
    double *n = count_of(m), *mean = mean_of(m, width), *m2 = m2_of(m, width);
    if (type == AS_U8) {
        WELFORD(uint8_t)
    } else if (type == AS_F32) {
        WELFORD(float)
    } else {
        WELFORD(double)
    }
}

/* Windows: every moment of the series that a lane holds once, where its windows follow each other. */
static void window_moments(const as_dataset *data, int64_t first, int64_t rows, double *m)
{
    const size_t bytes = as_dtype_bytes(data->type);
    for (int64_t r = first; r < first + rows; r++) {
        const bool follows = r > first && data->id[r] == data->id[r - 1] + 1 && data->step <= data->width;
        const int64_t skip = follows ? data->width - data->step : 0;
        add_items(data->type, (data->width - skip) / data->item, data->item,
                  (const uint8_t *)data->x + (size_t)(data->start[r] + skip) * bytes, m);
    }
}

static void lane_moments(const as_dataset *data, int64_t first, int64_t rows, uint32_t *partial, int64_t *total,
                         double *m)
{
    const int64_t width = data->item;
    memset(m, 0, FIELDS * (size_t)width * sizeof *m);
    if (data->start != NULL) {
        window_moments(data, first, rows, m);
        return;
    }
    const uint8_t *x = (const uint8_t *)data->x + (size_t)(first * width) * as_dtype_bytes(data->type);
    if (data->type == AS_U8) {
        lane_moments_u8(rows, width, x, partial, total, m);
    } else {
        add_items(data->type, rows, width, x, m);
    }
}

/* Moments of the parts that this rank's lanes make. stack: (depth, FIELDS, width); part: (parts, FIELDS, width). */
static void own_parts(const as_dataset *data, double *stack, double *part, uint32_t *partial, int64_t *total)
{
    const as_lanes *lanes = data->lanes;
    const int64_t size = FIELDS * data->item, start = data->lane_first[lanes->first];
    int top = 0, parts = 0;
    for (int s = 0; s < lanes->program.steps; s++) {
        const int step = lanes->program.step[s];
        if (step >= 0) {
            const int64_t first = data->lane_first[lanes->first + step] - start;
            const int64_t rows = data->lane_first[lanes->first + step + 1] - start - first;
            lane_moments(data, first, rows, partial, total, stack + top++ * size);
        } else if (step == AS_TREE_MERGE) {
            top--;
            merge(data->item, stack + (top - 1) * size, stack + top * size);
        } else {
            memcpy(part + parts++ * size, stack + --top * size, (size_t)size * sizeof *part);
        }
    }
}

/* The root from all parts. part: (ranks, most, FIELDS, width). */
static const double *root_of(const as_lanes *lanes, int64_t width, int most, const double *part, double *stack)
{
    const int64_t size = FIELDS * width;
    int top = 0;
    for (int s = 0; s < lanes->merge.steps; s++) {
        const int step = lanes->merge.step[s];
        if (step >= 0) {
            const int64_t at = (int64_t)lanes->part_rank[step] * most + lanes->part_index[step];
            memcpy(stack + top++ * size, part + at * size, (size_t)size * sizeof *part);
        } else if (step == AS_TREE_MERGE) {
            top--;
            merge(width, stack + (top - 1) * size, stack + top * size);
        }
    }
    return stack;
}

static int most_parts(const as_lanes *lanes)
{
    int most = 1;
    for (int p = 0; p < lanes->parts_total; p++) {
        most = lanes->part_index[p] + 1 > most ? lanes->part_index[p] + 1 : most;
    }
    return most;
}

/* Collective. moments: (FIELDS, width), the same on all ranks. */
static as_status moments(const as_dataset *data, as_world *world, double *moments_out)
{
    const as_lanes *lanes = data->lanes;
    const int most = most_parts(lanes), ranks = as_world_size(world);
    const int deepest = lanes->program.depth > lanes->merge.depth ? lanes->program.depth : lanes->merge.depth;
    const size_t size = FIELDS * (size_t)data->item;
    double *stack = malloc(((size_t)deepest + 1) * size * sizeof *stack);
    double *mine = calloc((size_t)most * size, sizeof *mine);
    double *all = malloc((size_t)ranks * (size_t)most * size * sizeof *all);
    uint32_t *partial = malloc(2 * (size_t)data->item * sizeof *partial);
    int64_t *total = malloc(2 * (size_t)data->item * sizeof *total);
    as_status status = AS_OK;
    if (stack == NULL || mine == NULL || all == NULL || partial == NULL || total == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the moments of %lld columns", (long long)data->item);
    } else {
        own_parts(data, stack, mine, partial, total);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_world_all_gather(world, mine, (size_t)most * size * sizeof *mine, all);
    }
    if (status == AS_OK) {
        memcpy(moments_out, root_of(lanes, data->item, most, all, stack), size * sizeof *stack);
    }
    free(stack);
    free(mine);
    free(all);
    free(partial);
    free(total);
    return status;
}

/* From moments (may be NULL where no option needs them) to scale, shift and fill. */
static void coefficients(const as_data_options *options, const as_dataset *train, double *m, double *scale,
                         double *shift, double *fill)
{
    const int64_t width = train->item;
    for (int64_t j = 0; j < width; j++) {
        const double n = m != NULL ? count_of(m)[j] : 0, mean = m != NULL ? mean_of(m, width)[j] : 0;
        scale[j] = 1;
        shift[j] = 0;
        fill[j] = mean;
        if (options->normalize == AS_NORMALIZE_SCALE) {
            scale[j] = 1 / train->full_scale;
        } else if (options->normalize == AS_NORMALIZE_GIVEN) {
            scale[j] = 1 / options->std;
            shift[j] = -options->mean / options->std;
        } else if (options->normalize == AS_NORMALIZE_MEAN_STD ||
                   (options->columns.standardize && !as_design_indicates(train->design, j))) {
            const double std = n > 0 ? sqrt(m2_of(m, width)[j] / n) : 0;
            /* Rounding leaves a constant column a spread of about eps times its mean. */
            scale[j] = std > 1e-12 * fabs(mean) ? 1 / std : 1;
            shift[j] = -mean * scale[j];
        }
    }
    for (int64_t j = width; j < train->width; j++) { /* the other moments of a window */
        scale[j] = scale[j - width];
        shift[j] = shift[j - width];
        fill[j] = fill[j - width];
    }
}

as_status as_normalization_load(int64_t width, const double *scale, const double *shift, const double *fill,
                                const as_kernels *kernels, as_normalization *out)
{
    const size_t n = (size_t)width, bytes = n * sizeof(double);
    *out = (as_normalization){
        .width = width,
        .scale = malloc(bytes),
        .shift = malloc(bytes),
        .fill = malloc(bytes),
        .scale_real = malloc(n * kernels->real_bytes),
        .shift_real = malloc(n * kernels->real_bytes),
        .identity = true,
    };
    if (out->scale == NULL || out->shift == NULL || out->fill == NULL || out->scale_real == NULL ||
        out->shift_real == NULL) {
        as_normalization_destroy(out);
        AS_FAIL(AS_NOMEM, "out of memory for the normalisation of %lld columns", (long long)width);
    }
    memcpy(out->scale, scale, bytes);
    memcpy(out->shift, shift, bytes);
    memcpy(out->fill, fill, bytes);
    kernels->from_double(width, scale, out->scale_real);
    kernels->from_double(width, shift, out->shift_real);
    for (int64_t j = 0; j < width && out->identity; j++) {
        out->identity = scale[j] == 1 && shift[j] == 0;
    }
    return AS_OK;
}

as_status as_normalization_fit(const as_data_options *options, const as_dataset *train, as_world *world,
                               const as_kernels *kernels, as_normalization *out)
{
    const bool measured =
        train->tokenizer == NULL && (options->normalize == AS_NORMALIZE_MEAN_STD ||
                                     options->missing == AS_MISSING_MEAN || options->columns.standardize);
    const size_t width = (size_t)train->width;
    double *work = malloc((2 * FIELDS) * width * sizeof *work);
    as_status status = work != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for normalisation");
    status = as_world_agree(world, status);
    if (status == AS_OK && measured) {
        status = moments(train, world, work);
    }
    if (status == AS_OK) {
        double *scale = work + FIELDS * width, *shift = scale + width, *fill = shift + width;
        coefficients(options, train, measured ? work : NULL, scale, shift, fill);
        status = as_world_agree(world, as_normalization_load(train->width, scale, shift, fill, kernels, out));
        if (status != AS_OK) {
            as_normalization_destroy(out);
        }
    }
    free(work);
    return status;
}

void as_normalization_fill(const as_normalization *normalization, const as_data_options *options, as_dataset *data)
{
    data->normalization = normalization;
    if (options->missing != AS_MISSING_MEAN || (data->type != AS_F32 && data->type != AS_F64)) {
        return;
    }
    for (int64_t i = 0; i < data->local_rows; i++) {
        for (int64_t j = 0; j < data->width; j++) {
            const int64_t at = (data->start != NULL ? data->start[i] : i * data->width) + j;
            if (data->type == AS_F32) {
                float *x = (float *)data->x + at;
                *x = *x == *x ? *x : (float)normalization->fill[j];
            } else {
                double *x = (double *)data->x + at;
                *x = *x == *x ? *x : normalization->fill[j];
            }
        }
    }
}

void as_normalization_destroy(as_normalization *normalization)
{
    free(normalization->scale);
    free(normalization->shift);
    free(normalization->fill);
    free(normalization->scale_real);
    free(normalization->shift_real);
    *normalization = (as_normalization){0};
}
