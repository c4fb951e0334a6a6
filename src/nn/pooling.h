/* What max_pool and avg_pool share: their windows. */
#ifndef AS_NN_POOLING_H
#define AS_NN_POOLING_H

#include "nn/convolution.h"

typedef struct as_pooling {
    as_ints size, stride;
    as_texts padding;
    bool count_padding; /* avg_pool */
    as_conv window;     /* set by the plan */
} as_pooling;

#define AS_POOLING_FIELDS                                                                                              \
    {.name = "size",                                                                                                   \
     .type = AS_FIELD_INTS,                                                                                            \
     .offset = offsetof(as_pooling, size),                                                                             \
     .standard = "2",                                                                                                  \
     .min = 1,                                                                                                         \
     .max = 1e6,                                                                                                       \
     .help = "Extent of the window: one number, or one for each axis."},                                               \
        {.name = "stride",                                                                                             \
         .type = AS_FIELD_INTS,                                                                                        \
         .offset = offsetof(as_pooling, stride),                                                                       \
         .standard = "0",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1e6,                                                                                                   \
         .help = "Steps between neighbouring windows: one number, or one for each axis; 0: the size."},                \
    {                                                                                                                  \
        .name = "padding", .type = AS_FIELD_TEXTS, .offset = offsetof(as_pooling, padding), .standard = "valid",       \
        .help = "How far windows reach over the input: valid (not at all), same (output = input / stride, rounded "    \
                "up), or by how many on each side; one entry, or one for each axis."                                   \
    }

/* Not collective, for plan. Sets the window and the output. Errors: CONFIG. */
as_status as_pooling_plan(as_layer *layer);

#endif
