/* Turns an image over with probability 1/2: left and right, top and bottom, or each by itself. Cost: one pass. */
#include "data/augment.h"
#include "kernels/real.h"

enum { HORIZONTAL, VERTICAL, BOTH };

typedef struct options {
    int axis;
} options;

static const char *const axis_choices[] = {[HORIZONTAL] = "horizontal", [VERTICAL] = "vertical", [BOTH] = "both", NULL};

static const as_field fields[] = {{.name = "axis",
                                   .type = AS_FIELD_CHOICE,
                                   .offset = offsetof(options, axis),
                                   .standard = "horizontal",
                                   .choices = axis_choices,
                                   .help = "horizontal exchanges left and right, vertical top and bottom; both: each "
                                           "with probability 1/2"},
                                  AS_FIELDS_END};

static void swap(int64_t n, real *restrict a, real *restrict b)
{
    for (int64_t i = 0; i < n; i++) {
        const real t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

static void apply(const as_augment_pass *pass)
{
    const int axis = ((const options *)pass->options)->axis;
    const int64_t channels = pass->channels, stride = pass->width * channels;
    uint32_t word[4];
    as_augment_words(pass, 0, word);
    real *x = pass->x;
    if (axis != VERTICAL && (word[0] & 1) != 0) {
        for (int64_t i = 0; i < pass->height; i++) {
            for (int64_t j = 0; j < pass->width / 2; j++) {
                swap(channels, x + i * stride + j * channels, x + (i + 1) * stride - (j + 1) * channels);
            }
        }
    }
    if (axis != HORIZONTAL && (word[1] & 1) != 0) {
        for (int64_t i = 0; i < pass->height / 2; i++) {
            swap(stride, x + i * stride, x + (pass->height - 1 - i) * stride);
        }
    }
}

const as_augment_ops AS_V(as_augment_flip) = {
    .name = "flip",
    .help = "Turns images over with probability 1/2.",
    .formula = "y[i, j] = x[i, width - 1 - j] (horizontal), x[height - 1 - i, j] (vertical)",
    .fields = fields,
    .options_bytes = sizeof(options),
    .image = true,
    .moves = true,
    .apply = apply,
};
