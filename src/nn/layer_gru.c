/* Layer gru: gated recurrent unit (Cho et al. 2014) in PyTorch's form, gates in the order r, z, n. For t = 1 .. T, with
   h_0 = 0:

     a = x_t W + b,  u = h_{t-1} V + d  (vectors r, z, n each)
     r = sigmoid(a_r + u_r),  z = sigmoid(a_z + u_z),  n = tanh(a_n + r u_n)
     h_t = (1 - z) n + z h_{t-1}

   Backward through all steps, with dh from the step after:
     dn = dh (1 - z) (1 - n^2),  dz = dh (h_{t-1} - n) z (1 - z),  dr = dn u_n r (1 - r)
     da = (dr, dz, dn),  du = (dr, dz, dn r),  dh_{t-1} = dh z + du V'

   Kept for a step: r, z, n (then da), u_n, h_{t-1}, and du. Cost for a sample: 6 T H (D + H) flops forward, twice that
   backward. */
#include "kernels/math.h"
#include "nn/recurrent.h"

enum { GATES = 3, STATE_NEW = 3, BEFORE, STATE, KEPT = STATE + GATES };

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    AS_TRY(as_recurrent_plan(layer, GATES, KEPT));
    as_recurrent_bias(layer, "bias_input");
    as_recurrent_bias(layer, "bias_state");
    return AS_OK;
}

/* One step of one row: k is what is kept of it, u = h_{t-1} V + d. */
static void step_row(int64_t n, real *restrict k, const real *restrict u, real *restrict h)
{
    for (int64_t j = 0; j < 2 * n; j++) {
        k[j] = as_sigmoid(k[j] + u[j]);
    }
    for (int64_t j = 0; j < n; j++) {
        k[STATE_NEW * n + j] = u[2 * n + j];
        k[2 * n + j] = as_tanh(as_fma(k[j], u[2 * n + j], k[2 * n + j]));
    }
    for (int64_t j = 0; j < n; j++) {
        h[j] = as_fma(k[n + j], k[BEFORE * n + j] - k[2 * n + j], k[2 * n + j]);
    }
}

/* Steps [from, to) of some rows. */
static void forward_block(const as_layer *layer, const as_pass *pass, int64_t first, int64_t rows, int64_t from,
                          int64_t to)
{
    const as_recurrent *o = layer->options;
    const int64_t n = o->units;
    real *u = pass->scratch, *kept = (real *)pass->saved + first * pass->lds;
    for (int64_t r = 0; r < rows && from == 0; r++) {
        memset(kept + r * pass->lds + BEFORE * n, 0, (size_t)n * sizeof(real));
    }
    for (int64_t t = from; t < to; t++) {
        as_recurrent_state(layer, pass, rows, kept + t * o->kept + BEFORE * n, pass->lds, pass->param[3], u);
        for (int64_t r = 0; r < rows; r++) {
            real *k = kept + r * pass->lds + t * o->kept, *y = (real *)pass->y + (first + r) * pass->ldy;
            const bool all = o->output == AS_OUTPUT_ALL, last = t + 1 == o->steps;
            real *out = all ? y + t * n : last ? y : k + o->kept + BEFORE * n;
            step_row(n, k, u + r * o->gates, out);
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

/* Gates to da and du; direct = dh z, what goes to h_{t-1} without V. */
static void step_row_backward(int64_t n, real *restrict k, const real *restrict dh, real *restrict direct)
{
    for (int64_t j = 0; j < n; j++) {
        const real r = k[j], z = k[n + j], m = k[2 * n + j];
        const real dn = dh[j] * (1 - z) * as_fma(-m, m, AS_R(1));
        const real dr = dn * k[STATE_NEW * n + j] * (r * (1 - r));
        const real dz = dh[j] * (k[BEFORE * n + j] - m) * (z * (1 - z));
        k[j] = k[STATE * n + j] = dr;
        k[n + j] = k[(STATE + 1) * n + j] = dz;
        k[2 * n + j] = dn;
        k[(STATE + 2) * n + j] = dn * r;
        direct[j] = dh[j] * z;
    }
}

static void backward_block(const as_layer *layer, const as_pass *pass, int64_t first, int64_t rows)
{
    const as_recurrent *o = layer->options;
    const int64_t n = o->units;
    real *dh = pass->scratch, *direct = dh + AS_RECURRENT_ROWS * n, *kept = (real *)pass->saved + first * pass->lds;
    memset(dh, 0, (size_t)(rows * n) * sizeof(real));
    for (int64_t t = o->steps - 1; t >= 0; t--) {
        for (int64_t r = 0; r < rows; r++) {
            as_recurrent_above(layer, pass, first + r, t, dh + r * n);
            step_row_backward(n, kept + r * pass->lds + t * o->kept, dh + r * n, direct + r * n);
        }
        if (t > 0) {
            as_recurrent_state_backward(layer, pass, rows, kept + t * o->kept + STATE * n, pass->lds, dh);
            pass->kernels->add(rows * n, dh, direct, dh);
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
    const int64_t n = ((const as_recurrent *)layer->options)->units;
    as_recurrent_accumulate(layer, a, 0, STATE * n, BEFORE * n);
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    static const int order[GATES] = {1, 0, 2}; /* z, r, h */
    return as_recurrent_onnx(layer, model, "GRU", order, x, y, param);
}

const as_layer_ops AS_V(as_layer_gru) = {
    .name = "gru",
    .help = "Gated recurrent unit over the steps of a sequence.",
    .formula = "r, z = s(x_t W + b + h V + d), n = tanh(x_t W + b + r (h V + d)), h = (1 - z) n + z h, s = sigmoid",
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
