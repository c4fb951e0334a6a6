/* Layer attention: multi-head self-attention over a sequence (T, C) (Vaswani et al. 2017):
     q, k, v = x W_qkv + b_qkv,  o_h = softmax(q_h k_g' / sqrt(w)) v_g by head,  y = o W_out + b_out
   Options: causal (position t sees those before it and itself), rotary positions (Su et al. 2021), heads that share
   keys and values (Ainslie et al. 2023). A second input (T) is a mask: positions where it is 0 are seen by none.

   Rotary: entries i and i + w / 2 of each q and k are turned by the angle t base^(-2i / w); the tables are made once.
   Kept for each position: q, k, v (turned; in backward their gradient, for accumulate), o, and the logarithm of each
   head's sum: T x T never exists (kernels/attention.h). Cost forward: 2 T C (H + 2 G) w + 2 T H w units + 4 w H pairs
   seen flops, for H heads and G of keys and values of width w. */
#include "kernels/attention.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "kernels/scalar_math.h"
#include "nn/init.h"
#include "nn/layer_attention.h"
#include "nn/low_rank_rows.h"

#define OPTION(field, kind) .name = #field, .type = kind, .offset = offsetof(as_attention_options, field)
static const as_field fields[] = {
    {OPTION(heads, AS_FIELD_INT), .min = 1, .max = 65536, .help = "Heads."},
    {OPTION(causal, AS_FIELD_BOOL), .standard = "false", .help = "A position sees itself and those before it alone."},
    {OPTION(kv_heads, AS_FIELD_INT), .standard = "0", .min = 0, .max = 65536,
     .help = "Heads of keys and values, each shared by heads / kv_heads heads; 0: as many as heads."},
    {OPTION(head_width, AS_FIELD_INT), .standard = "0", .min = 0, .max = 65536,
     .help = "Width of a head; 0: the input's last axis divided by heads."},
    {OPTION(units, AS_FIELD_INT), .standard = "0", .min = 0, .max = 1e9,
     .help = "Width of the output; 0: that of the input."},
    {OPTION(rotary, AS_FIELD_BOOL), .standard = "false",
     .help = "Turns queries and keys by angles that grow with the position."},
    {OPTION(rotary_base, AS_FIELD_REAL), .standard = "10000", .min = 1, .max = 1e12,
     .help = "Ratio of the slowest to the fastest turn of rotary."},
    {OPTION(bias, AS_FIELD_BOOL), .standard = "true", .help = "Adds biases, which start at 0, in both projections."},
    {OPTION(init, AS_FIELD_CHOICE), .standard = "glorot", .choices = as_init_choices,
     .help = "How both weights start; auto: glorot."},
    {OPTION(init_scale, AS_FIELD_REAL), .standard = "0", .min = 0, .max = 1e6,
     .help = "Standard deviation of normal, half-width of uniform (0: 0.05 for both); a factor on the others (0: 1)."},
    {OPTION(lora, AS_FIELD_NODE), .standard = "",
     .help = "Keeps weights and biases, and trains low-rank adapters of both weights: a rank, or {rank, alpha}."},
    AS_FIELDS_END};

static as_attention shape_of(const as_attention_options *o)
{
    return (as_attention){.queries = o->positions,
                          .keys = o->positions,
                          .heads = o->heads,
                          .kv_heads = o->kv_heads,
                          .width = o->head_width,
                          .ldq = o->stride,
                          .ldk = o->stride,
                          .ldv = o->stride,
                          .ldo = o->stride,
                          .ldl = o->stride,
                          .scale = 1 / sqrt((double)o->head_width),
                          .causal = o->causal};
}

static as_status check(const as_layer *layer, as_attention_options *o)
{
    o->positions = as_shape_positions(&layer->in[0]);
    o->channels = as_shape_channels(&layer->in[0]);
    o->kv_heads = o->kv_heads == 0 ? o->heads : o->kv_heads;
    o->units = o->units == 0 ? o->channels : o->units;
    if (o->heads % o->kv_heads != 0) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: kv_heads: expected a divisor of the %lld heads, found %lld",
                as_node_place(layer->node), layer->name, (long long)o->heads, (long long)o->kv_heads);
    }
    if (o->head_width == 0 && o->channels % o->heads != 0) {
        AS_FAIL(AS_CONFIG,
                "%s: layer %s: heads: expected a divisor of the input's width %lld, found %lld (or set head_width)",
                as_node_place(layer->node), layer->name, (long long)o->channels, (long long)o->heads);
    }
    o->head_width = o->head_width == 0 ? o->channels / o->heads : o->head_width;
    if (o->rotary && o->head_width % 2 != 0) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: rotary: expected an even width of a head, found %lld",
                as_node_place(layer->node), layer->name, (long long)o->head_width);
    }
    if (layer->ninputs > 1 && layer->in_size[1] != o->positions) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: mask: expected one number for each of %lld positions, found %lld",
                as_node_place(layer->node), layer->name, (long long)o->positions, (long long)layer->in_size[1]);
    }
    return AS_OK;
}

static as_status make_turns(const as_layer *layer, as_attention_options *o, as_document *document)
{
    const int64_t half = o->head_width / 2;
    real *const turns = as_document_alloc(document, (size_t)(o->positions * 2 * half) * sizeof(real) + 1);
    if (turns == NULL) {
        AS_FAIL(AS_NOMEM, "layer %s: out of memory for the turns of %lld positions", layer->name,
                (long long)o->positions);
    }
    for (int64_t i = 0; i < half; i++) {
        const double rate = as_pow_f64(o->rotary_base, -2 * (double)i / (double)o->head_width);
        for (int64_t t = 0; t < o->positions; t++) {
            turns[(2 * t) * half + i] = (real)as_cos_f64((double)t * rate);
            turns[(2 * t + 1) * half + i] = (real)as_sin_f64((double)t * rate);
        }
    }
    o->turns = turns;
    return AS_OK;
}

static int64_t lines(int64_t reals)
{
    return (reals + 15) / 16 * 16;
}

static as_param weight(const as_attention_options *o, const char *name, const char *torch, int64_t in, int64_t out)
{
    as_param p = {.torch_name = torch,
                  .torch_axes = "10",
                  .shape = {.rank = 2, .dim = {in, out}},
                  .init = o->init == 0 ? AS_INIT_GLOROT : (as_init)(o->init - 1),
                  .init_scale = o->init_scale,
                  .fan_in = in,
                  .fan_out = out,
                  .decay = true};
    memcpy(p.name, name, strlen(name) + 1);
    return p;
}

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    as_attention_options *const o = layer->options;
    AS_TRY(check(layer, o));
    o->qkv = (o->heads + 2 * o->kv_heads) * o->head_width;
    o->o = o->heads * o->head_width;
    AS_TRY(as_low_rank_parse(layer, document, o->lora, &o->low));
    o->stride = lines(o->qkv + o->o + o->heads + 4 * o->low.rank);
    if (o->rotary) {
        AS_TRY(make_turns(layer, o, document));
    }
    layer->looks_ahead = !o->causal;
    layer->keeps_dy = layer->forgets_y = true;
    layer->out = layer->in[0];
    layer->out.rank = layer->out.rank == 0 ? 1 : layer->out.rank;
    layer->out.dim[layer->out.rank - 1] = o->units;
    layer->saved = o->positions * o->stride;
    const as_attention a = shape_of(o);
    const int64_t forward = kernels->attention->work(&a, false), backward = kernels->attention->work(&a, true);
    layer->scratch =
        lines(forward > backward ? forward : backward) + lines(o->positions * o->stride) + lines(o->positions);
    layer->nparams = o->bias ? 4 : 2;
    const as_param qkv = weight(o, "qkv", "in_proj_weight", o->channels, o->qkv);
    const as_param out = weight(o, "out", "out_proj.weight", o->o, o->units);
    layer->param[0] = qkv;
    layer->param[1] = out;
    layer->param[2] = (as_param){.name = "qkv_bias",
                                 .torch_name = "in_proj_bias",
                                 .shape = {.rank = 1, .dim = {o->qkv}},
                                 .init = AS_INIT_ZEROS,
                                 .fan_in = o->channels,
                                 .fan_out = o->qkv};
    layer->param[3] = (as_param){.name = "out_bias",
                                 .torch_name = "out_proj.bias",
                                 .shape = {.rank = 1, .dim = {o->units}},
                                 .init = AS_INIT_ZEROS,
                                 .fan_in = o->o,
                                 .fan_out = o->units};
    for (int w = 0; w < 2 && o->low.rank > 0; w++) {
        AS_TRY(as_low_rank_params(layer, w == 0 ? "qkv_" : "out_", o->low.rank, &layer->param[w],
                                  o->bias ? &layer->param[2 + w] : NULL, &layer->param[layer->nparams]));
        layer->nparams += 2;
    }
    return AS_OK;
}

/* Of A of weight w; B is the next one. */
static int adapter_of(const as_layer *layer, int w)
{
    return layer->nparams - 4 + 2 * w;
}

/* Where u of weight w is kept, from the beginning of a position; t is behind it. */
static int64_t place_of(const as_attention_options *o, int w)
{
    return o->qkv + o->o + o->heads + 2 * w * o->low.rank;
}

/* y += what the adapter of weight w gives, for rows x; kept: the first row's position. */
static void adapt(const as_layer *layer, const as_pass *pass, int w, int64_t rows, const real *x, int64_t ldx,
                  real *kept, int64_t lds, real *y, int64_t ldy)
{
    const as_attention_options *const o = layer->options;
    if (o->low.rank > 0) {
        const int a = adapter_of(layer, w);
        as_low_rank_forward(pass->kernels, &o->low, &layer->param[a], &pass->packed[a], rows, x, ldx,
                            kept + place_of(o, w), lds, y, ldy);
    }
}

static void adapt_back(const as_layer *layer, const as_pass *pass, int w, int64_t rows, const real *dy, int64_t ldy,
                       real *kept, int64_t lds, real *dx, int64_t ldx)
{
    const as_attention_options *const o = layer->options;
    if (o->low.rank > 0) {
        const int a = adapter_of(layer, w);
        as_low_rank_backward(pass->kernels, &o->low, &layer->param[a], &pass->packed[a], rows, dy, ldy,
                             kept + place_of(o, w) + o->low.rank, lds, dx, ldx);
    }
}

/* Turns the heads of q and k of positions [from, to) of one sample; back: by the negative angles. */
static void turn(const as_attention_options *o, real *sample, int64_t from, int64_t to, bool back)
{
    const int64_t half = o->head_width / 2;
    for (int64_t t = from; t < to; t++) {
        const real *const cos = o->turns + 2 * t * half, *const sin = cos + half;
        for (int64_t h = 0; h < o->heads + o->kv_heads; h++) {
            real *const a = sample + t * o->stride + h * o->head_width, *const b = a + half;
            for (int64_t i = 0; i < half; i++) {
                const real s = back ? -sin[i] : sin[i], p = a[i] * cos[i] - b[i] * s, q = a[i] * s + b[i] * cos[i];
                a[i] = p;
                b[i] = q;
            }
        }
    }
}

/* The arrays of sample r, whose q begins at `sample`; its mask goes to the end of the scratch. */
static as_attention_arrays arrays_of(const as_layer *layer, const as_pass *pass, int64_t r)
{
    const as_attention_options *const o = layer->options;
    real *const q = (real *)pass->saved + r * pass->lds, *const scratch = pass->scratch;
    const int64_t wide = lines(o->positions * o->stride);
    as_attention_arrays x = {.q = q,
                             .k = q + o->heads * o->head_width,
                             .v = q + (o->heads + o->kv_heads) * o->head_width,
                             .o = q + o->qkv,
                             .lse = q + o->qkv + o->o,
                             .work = scratch + wide + lines(o->positions),
                             .count = o->kv_heads};
    if (layer->ninputs > 1) {
        uint8_t *const mask = (uint8_t *)(scratch + wide);
        for (int64_t t = 0; t < o->positions; t++) {
            mask[t] = ((const real *)pass->x[1])[r * pass->ldx[1] + t] != 0;
        }
        x.mask = mask;
    }
    return x;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const as_attention_options *const o = layer->options;
    const as_attention a = shape_of(o);
    const int64_t rows = pass->rows * o->positions, lds = as_position_stride(o->positions, o->stride, pass->lds);
    real *const saved = pass->saved;
    pass->kernels->gemm(rows, o->qkv, o->channels, pass->x[0],
                        as_position_stride(o->positions, o->channels, pass->ldx[0]), pass->packed[0],
                        o->bias ? pass->param[2] : NULL, false, saved, lds);
    adapt(layer, pass, 0, rows, pass->x[0], as_position_stride(o->positions, o->channels, pass->ldx[0]), saved, lds,
          saved, lds);
    for (int64_t r = 0; r < pass->rows; r++) {
        const as_attention_arrays x = arrays_of(layer, pass, r);
        if (o->rotary) {
            turn(o, saved + r * pass->lds, 0, o->positions, false);
        }
        pass->kernels->attention->forward(&a, &x);
    }
    pass->kernels->gemm(rows, o->units, o->o, saved + o->qkv, lds, pass->packed[1], o->bias ? pass->param[3] : NULL,
                        false, pass->y, as_position_stride(o->positions, o->units, pass->ldy));
    adapt(layer, pass, 1, rows, saved + o->qkv, lds, saved, lds, pass->y,
          as_position_stride(o->positions, o->units, pass->ldy));
}

/* The keys and values of earlier positions are what is kept of them. */
static void extend(const as_layer *layer, const as_pass *pass, int64_t at)
{
    const as_attention_options *const o = layer->options;
    real *const saved = pass->saved, *const q = saved + at * o->stride;
    as_attention_arrays x = arrays_of(layer, pass, 0);
    as_attention a = shape_of(o);
    a.queries = pass->rows;
    a.keys = at + pass->rows;
    x.q = q;
    x.o = q + o->qkv;
    x.lse = q + o->qkv + o->o;
    pass->kernels->gemm(pass->rows, o->qkv, o->channels, (const real *)pass->x[0] + at * pass->ldx[0], pass->ldx[0],
                        pass->packed[0], o->bias ? pass->param[2] : NULL, false, q, o->stride);
    adapt(layer, pass, 0, pass->rows, (const real *)pass->x[0] + at * pass->ldx[0], pass->ldx[0], q, o->stride, q,
          o->stride);
    if (o->rotary) {
        turn(o, saved, at, at + pass->rows, false);
    }
    pass->kernels->attention->forward(&a, &x);
    pass->kernels->gemm(pass->rows, o->units, o->o, x.o, o->stride, pass->packed[1], o->bias ? pass->param[3] : NULL,
                        false, (real *)pass->y + at * pass->ldy, pass->ldy);
    adapt(layer, pass, 1, pass->rows, x.o, o->stride, q, o->stride, (real *)pass->y + at * pass->ldy, pass->ldy);
}

/* Both packed forms lie one after the other, each on a cache line. */
static int64_t packed_forward(const as_layer *layer, const as_kernels *kernels, int q)
{
    return lines(kernels->pack_reals(layer->param[q].shape.dim[0], layer->param[q].shape.dim[1]));
}

static bool wants_transposed(const as_layer *layer, int q)
{
    const as_param *const param = &layer->param[q];
    const bool b = param->adapter && param->init == AS_INIT_ZEROS,
               out = q == 1 || (param->adapter && q >= adapter_of(layer, 1));
    return out || b || layer->wants_dx; /* the gradient of o is wanted always */
}

static int64_t packed_reals(const as_layer *layer, const as_kernels *kernels, int q)
{
    if (q > 1 && !layer->param[q].adapter) {
        return 0;
    }
    const as_shape *const s = &layer->param[q].shape;
    return packed_forward(layer, kernels, q) +
           (wants_transposed(layer, q) ? kernels->pack_reals(s->dim[1], s->dim[0]) : 0);
}

static void pack(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                 int64_t count, void *packed)
{
    const as_shape *const s = &layer->param[q].shape;
    kernels->pack(s->dim[0], s->dim[1], param, first, count, packed,
                  wants_transposed(layer, q) ? (real *)packed + packed_forward(layer, kernels, q) : NULL);
}

/* Gradients of q, k, v of sample r take their place. */
static void backward_sample(const as_layer *layer, const as_pass *pass, int64_t r)
{
    const as_attention_options *const o = layer->options;
    const int64_t T = o->positions;
    real *const d_o = pass->scratch, *const saved = (real *)pass->saved + r * pass->lds;
    const real *const transposed = (const real *)pass->packed[1] + packed_forward(layer, pass->kernels, 1);
    const as_attention a = shape_of(o);
    as_attention_arrays x = arrays_of(layer, pass, r);
    pass->kernels->gemm(T, o->o, o->units, (const real *)pass->dy + r * pass->ldy, o->units, transposed, NULL, false,
                        d_o, o->stride);
    adapt_back(layer, pass, 1, T, (const real *)pass->dy + r * pass->ldy, o->units, saved, o->stride, d_o, o->stride);
    x.d_o = d_o; /* positions as far apart as those of o */
    x.dq = saved;
    x.dk = saved + o->heads * o->head_width;
    x.dv = saved + (o->heads + o->kv_heads) * o->head_width;
    pass->kernels->attention->backward(&a, &x);
    if (o->rotary) {
        turn(o, saved, 0, o->positions, true);
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const as_attention_options *const o = layer->options;
    for (int64_t r = 0; r < pass->rows; r++) {
        backward_sample(layer, pass, r);
    }
    if (pass->dx[0] != NULL) {
        pass->kernels->gemm(pass->rows * o->positions, o->channels, o->qkv, pass->saved,
                            as_position_stride(o->positions, o->stride, pass->lds),
                            (const real *)pass->packed[0] + packed_forward(layer, pass->kernels, 0), NULL, false,
                            pass->dx[0], as_position_stride(o->positions, o->channels, pass->ldx[0]));
    }
    adapt_back(layer, pass, 0, pass->rows * o->positions, pass->saved,
               as_position_stride(o->positions, o->stride, pass->lds), pass->saved,
               as_position_stride(o->positions, o->stride, pass->lds), pass->dx[0],
               as_position_stride(o->positions, o->channels, pass->ldx[0]));
    for (int64_t r = 0; r < pass->rows && layer->ninputs > 1 && pass->dx[1] != NULL; r++) {
        memset((real *)pass->dx[1] + r * pass->ldx[1], 0,
               (size_t)o->positions * sizeof(real)); /* a mask has no slope */
    }
}

static void accumulate_adapters(const as_layer *layer, const as_accumulate *a, const int64_t *lane_row)
{
    const as_attention_options *const o = layer->options;
    const real *const saved = a->saved, *const x[2] = {a->x[0], saved + o->qkv}, *const dy[2] = {saved, a->dy};
    const int64_t lds = as_position_stride(o->positions, o->stride, a->lds);
    const int64_t ldx[2] = {as_position_stride(o->positions, o->channels, a->ldx[0]), lds};
    const int64_t ldy[2] = {lds, as_position_stride(o->positions, o->units, a->ldy)};
    for (int w = 0; w < 2; w++) {
        const int q = adapter_of(layer, w);
        const real *const u = saved + place_of(o, w);
        as_low_rank_accumulate(a, &o->low, &layer->param[q], lane_row, x[w], ldx[w], u, u + o->low.rank, lds, dy[w],
                               ldy[w], a->part + q * a->program->parts);
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const as_attention_options *const o = layer->options;
    const int parts = a->program->parts;
    const int64_t lds = as_position_stride(o->positions, o->stride, a->lds);
    const int64_t ldy = as_position_stride(o->positions, o->units, a->ldy);
    int64_t buffer[AS_LANES_MAX + 1];
    const int64_t *const lane_row = as_lane_positions(a, o->positions, buffer);
    if (o->low.rank > 0) {
        accumulate_adapters(layer, a, lane_row);
        return;
    }
    a->kernels->outer_lanes(o->channels, o->qkv, a->x[0], as_position_stride(o->positions, o->channels, a->ldx[0]),
                            a->saved, lds, a->program, lane_row, a->resume, a->part, o->qkv, a->thread, a->threads);
    a->kernels->outer_lanes(o->o, o->units, (const real *)a->saved + o->qkv, lds, a->dy, ldy, a->program, lane_row,
                            a->resume, a->part + parts, o->units, a->thread, a->threads);
    if (o->bias) {
        a->kernels->column_sum_lanes(o->qkv, a->saved, lds, a->program, lane_row, a->resume, a->part + 2 * parts,
                                     a->thread, a->threads);
        a->kernels->column_sum_lanes(o->units, a->dy, ldy, a->program, lane_row, a->resume, a->part + 3 * parts,
                                     a->thread, a->threads);
    }
}

static double flops(const as_layer *layer)
{
    const as_attention_options *const o = layer->options;
    const double T = (double)o->positions, pairs = o->causal ? T * (T + 1) / 2 : T * T;
    const double low = (double)o->low.rank * (double)(o->channels + o->qkv + o->o + o->units);
    return 2 * T * ((double)o->channels * (double)o->qkv + (double)o->o * (double)o->units + low) +
           4 * (double)o->o * pairs;
}

static void fold(const as_layer *layer, void *const *param)
{
    const as_attention_options *const o = layer->options;
    for (int w = 0; w < 2 && o->low.rank > 0; w++) {
        const int a = adapter_of(layer, w);
        as_low_rank_fold(&o->low, &layer->param[a], param[w], param[a], param[a + 1]);
    }
}

const as_layer_ops AS_V(as_layer_attention) = {
    .name = "attention",
    .help =
        "Multi-head self-attention over the positions of a sequence, with its projections; a second input is a mask of "
        "positions.",
    .formula = "y = concat_h(softmax(q_h k_h' / sqrt(w)) v_h) W_out + b_out,  [q k v] = x W_qkv + b_qkv",
    .fields = fields,
    .options_bytes = sizeof(as_attention_options),
    .max_inputs = 2,
    .min_inputs = 1,
    .plan = plan,
    .forward = forward,
    .extend = extend,
    .backward = backward,
    .accumulate = accumulate,
    .packed_reals = packed_reals,
    .pack = pack,
    .flops = flops,
    .fold = fold,
    .onnx = AS_V(as_attention_onnx),
};
