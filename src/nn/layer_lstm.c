/* Layer lstm: long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), gates
   in PyTorch's order i, f, g, o. For t = 1 .. T, with h_0 = c_0 = 0:

     (i, f, g, o) = x_t W + h_{t-1} V + b;  i, f, o through sigmoid, g through tanh
     c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)

   One bias stands for PyTorch's sum of two. Backward through all steps, with dh and dc from the step after:
     dc += dh o (1 - tanh(c)^2);  do = dh tanh(c) o', df = dc c_{t-1} f', di = dc g i', dg = dc i g';  dc_{t-1} = dc f

   Kept for a step: the gates (whose gradients take their place), c, tanh(c), h_{t-1}. Cost for a sample: 8 T H (D + H)
   flops forward, twice that backward. */
#include "kernels/math.h"
#include "nn/recurrent.h"

enum { GATES = 4, CELL = 4, CELL_TANH, BEFORE, KEPT };

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    AS_TRY(as_recurrent_plan(layer, GATES, KEPT));
    as_recurrent_bias(layer, "bias");
    return AS_OK;
}

/* One step of one row: k is what is kept of it, u = h_{t-1} V (NULL: h_{t-1} = 0), before = c_{t-1} (NULL: 0). */
static void step_row(int64_t n, real *restrict k, const real *restrict u, const real *restrict before, real *restrict h)
{
    for (int64_t j = 0; j < GATES * n && u != NULL; j++) {
        k[j] += u[j];
    }
    for (int64_t j = 0; j < 2 * n; j++) {
        k[j] = as_sigmoid(k[j]);
    }
    for (int64_t j = 2 * n; j < 3 * n; j++) {
        k[j] = as_tanh(k[j]);
    }
    for (int64_t j = 3 * n; j < 4 * n; j++) {
        k[j] = as_sigmoid(k[j]);
    }
    for (int64_t j = 0; j < n; j++) {
        k[CELL * n + j] = as_fma(k[n + j], before != NULL ? before[j] : AS_R(0), k[j] * k[2 * n + j]);
    }
    for (int64_t j = 0; j < n; j++) {
        k[CELL_TANH * n + j] = as_tanh(k[CELL * n + j]);
        h[j] = k[3 * n + j] * k[CELL_TANH * n + j];
    }
}

/* Steps [from, to) of some rows. */
static void forward_block(const as_layer *layer, const as_pass *pass, int64_t first, int64_t rows, int64_t from,
                          int64_t to)
{
    const as_recurrent *o = layer->options;
    const int64_t n = o->units;
    real *u = pass->scratch, *kept = (real *)pass->saved + first * pass->lds;
    for (int64_t t = from; t < to; t++) {
        if (t > 0) {
            as_recurrent_state(layer, pass, rows, kept + t * o->kept + BEFORE * n, pass->lds, NULL, u);
        }
        for (int64_t r = 0; r < rows; r++) {
            real *k = kept + r * pass->lds + t * o->kept;
            real *y = (real *)pass->y + (first + r) * pass->ldy;
            const bool all = o->output == AS_OUTPUT_ALL, last = t + 1 == o->steps;
            real *out = all ? y + t * n : last ? y : k + o->kept + BEFORE * n;
            if (t == 0) {
                memset(k + BEFORE * n, 0, (size_t)n * sizeof(real));
            }
            step_row(n, k, t > 0 ? u + r * o->gates : NULL, t > 0 ? k - o->kept + CELL * n : NULL, out);
            if (all && !last) {
                memcpy(k + o->kept + BEFORE * n, out, (size_t)n * sizeof(real));
            }
        }
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    as_recurrent_inputs(layer, pass);
    for (int64_t r = 0; r < pass->rows; r += AS_RECURRENT_ROWS) {
        forward_block(layer, pass, r, pass->rows - r < AS_RECURRENT_ROWS ? pass->rows - r : AS_RECURRENT_ROWS, 0,
                      ((const as_recurrent *)layer->options)->steps);
    }
}

static void extend(const as_layer *layer, const as_pass *pass, int64_t at)
{
    as_recurrent_extend(layer, pass, at, BEFORE * ((const as_recurrent *)layer->options)->units);
    forward_block(layer, pass, 0, 1, at, at + pass->rows);
}

/* Gates to their gradients, and dc to that of the step before. */
static void step_row_backward(int64_t n, real *restrict k, const real *restrict before, const real *restrict dh,
                              real *restrict dc)
{
    for (int64_t j = 0; j < n; j++) {
        const real i = k[j], f = k[n + j], g = k[2 * n + j], o = k[3 * n + j], tanh_c = k[CELL_TANH * n + j];
        const real c = before != NULL ? before[j] : AS_R(0);
        const real d = as_fma(dh[j] * o, as_fma(-tanh_c, tanh_c, AS_R(1)), dc[j]);
        k[j] = d * g * (i * (1 - i));
        k[n + j] = d * c * (f * (1 - f));
        k[2 * n + j] = d * i * as_fma(-g, g, AS_R(1));
        k[3 * n + j] = dh[j] * tanh_c * (o * (1 - o));
        dc[j] = d * f;
    }
}

static void backward_block(const as_layer *layer, const as_pass *pass, int64_t first, int64_t rows)
{
    const as_recurrent *o = layer->options;
    const int64_t n = o->units;
    real *dh = pass->scratch, *dc = dh + AS_RECURRENT_ROWS * n, *kept = (real *)pass->saved + first * pass->lds;
    memset(dh, 0, (size_t)(rows * n) * sizeof(real));
    memset(dc, 0, (size_t)(rows * n) * sizeof(real));
    for (int64_t t = o->steps - 1; t >= 0; t--) {
        for (int64_t r = 0; r < rows; r++) {
            real *k = kept + r * pass->lds + t * o->kept;
            as_recurrent_above(layer, pass, first + r, t, dh + r * n);
            step_row_backward(n, k, t > 0 ? k - o->kept + CELL * n : NULL, dh + r * n, dc + r * n);
        }
        if (t > 0) {
            as_recurrent_state_backward(layer, pass, rows, kept + t * o->kept, pass->lds, dh);
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows; r += AS_RECURRENT_ROWS) {
        backward_block(layer, pass, r, pass->rows - r < AS_RECURRENT_ROWS ? pass->rows - r : AS_RECURRENT_ROWS);
    }
    as_recurrent_inputs_backward(layer, pass);
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    as_recurrent_accumulate(layer, a, 0, 0, BEFORE * ((const as_recurrent *)layer->options)->units);
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    static const int order[GATES] = {0, 3, 1, 2}; /* i, o, f, c */
    return as_recurrent_onnx(layer, model, "LSTM", order, x, y, param);
}

const as_layer_ops AS_V(as_layer_lstm) = {
    .name = "lstm",
    .help = "Long short-term memory over the steps of a sequence.",
    .formula = "(i, f, g, o) = x_t W + h V + b, c = s(f) c + s(i) tanh(g), h = s(o) tanh(c), s = sigmoid",
    .fields = as_recurrent_fields,
    .options_bytes = sizeof(as_recurrent),
    .plan = plan,
    .forward = forward,
    .extend = extend,
    .carries = true,
    .backward = backward,
    .accumulate = accumulate,
    .packed_reals = as_recurrent_packed_reals,
    .pack = as_recurrent_pack,
    .flops = as_recurrent_flops,
    .onnx = onnx,
};
