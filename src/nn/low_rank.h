/* Low-rank adapters of a weight W (in, out): the layer computes with W + s A B, A (in, rank), B (rank, out),
   s = alpha / rank, and trains A and B alone (Hu et al., LoRA, ICLR 2022). A starts uniform within 1 / sqrt(in), B at
   0, so that training starts from W as it is. The passes are in low_rank_rows.h. */
#ifndef AS_NN_LOW_RANK_H
#define AS_NN_LOW_RANK_H

#include "nn/layer.h"

typedef struct as_low_rank {
    int64_t rank; /* 0: no adapter */
    double alpha; /* 0: as the rank, s = 1 */
} as_low_rank;

extern const as_field as_low_rank_fields[]; /* of `lora:` */

/* Not collective, for plan. Reads `lora: 8` or `lora: {rank: 8, alpha: 16}` of a layer; node NULL: none. Errors:
   CONFIG. */
as_status as_low_rank_parse(const as_layer *layer, as_document *document, const as_node *node, as_low_rank *out);

/* Not collective, for plan. Parameters PREFIXlora_a and PREFIXlora_b for the weight and, where it is not NULL, its
   bias: these two are kept as they are from now on, and the layer trains. Errors: CONFIG for a rank above that of any
   weight of its shape. */
as_status as_low_rank_params(as_layer *layer, const char *prefix, int64_t rank, as_param *weight, as_param *bias,
                             as_param adapter[2]);

#endif
