/* The micro-kernel: a tile of R rows by V vectors of the result stays in registers while chains of fused multiply-adds
   run over it, two steps per turn of the loop. R and V are constants at every call, so that the loops over them unroll
   completely: a run-time index would send all accumulators through memory. AVX-512 holds 14 x 2 accumulators, two
   vectors of B and one broadcast of A in 31 of its 32 registers; each step then needs 16 loads for 28 multiply-adds. */
#ifndef AS_KERNELS_TILE_H
#define AS_KERNELS_TILE_H

#include <stdbool.h>

#include "kernels/panel.h"

#if defined(AS_ISA_AVX512)
enum { MR = 14 };
#define EACH_R(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif defined(AS_ISA_AVX2)
enum { MR = 6 };
#define EACH_R(X) X(1) X(2) X(3) X(4) X(5) X(6)
#elif defined(__aarch64__)
enum { MR = 8 };
#define EACH_R(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#else
enum { MR = 4 };
#define EACH_R(X) X(1) X(2) X(3) X(4)
#endif

/* fma(x, y, s) in the place of s. Left alone, the compiler writes some results over x and then moves them about. */
AS_INLINE vreal fma_into(vreal s, vreal x, vreal y)
{
#if defined(V_CALL) && AS_PRECISION == 32
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x), "v"(y));
    return s;
#elif defined(V_CALL)
    __asm__("vfmadd231pd %2, %1, %0" : "+v"(s) : "v"(x), "v"(y));
    return s;
#else
    return v_fma(x, y, s);
#endif
}

/* Keeps a vector in its register: the compiler would rather load it again for every use. */
AS_INLINE void v_hold(vreal *x)
{
#if defined(V_CALL)
    __asm__("" : "+v"(*x));
#else
    (void)x;
#endif
}

/* Rows of the strip t of `strips` equal ones over m rows: first row in *i. */
AS_INLINE int strip_rows(int64_t m, int64_t strips, int64_t t, int64_t *i)
{
    if (strips == 1) {
        *i = 0;
        return (int)m;
    }
    *i = m * t / strips;
    return (int)(m * (t + 1) / strips - *i);
}

enum { AHEAD_A = 24, AHEAD_B = 8 }; /* steps that an operand is prefetched ahead */

/* Which operand is prefetched: the one that streams from beyond L1. */
typedef enum tile_stream { STREAM_NONE, STREAM_A, STREAM_B } tile_stream;

/* One step: s[r][v] = fma(a_r, b_v, s[r][v]). Near: a_r is a[0][r]; otherwise a[r / 3][r % 3 * row]. The vectors of b
   are `apart` reals apart. */
AS_INLINE void tile_step(const int R, const int V, const bool near, const real *const a[], int64_t row, int64_t at,
                         const real *b, int64_t apart, vreal s[MR][2])
{
    const int64_t row2 = 2 * row;
    vreal y[2];
    AS_UNROLL
    for (int v = 0; v < V; v++) {
        y[v] = v_load(b + v * apart);
    }
    AS_UNROLL
    for (int r = 0; r < R; r++) {
        const real *const p = a[near ? 0 : r / 3] + at;
        const vreal x = v_splat(near ? p[r] : r % 3 == 0 ? p[0] : r % 3 == 1 ? p[row] : p[row2]);
        AS_UNROLL
        for (int v = 0; v < V; v++) {
            s[r][v] = v_fma(x, y[v], s[r][v]);
        }
    }
}

/* Chains over `steps` steps p: vectors b + p * width, factors a[p * step + r] (near) or a[r * row + p * step]. Where
   rows are apart, every third has a pointer of its own, hidden from the compiler, which would otherwise keep one
   pointer and spill R offsets. */
AS_INLINE void tile_chain_apart(const int R, const int V, const bool near, const tile_stream stream, int64_t steps,
                                const real *a, int64_t row, int64_t step, const real *b, int64_t width, int64_t apart,
                                vreal s[MR][2])
{
    const int pointers = near ? 2 : (R + 2) / 3;
    const real *x[(MR + 2) / 3 + 1];
    AS_UNROLL
    for (int g = 0; g < pointers; g++) {
        x[g] = a + (near ? g * step : 3 * g * row);
        __asm__("" : "+r"(x[g]));
    }
    const int64_t ahead = AHEAD_A * step;
    int64_t p = 0;
    for (; p + 2 <= steps; p += 2) {
        if (stream == STREAM_B) {
            AS_UNROLL
            for (int q = 0; q < 2 * V; q++) {
                __builtin_prefetch(b + AHEAD_B * width + q * VL);
            }
        } else if (stream == STREAM_A) {
            AS_UNROLL
            for (int q = 0; q < 2; q++) {
                __builtin_prefetch(x[q] + ahead);
                __builtin_prefetch(x[q] + ahead + R - 1);
            }
        }
        tile_step(R, V, near, x, row, 0, b, apart, s);
        tile_step(R, V, near, near ? x + 1 : x, row, near ? 0 : step, b + width, apart, s);
        b += 2 * width;
        AS_UNROLL
        for (int g = 0; g < pointers; g++) {
            x[g] += 2 * step;
        }
    }
    if (p < steps) {
        tile_step(R, V, near, x, row, 0, b, apart, s);
    }
}

/* The same with the vectors of a step side by side. */
AS_INLINE void tile_chain(const int R, const int V, const bool near, const tile_stream stream, int64_t steps,
                          const real *a, int64_t row, int64_t step, const real *b, int64_t width, vreal s[MR][2])
{
    tile_chain_apart(R, V, near, stream, steps, a, row, step, b, width, VL, s);
}

#endif
