/* Reading the adapters of a layer, and their parameters. */
#include "nn/low_rank.h"

#include <math.h>
#include <stdio.h>

#include "base/error.h"

const as_field as_low_rank_fields[] = {
    {.name = "rank",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_low_rank, rank),
     .min = 1,
     .max = 65536,
     .help = "Columns of A and rows of B: the rank of what is learnt beside the weight."},
    {.name = "alpha",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_low_rank, alpha),
     .standard = "0",
     .min = 0,
     .max = 1e6,
     .help = "The product A B is taken alpha / rank times; 0: once."},
    AS_FIELDS_END};

as_status as_low_rank_parse(const as_layer *layer, as_document *document, const as_node *node, as_low_rank *out)
{
    char path[AS_NAME_MAX + 8];
    *out = (as_low_rank){.rank = 0};
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return AS_OK;
    }
    snprintf(path, sizeof path, "%s.lora", layer->name);
    const as_fields_part part = {as_low_rank_fields, out};
    return as_fields_parse(&part, 1, document, node, path);
}

as_status as_low_rank_params(as_layer *layer, const char *prefix, int64_t rank, as_param *weight, as_param *bias,
                             as_param adapter[2])
{
    const int64_t in = weight->shape.dim[0], out = weight->shape.dim[1], most = in < out ? in : out;
    if (rank > most) {
        AS_FAIL(AS_CONFIG,
                "%s: layer %s: lora: expected a rank of at most %lld, that of its %s %lld x %lld, found %lld",
                as_node_place(layer->node), layer->name, (long long)most, weight->name, (long long)in, (long long)out,
                (long long)rank);
    }
    adapter[0] = (as_param){.shape = {.rank = 2, .dim = {in, rank}},
                            .init = AS_INIT_UNIFORM,
                            .init_scale = 1 / sqrt((double)in),
                            .fan_in = in,
                            .fan_out = rank,
                            .decay = true,
                            .adapter = true};
    adapter[1] = (as_param){.shape = {.rank = 2, .dim = {rank, out}},
                            .init = AS_INIT_ZEROS,
                            .fan_in = rank,
                            .fan_out = out,
                            .decay = true,
                            .adapter = true};
    for (int k = 0; k < 2; k++) {
        snprintf(adapter[k].name, AS_NAME_MAX, "%slora_%c", prefix, "ab"[k]);
    }
    weight->adapted = true;
    if (bias != NULL) {
        bias->adapted = true;
    }
    layer->trains = true;
    return AS_OK;
}
