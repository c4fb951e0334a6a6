/* Packing of weights, forward (B = w) and transposed (B = w'). Copies only. Bands of VL whole rows, from a row that VL
   divides, pass through registers once for both forms; other ranges go element by element, several times slower. */
#include "kernels/table.h"
#include "kernels/transpose.h"

enum { PAST = 32 * 1024 * 1024 }; /* bytes of a form, from which on no cache keeps what is written for the next step */

static int64_t packed_reals(int64_t k, int64_t n)
{
    return k * ((n + VL - 1) / VL) * VL;
}

int64_t AS_V(as_pack_reals)(int64_t k, int64_t n)
{
    const int64_t forward = packed_reals(k, n), transposed = packed_reals(n, k);
    return forward > transposed ? forward : transposed;
}

/* Columns [j, end) of row i of w (k, n) into its forward form. */
static void pack_row(int64_t k, int64_t n, const real *w, int64_t i, int64_t j, int64_t end, real *forward)
{
    while (j < end) {
        const int64_t j0 = j / NR * NR, width = panel_width(n, j0), stop = j0 + NR < end ? j0 + NR : end;
        real *const to = forward + j0 * k + i * width;
        if (stop - j == NR) {
            memcpy(to, w + i * n + j, NR * sizeof(real));
        } else {
            memcpy(to + (j - j0), w + i * n + j, (size_t)(stop - j) * sizeof(real));
        }
        j = stop;
    }
}

/* Columns [j, end) of row i of w (k, n) into the forward form of w' (n, k). */
static void pack_row_transposed(int64_t k, int64_t n, const real *w, int64_t i, int64_t j, int64_t end,
                                real *transposed)
{
    const int64_t i0 = i / NR * NR, width = panel_width(k, i0);
    real *const to = transposed + i0 * n + (i - i0);
    for (; j < end; j++) {
        to[j * width] = w[i * n + j];
    }
}

/* Rows [i, i + rows) of w, all columns, into both forms (or one): VL divides i, and rows is VL or ends the matrix.
   Blocks of VL x VL are read once, and whole vectors are written, which beyond the matrix set padding to zero. */
#if defined(V_TRANSPOSES)
/* A vector, past the caches or not. A line that is stored to in the usual way is read first, which nothing gains where
   the caches would not keep it. */
AS_INLINE void put(real *to, vreal x, const bool past)
{
#if defined(AS_ISA_AVX512)
    if (past) {
        V_CALL(stream)(to, (vnative)x);
        return;
    }
#endif
    (void)past;
    v_store(to, x);
}

/* The lines that the next block is written to: as a rule they are not in L2. */
AS_INLINE void fetch_written(const real *to, int64_t count, int64_t row)
{
    for (int64_t r = 0; r < count; r++) {
        __builtin_prefetch(to + r * row, 1);
    }
}

AS_INLINE void pack_blocks(int64_t k, int64_t n, const real *w, int64_t i, int64_t rows, real *forward,
                           real *transposed, const bool past)
{
    const int64_t i0 = i / NR * NR, width = panel_width(k, i0);
    for (int64_t j = 0; j < n; j += VL) {
        const int64_t next = j + VL < n ? j + VL : j;
        const int64_t j0 = j / NR * NR, across = panel_width(n, j0), columns = n - j < VL ? n - j : VL;
        const vmask valid = v_first(columns);
        const real *const from = w + i * n + j;
        vreal x[VL];
        AS_UNROLL
        for (int r = 0; r < VL; r++) {
            x[r] = r < rows ? v_load_masked(from + r * n, valid) : v_splat(0);
        }
        if (forward != NULL) {
            real *const to = forward + j0 * k + i * across + (j - j0);
            fetch_written(forward + next / NR * NR * k + i * across + next % NR, next > j && !past ? rows : 0, across);
            AS_UNROLL
            for (int r = 0; r < VL; r++) {
                if (r < rows) {
                    put(to + r * across, x[r], past);
                }
            }
        }
        if (transposed != NULL) {
            real *const to = transposed + i0 * n + (i - i0) + j * width;
            fetch_written(to + (next - j) * width, next > j && !past ? VL : 0, width);
            transpose_block(x);
            AS_UNROLL
            for (int r = 0; r < VL; r++) {
                if (r < columns) {
                    put(to + r * width, x[r], past);
                }
            }
        }
    }
}

static void pack_band(int64_t k, int64_t n, const real *w, int64_t i, int64_t rows, real *forward, real *transposed)
{
#if defined(AS_ISA_AVX512)
    const bool lines = ((uintptr_t)forward | (uintptr_t)transposed) % V_BYTES == 0;
    if (lines && packed_reals(k, n) >= PAST / (int)sizeof(real)) {
        pack_blocks(k, n, w, i, rows, forward, transposed, true);
        _mm_sfence(); /* later stores, by which other threads learn of these, would not wait for them */
        return;
    }
#endif
    pack_blocks(k, n, w, i, rows, forward, transposed, false);
}
#else
static void pack_band(int64_t k, int64_t n, const real *w, int64_t i, int64_t rows, real *forward, real *transposed)
{
    for (int64_t r = i; forward != NULL && r < i + rows; r++) {
        pack_row(k, n, w, r, 0, n, forward);
    }
    if (transposed != NULL) {
        const int64_t i0 = i / NR * NR, width = panel_width(k, i0);
        real *const to = transposed + i0 * n + (i - i0);
        for (int64_t j = 0; j < n; j++) {
            for (int64_t r = 0; r < rows; r++) {
                to[j * width + r] = w[(i + r) * n + j];
            }
        }
    }
}
#endif

void AS_V(as_pack)(int64_t k, int64_t n, const void *w, int64_t first, int64_t count, void *forward, void *transposed)
{
    const int64_t last = first + count;
    while (first < last) {
        const int64_t i = first / n, j = first - i * n, rows = k - i < VL ? k - i : VL;
        if (j == 0 && i % VL == 0 && last - first >= rows * n) {
            pack_band(k, n, w, i, rows, forward, transposed);
            first += rows * n;
            continue;
        }
        const int64_t end = n - j < last - first ? n : j + (last - first);
        if (forward != NULL) {
            pack_row(k, n, w, i, j, end, forward);
        }
        if (transposed != NULL) {
            pack_row_transposed(k, n, w, i, j, end, transposed);
        }
        first = i * n + end;
    }
}
