/* The table of augmentations of one variant, and their application to rows. */
#include "data/augment.h"
#include "kernels/real.h"

#define AS_AUGMENT(kind) extern const as_augment_ops AS_V(as_augment_##kind);
#include "data/augment.def"
#undef AS_AUGMENT

const as_augment_ops *const AS_V(as_augments)[] = {
#define AS_AUGMENT(kind) &AS_V(as_augment_##kind),
#include "data/augment.def"
#undef AS_AUGMENT
    NULL};

static void normalise(int64_t n, const real *restrict scale, const real *restrict shift, real *restrict x)
{
    for (int64_t i = 0; i < n; i++) {
        x[i] = as_fma(x[i], scale[i], shift[i]);
    }
}

static void apply_rows(const as_augment *augment, const as_augment_rows *rows)
{
    const as_shape *shape = rows->shape;
    const bool image = shape->rank == 3;
    const int64_t n = as_shape_size(shape);
    for (int64_t r = 0; r < rows->rows; r++) {
        as_augment_pass pass = {.height = image ? shape->dim[0] : 1,
                                .width = image ? shape->dim[1] : 1,
                                .channels = image ? shape->dim[2] : n,
                                .x = (real *)rows->x + r * rows->ld,
                                .work = rows->work,
                                .seed = rows->seed,
                                .epoch = rows->epoch,
                                .id = rows->id[r]};
        for (int i = 0; i < augment->n; i++) {
            pass.options = augment->row[i].options;
            pass.index = i;
            AS_V(as_augments)[augment->row[i].kind]->apply(&pass);
        }
        if (rows->scale != NULL) {
            normalise(n, rows->scale, rows->shift, pass.x);
        }
    }
}

static void mix(int64_t n, double share, const void *other, void *out)
{
    const real s = (real)share;
    const real *restrict b = other;
    real *restrict x = out;
    for (int64_t i = 0; i < n; i++) {
        x[i] = as_fma(s, x[i] - b[i], b[i]);
    }
}

const as_augment_run AS_V(as_augment_apply) = {.rows = apply_rows, .mix = mix};
