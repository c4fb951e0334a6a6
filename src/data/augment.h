/* Changes of training samples, drawn anew in each epoch. A kind is one file augment_<kind>.c (compiled per variant) and
   one row in augment.def. What happens to a sample is a function of (seed, epoch, sample id) and the list of kinds
   alone, whatever the layout: random numbers are counters, and a row sees no other row, but for the one of its lane
   that it may be mixed with. */
#ifndef AS_DATA_AUGMENT_H
#define AS_DATA_AUGMENT_H

#include "base/fields.h"
#include "base/rng.h"
#include "base/shape.h"
#include "kernels/kernels.h"

enum { AS_AUGMENTS_MAX = 16 };

/* One sample, in reals of the variant and in units of the stored data, before it is normalised. */
typedef struct as_augment_pass {
    const void *options;
    int64_t height, width, channels; /* of an image; other samples: 1, 1, all elements */
    void *x;                         /* (height, width, channels), changed in place */
    void *work;                      /* the same size, the kind's own */
    uint64_t seed;
    int64_t epoch, id;
    int index; /* place in the list: two rows of a kind draw different numbers */
} as_augment_pass;

typedef struct as_augment_ops {
    const char *name, *help, *formula;
    const as_field *fields; /* the first one is the scalar shorthand */
    size_t options_bytes;
    bool image; /* samples must be images (height, width, channels) */
    bool mixes; /* the sample with another one: see as_augment_mix_share */
    bool moves; /* pixels change their places: labels of pixels would have to follow, and are refused */
    void (*apply)(const as_augment_pass *pass);
} as_augment_ops;

/* Not collective. The rows of augment.def for a variant; NULL-terminated. */
const as_augment_ops *const *as_augments_get(const as_kernels *kernels);

/* `augment: [{shift: 2}, {flip: horizontal}]` as parsed: kinds in the order in which they are applied. */
typedef struct as_augment {
    int n;
    struct {
        int kind; /* row of the table */
        void *options;
    } row[AS_AUGMENTS_MAX];
} as_augment;

/* Not collective. Options are owned by the document. Errors: CONFIG. */
as_status as_augment_parse(as_document *document, const as_node *node, const char *path, as_augment *out);
/* Not collective. Appends the resolved list below `augment:`, or nothing for an empty one. */
as_status as_augment_write(const as_augment *augment, int indent, struct as_text *text);
/* Not collective. That samples of a shape, with `positions` labels each, can be changed so. Errors: CONFIG. */
as_status as_augment_check(const as_augment *augment, const as_shape *shape, int64_t positions, const char *place);

/* Options of the kind that mixes. */
typedef struct as_augment_mixing {
    double alpha;
} as_augment_mixing;

/* Not collective. The row of the list that mixes samples; -1: none. */
int as_augment_mixing_row(const as_augment *augment);
/* Not collective. The share in (0, 1) that a sample keeps of itself, by row `index` of the list: Beta(alpha, alpha) by
   the method of M. D. Joehnk (Metrika 8, 1964), a function of (seed, epoch, id, index). */
double as_augment_mix_share(const as_augment *augment, int index, uint64_t seed, int64_t epoch, int64_t id);

/* Rows of a batch on one thread. */
typedef struct as_augment_rows {
    const as_shape *shape;
    int64_t rows;
    void *x; /* (rows, size of shape), ld: as stored; changed, then normalised */
    int64_t ld;
    const int64_t *id; /* (rows) */
    uint64_t seed;
    int64_t epoch;
    const void *scale, *shift; /* of the normalisation, or NULL */
    void *work;                /* (size of shape) reals */
} as_augment_rows;

/* Not collective. Applies the list to each row, then y = scale x + shift. */
typedef struct as_augment_run {
    void (*rows)(const as_augment *augment, const as_augment_rows *rows);
    /* x = share x + (1 - share) other, n reals. */
    void (*mix)(int64_t n, double share, const void *other, void *x);
} as_augment_run;
const as_augment_run *as_augment_run_get(const as_kernels *kernels);

/* Four random words of a sample: draw 0, 1, 2, ... */
static inline void as_augment_words(const as_augment_pass *pass, uint32_t draw, uint32_t out[4])
{
    as_rng_words(pass->seed, AS_RNG_AUGMENT, (uint32_t)pass->epoch, (uint32_t)pass->index << 27 | draw,
                 (uint64_t)pass->id, out);
}

/* A whole number of [low, high] from a word. */
static inline int64_t as_augment_pick(uint32_t word, int64_t low, int64_t high)
{
    return low + (int64_t)(((uint64_t)word * (uint64_t)(high - low + 1)) >> 32);
}

#endif
