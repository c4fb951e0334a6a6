/* Conversions, sums and products of two arrays, and sums of squares: one pass over memory each. */
#include <string.h>

#include "kernels/table.h"
#include "kernels/vector.h"

enum {
    FETCH_AHEAD = 16384, /* bytes of rows that a gather asks for before it reads them */
    ROW_FETCHED = 1024   /* bytes at the start of a row; what follows the hardware fetches */
};

/* One row of a gather from elements of type T; written so that the compiler vectorises it. */
#define GATHER_ROW(T)                                                                                                  \
    do {                                                                                                               \
        const T *const from = (const T *)x + at;                                                                       \
        if (a != NULL) {                                                                                               \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                to[j] = as_fma((real)from[j], a[j], b[j]);                                                             \
            }                                                                                                          \
        } else {                                                                                                       \
            for (int64_t j = 0; j < width; j++) {                                                                      \
                to[j] = (real)from[j];                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    } while (0)

static void gather_row(int64_t width, const void *restrict x, as_dtype type, int64_t at, const real *restrict a,
                       const real *restrict b, real *restrict to)
{
    switch (type) {
    case AS_U8:
        GATHER_ROW(uint8_t);
        return;
    case AS_I8:
        GATHER_ROW(int8_t);
        return;
    case AS_U16:
        GATHER_ROW(uint16_t);
        return;
    case AS_I16:
        GATHER_ROW(int16_t);
        return;
    case AS_U32:
        GATHER_ROW(uint32_t);
        return;
    case AS_I32:
        GATHER_ROW(int32_t);
        return;
    case AS_U64:
        GATHER_ROW(uint64_t);
        return;
    case AS_I64:
        GATHER_ROW(int64_t);
        return;
    case AS_F32:
        GATHER_ROW(float);
        return;
    case AS_F64:
        GATHER_ROW(double);
        return;
    }
}

/* Asks for the first bytes of a row: shuffled rows begin where the hardware cannot guess. */
static void fetch_row(const void *x, int64_t at, int64_t bytes)
{
    for (int64_t o = 0; o < bytes; o += 64) {
        __builtin_prefetch((const char *)x + at + o, 0, 2);
    }
}

void AS_V(as_gather)(int64_t rows, int64_t width, const void *x, as_dtype type, int64_t stride, const int64_t *row,
                     const void *scale, const void *shift, void *y, int64_t ldy)
{
    const int64_t one = (int64_t)as_dtype_bytes(type), apart = stride * one;
    const int64_t bytes = width * one < ROW_FETCHED ? width * one : ROW_FETCHED;
    const int64_t ahead = FETCH_AHEAD / (bytes + 1) + 1;
    for (int64_t i = 0; i < rows && i < ahead; i++) {
        fetch_row(x, row[i] * apart, bytes);
    }
    for (int64_t i = 0; i < rows; i++) {
        if (i + ahead < rows) {
            fetch_row(x, row[i + ahead] * apart, bytes);
        }
        gather_row(width, x, type, row[i] * stride, scale, shift, (real *)y + i * ldy);
    }
}

void AS_V(as_add)(int64_t n, const void *a, const void *b, void *sum)
{
    const real *const x = a, *const y = b;
    real *const s = sum;
    for (int64_t i = 0; i < n; i++) {
        s[i] = x[i] + y[i];
    }
}

void AS_V(as_multiply)(int64_t n, const void *a, const void *b, void *product)
{
    const real *const x = a, *const y = b;
    real *const p = product;
    for (int64_t i = 0; i < n; i++) {
        p[i] = x[i] * y[i];
    }
}

void AS_V(as_from_double)(int64_t n, const double *x, void *y)
{
    real *const to = y;
    for (int64_t i = 0; i < n; i++) {
        to[i] = (real)x[i];
    }
}

void AS_V(as_to_double)(int64_t n, const void *x, double *y)
{
    const real *const from = x;
    for (int64_t i = 0; i < n; i++) {
        y[i] = (double)from[i];
    }
}

/* The accumulators in registers: DL doubles in each of 16 / DL vectors. */
#if defined(AS_ISA_AVX512)
typedef __m512d vdouble;
#define D_FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#if AS_PRECISION == 32
#define D_LOAD(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#else
#define D_LOAD(p) _mm512_loadu_pd(p)
#endif
#elif defined(AS_ISA_AVX2)
typedef __m256d vdouble;
#define D_FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#if AS_PRECISION == 32
#define D_LOAD(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#else
#define D_LOAD(p) _mm256_loadu_pd(p)
#endif
#endif

#if defined(D_FMA)
enum { DL = (int)(sizeof(vdouble) / sizeof(double)) };

/* Elements [0, n / 16 * 16) into the accumulators. */
AS_INLINE void squares_of_blocks(int64_t n, const real *v, double s[16])
{
    vdouble sum[16 / DL];
    AS_UNROLL
    for (int j = 0; j < 16 / DL; j++) {
        sum[j] = (vdouble){0};
    }
    for (int64_t i = 0; i + 16 <= n; i += 16) {
        AS_UNROLL
        for (int j = 0; j < 16 / DL; j++) {
            const vdouble x = D_LOAD(v + i + j * DL);
            sum[j] = D_FMA(x, x, sum[j]);
        }
    }
    memcpy(s, sum, sizeof sum);
}
#else
AS_INLINE void squares_of_blocks(int64_t n, const real *v, double s[16])
{
    memset(s, 0, 16 * sizeof *s);
    for (int64_t i = 0; i + 16 <= n; i += 16) {
        for (int j = 0; j < 16; j++) {
            s[j] = __builtin_fma((double)v[i + j], (double)v[i + j], s[j]);
        }
    }
}
#endif

double AS_V(as_sum_squares)(int64_t n, const void *x)
{
    const real *const v = x;
    const int64_t whole = n / 16 * 16;
    _Alignas(64) double s[16];
    squares_of_blocks(n, v, s);
    for (int64_t i = whole; i < n; i++) {
        s[i - whole] = __builtin_fma((double)v[i], (double)v[i], s[i - whole]);
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int j = 0; j < half; j++) {
            s[j] = s[j] + s[j + half];
        }
    }
    return s[0];
}
