/* Packing of weights, forward (B = w) and transposed (B = w'). Copies only. A range that covers VL whole rows, from a
   row that VL divides, is transposed in registers; other ranges element by element, several times slower. */
#include "kernels/table.h"
#include "kernels/transpose.h"

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

/* Row i, VL rows below it and all columns [0, n): VL x VL blocks are transposed in registers. i is a multiple of VL. */
#if defined(AS_ISA_AVX512)
static void pack_rows_transposed(int64_t k, int64_t n, const real *w, int64_t i, real *transposed)
{
    const int64_t i0 = i / NR * NR, width = panel_width(k, i0);
    real *const to = transposed + i0 * n + (i - i0);
    int64_t j = 0;
    for (; j + VL <= n; j += VL) {
        vreal x[VL];
        AS_UNROLL
        for (int r = 0; r < VL; r++) {
            x[r] = v_load(w + (i + r) * n + j);
        }
        transpose_block(x);
        AS_UNROLL
        for (int r = 0; r < VL; r++) {
            v_store(to + (j + r) * width, x[r]);
        }
    }
    for (int r = 0; r < VL; r++) {
        pack_row_transposed(k, n, w, i + r, j, n, transposed);
    }
}
#else
static void pack_rows_transposed(int64_t k, int64_t n, const real *w, int64_t i, real *transposed)
{
    const int64_t i0 = i / NR * NR, width = panel_width(k, i0);
    real *const to = transposed + i0 * n + (i - i0);
    for (int64_t j = 0; j < n; j++) {
        for (int r = 0; r < VL; r++) {
            to[j * width + r] = w[(i + r) * n + j];
        }
    }
}
#endif

void AS_V(as_pack)(int64_t k, int64_t n, const void *w, int64_t first, int64_t count, void *forward, void *transposed)
{
    const int64_t last = first + count;
    while (first < last) {
        const int64_t i = first / n, j = first - i * n;
        if (j == 0 && i % VL == 0 && last - first >= VL * n) {
            for (int r = 0; forward != NULL && r < VL; r++) {
                pack_row(k, n, w, i + r, 0, n, forward);
            }
            if (transposed != NULL) {
                pack_rows_transposed(k, n, w, i, transposed);
            }
            first += VL * n;
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
