/* The parts of share.h. Columns are divided at multiples of the widest panel (panel.h), so that the packed form of a
   part lies in that of the whole. */
#include "kernels/share.h"

#include "kernels/team.h"

enum {
    GRAIN = 32,             /* columns: a multiple of every variant's panel */
    ROWS_NEAR = 8,          /* rows of a thread from which on a product is limited by arithmetic, ... */
    ROWS_FAR = 16,          /* ... and where weights are not in L2: */
    L2_BYTES = 2048 * 1024, /* they take more than this */
};

static bool divides_columns(const as_kernels *kernels, int64_t m, int64_t n, int64_t k, int threads)
{
    const bool near = k * n <= L2_BYTES / (int64_t)kernels->real_bytes;
    return m < threads * (int64_t)(near ? ROWS_NEAR : ROWS_FAR) && n >= GRAIN * (m < threads ? 2 : (int64_t)threads);
}

as_gemm_part as_gemm_share(const as_kernels *kernels, as_force columns, int64_t m, int64_t n, int64_t k, int thread,
                           int threads)
{
    as_gemm_part part = {.rows = m, .columns = n};
    if (threads < 2) {
        return part;
    }
    if (columns == AS_AUTO ? divides_columns(kernels, m, n, k, threads) : columns == AS_ALWAYS) {
        as_team_share(n, GRAIN, thread, threads, &part.column, &part.columns);
    } else {
        as_team_share(m, 1, thread, threads, &part.row, &part.rows);
    }
    return part;
}

void as_gemm_of_part(const as_kernels *kernels, const as_gemm_part *part, int64_t k, const void *a, int64_t lda,
                     const void *packed, const void *bias, bool relu, void *c, int64_t ldc)
{
    const size_t bytes = kernels->real_bytes;
    const char *const rows = (const char *)a + (size_t)(part->row * lda) * bytes;
    const char *const weights = (const char *)packed + (size_t)(part->column * k) * bytes;
    const char *const start = bias == NULL ? NULL : (const char *)bias + (size_t)part->column * bytes;
    char *const to = (char *)c + (size_t)(part->row * ldc + part->column) * bytes;
    if (part->rows > 0 && part->columns > 0) {
        kernels->gemm(part->rows, part->columns, k, rows, lda, weights, start, relu, to, ldc);
    }
}
