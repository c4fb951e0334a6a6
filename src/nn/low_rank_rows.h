/* The passes of low-rank adapters, beside those of the weight W (in, out) that they adapt. Compiled per variant.

     forward     u = s x A,  z = z + u B         after z = x W + b: each chain goes on with the rank's products
     backward    t = s dz B',  dx = dx + t A'
     sums        dA = sum over rows of x' t,  dB = sum over rows of u' dz

   u and t (rows, rank) are kept by the layer. Cost for each row: 2 rank (in + out) flops forward, twice that backward.
   */
#ifndef AS_NN_LOW_RANK_ROWS_H
#define AS_NN_LOW_RANK_ROWS_H

#include "kernels/real.h"
#include "nn/low_rank.h"

/* Reals of the packed form of A (first) or B: as they are, then turned where that is wanted. */
static inline int64_t as_low_rank_packed(const as_kernels *kernels, const as_param *param)
{
    return (kernels->pack_reals(param->shape.dim[0], param->shape.dim[1]) + 15) / 16 * 16;
}

static inline int64_t as_low_rank_packed_reals(const as_kernels *kernels, const as_param *param, bool turned)
{
    return as_low_rank_packed(kernels, param) +
           (turned ? kernels->pack_reals(param->shape.dim[1], param->shape.dim[0]) : 0);
}

static inline void as_low_rank_pack(const as_kernels *kernels, const as_param *param, bool turned, const void *from,
                                    int64_t first, int64_t count, void *packed)
{
    kernels->pack(param->shape.dim[0], param->shape.dim[1], from, first, count, packed,
                  turned ? (real *)packed + as_low_rank_packed(kernels, param) : NULL);
}

/* s. */
static inline double as_low_rank_factor(const as_low_rank *r)
{
    return r->alpha > 0 ? r->alpha / (double)r->rank : 1;
}

static inline void as_low_rank_scale(const as_low_rank *r, int64_t rows, real *u, int64_t ldu)
{
    const real s = (real)as_low_rank_factor(r);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < r->rank; j++) {
            u[i * ldu + j] *= s;
        }
    }
}

/* adapter: the parameters A and B; packed: their packed forms. */
static inline void as_low_rank_forward(const as_kernels *kernels, const as_low_rank *r, const as_param adapter[2],
                                       const void *const packed[2], int64_t rows, const real *x, int64_t ldx, real *u,
                                       int64_t ldu, real *z, int64_t ldz)
{
    kernels->gemm(rows, r->rank, adapter[0].shape.dim[0], x, ldx, packed[0], NULL, false, u, ldu);
    as_low_rank_scale(r, rows, u, ldu);
    kernels->gemm_add(rows, adapter[1].shape.dim[1], r->rank, u, ldu, packed[1], z, ldz);
}

/* dx NULL: not wanted, and A is not packed turned. */
static inline void as_low_rank_backward(const as_kernels *kernels, const as_low_rank *r, const as_param adapter[2],
                                        const void *const packed[2], int64_t rows, const real *dz, int64_t ldz, real *t,
                                        int64_t ldt, real *dx, int64_t ldx)
{
    const real *const b = (const real *)packed[1] + as_low_rank_packed(kernels, &adapter[1]);
    kernels->gemm(rows, r->rank, adapter[1].shape.dim[1], dz, ldz, b, NULL, false, t, ldt);
    as_low_rank_scale(r, rows, t, ldt);
    if (dx != NULL) {
        const real *const a = (const real *)packed[0] + as_low_rank_packed(kernels, &adapter[0]);
        kernels->gemm_add(rows, adapter[0].shape.dim[0], r->rank, t, ldt, a, dx, ldx);
    }
}

/* part: those of A, then those of B. */
static inline void as_low_rank_accumulate(const as_accumulate *a, const as_low_rank *r, const as_param adapter[2],
                                          const int64_t *lane_row, const real *x, int64_t ldx, const real *u,
                                          const real *t, int64_t ldu, const real *dz, int64_t ldz, void *const *part)
{
    const int64_t in = adapter[0].shape.dim[0], out = adapter[1].shape.dim[1];
    a->kernels->outer_lanes(in, r->rank, x, ldx, t, ldu, a->program, lane_row, a->resume, part, r->rank, a->thread,
                            a->threads);
    a->kernels->outer_lanes(r->rank, out, u, ldu, dz, ldz, a->program, lane_row, a->resume, part + a->program->parts,
                            out, a->thread, a->threads);
}

/* W += s A B, each element one chain in double, rounded once; B = 0: the layer computes the same as before. */
static inline void as_low_rank_fold(const as_low_rank *r, const as_param adapter[2], real *w, const real *a, real *b)
{
    const int64_t in = adapter[0].shape.dim[0], out = adapter[1].shape.dim[1];
    const double s = as_low_rank_factor(r);
    for (int64_t i = 0; i < in; i++) {
        for (int64_t j = 0; j < out; j++) {
            double sum = 0;
            for (int64_t k = 0; k < r->rank; k++) {
                sum += (double)a[i * r->rank + k] * (double)b[k * out + j];
            }
            w[i * out + j] = (real)((double)w[i * out + j] + s * sum);
        }
    }
    for (int64_t k = 0; k < r->rank * out; k++) {
        b[k] = 0;
    }
}

#endif
