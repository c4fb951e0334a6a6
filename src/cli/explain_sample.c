/* allsum explain CONFIG --sample I: one sample through the network with numbers, at most 80 columns. Every line is
   written for people and, as a member of an object, for programs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/explain.h"
#include "run/walk.h"

enum { SHOWN = 6, LANES_SHOWN = 24 };

typedef struct page {
    const as_walk *walk;
    as_text text, json;
} page;

static void add_numbers(page *p, const char *head, const char *key, int64_t n, const double *v)
{
    as_text_add(&p->text, "%s", head);
    for (int64_t i = 0; i < n && i < SHOWN; i++) {
        as_text_add(&p->text, " %9.4g", v[i]);
    }
    as_text_add(&p->text, "%s\n", n > SHOWN ? " ..." : "");
    as_json_reals(&p->json, key, n, v);
}

/* A formula, whole, in lines of 80 that break at blanks. */
static void add_lines(page *p, const char *formula)
{
    enum { INDENT = 6, WIDTH = 80 - INDENT };
    for (const char *s = formula; *s != '\0';) {
        int length = (int)strlen(s);
        if (length > WIDTH) {
            for (length = WIDTH; length > 0 && s[length] != ' ';) {
                length--;
            }
            length = length > 0 ? length : WIDTH;
        }
        as_text_add(&p->text, "%*s%.*s\n", INDENT, "", length, s);
        s += length;
        s += strspn(s, " ");
    }
}

static void add_formula(page *p, const as_layer *layer)
{
    if (layer->ops->formula == NULL) {
        return;
    }
    add_lines(p, layer->ops->formula);
    as_json_text(&p->json, "formula", layer->ops->formula);
}

/* A unit of a dense layer by hand: the one that gives the largest output. */
static void add_unit(page *p, int i)
{
    const as_walk *w = p->walk;
    const as_layer *layer = &w->model->layer[i];
    if (strcmp(layer->ops->name, "dense") != 0 || layer->out.rank != 1 || layer->nparams < 1) {
        return;
    }
    const double *x = w->value[layer->from[0]], *y = w->value[i + 1], *weight = w->w + layer->param[0].offset;
    const int64_t in = layer->in_size[0], out = layer->out_size;
    int64_t k = 0;
    for (int64_t j = 1; j < out; j++) {
        k = y[j] > y[k] ? j : k;
    }
    double z = layer->nparams > 1 ? w->w[layer->param[1].offset + k] : 0;
    const double bias = z;
    for (int64_t j = 0; j < in; j++) {
        z = fma(x[j], weight[j * out + k], z);
    }
    as_text_add(&p->text, "      unit %lld: b + sum_j x_j W_j%lld = %.4g + %.5g = %.5g; gives %.5g\n", (long long)k,
                (long long)k, bias, z - bias, z, y[k]);
    as_json_open(&p->json, "unit", '{');
    as_json_int(&p->json, "index", k);
    as_json_real(&p->json, "before_activation", z);
    as_json_real(&p->json, "output", y[k]);
    as_json_close(&p->json, '}');
}

static void add_forward(page *p)
{
    const as_walk *w = p->walk;
    const as_model *m = w->model;
    char in[64], out[64];
    as_text_add(&p->text, "Forward: each layer reads a value and gives the next one\n");
    as_text_add(&p->text, "  0   input, %s\n", as_shape_text(&m->data.in, in, sizeof in));
    add_numbers(p, "     ", "input", m->in_size, w->value[0]);
    as_json_open(&p->json, "forward", '[');
    for (int i = 0; i < m->nlayers; i++) {
        const as_layer *layer = &m->layer[i];
        as_json_open(&p->json, NULL, '{');
        as_json_text(&p->json, "layer", layer->name);
        as_json_text(&p->json, "kind", layer->ops->name);
        as_text_add(&p->text, "  %-3d %s (%s), %s -> %s\n", i + 1, layer->name, layer->ops->name,
                    as_shape_text(&layer->in[0], in, sizeof in), as_shape_text(&layer->out, out, sizeof out));
        add_formula(p, layer);
        add_numbers(p, "     ", "output", layer->out_size, w->value[i + 1]);
        add_unit(p, i);
        as_json_close(&p->json, '}');
    }
    as_json_close(&p->json, ']');
}

static void add_loss(page *p)
{
    const as_walk *w = p->walk;
    const as_model_head *head = &w->model->head[0];
    as_text_add(&p->text, "Loss: %s\n", head->loss->name);
    add_lines(p, head->loss->formula != NULL ? head->loss->formula : "");
    add_numbers(p, "  made of the outputs:\n     ", "predicted", w->model->outputs, w->predicted);
    if (w->label >= 0) {
        as_text_add(&p->text, "  label %d", w->label);
        as_json_int(&p->json, "label", w->label);
        if (strcmp(head->loss->name, "cross_entropy") == 0 && w->model->data.positions == 1) {
            as_text_add(&p->text, ": -ln %.6g = %.6g", w->predicted[w->label], -log(w->predicted[w->label]));
        }
        as_text_add(&p->text, "\n");
    } else if (w->model->data.targets > 0) {
        add_numbers(p, "  target", "target", w->model->data.targets, w->target);
    }
    as_text_add(&p->text, "  loss of the sample %.10g\n", w->loss);
    as_json_real(&p->json, "loss", w->loss);
}

/* The gradient of a dense weight is the input of its row times the delta of its column. */
static void add_product(page *p, const as_walk_param *q)
{
    const as_walk *w = p->walk;
    const as_layer *layer = &w->model->layer[q->layer];
    if (strcmp(layer->ops->name, "dense") != 0 || q->param != 0 || layer->out.rank != 1 ||
        w->delta[q->layer + 1] == NULL) {
        return;
    }
    const int64_t j = q->element / layer->out_size, k = q->element % layer->out_size;
    as_text_add(&p->text, "        = x_%lld delta_%lld = %.6g * %.6g\n", (long long)j, (long long)k,
                w->value[layer->from[0]][j], w->delta[q->layer + 1][k]);
}

static double disagreement(const as_walk_param *q)
{
    const double size = fabs(q->g) > fabs(q->difference) ? fabs(q->g) : fabs(q->difference);
    return size > 0 ? fabs(q->g - q->difference) / size : 0;
}

/* "weight[3,7]" */
static const char *element_text(const as_walk *w, const as_walk_param *q, char buffer[160])
{
    const as_param *param = &w->model->layer[q->layer].param[q->param];
    int64_t left = q->element, index[AS_SHAPE_MAX] = {0};
    int used = snprintf(buffer, 160, "%.90s[", param->name);
    for (int a = param->shape.rank - 1; a >= 0; a--) {
        index[a] = left % param->shape.dim[a];
        left /= param->shape.dim[a];
    }
    for (int a = 0; a < param->shape.rank && used < 140; a++) {
        used += snprintf(buffer + used, (size_t)(160 - used), "%s%lld", a > 0 ? "," : "", (long long)index[a]);
    }
    snprintf(buffer + used, (size_t)(160 - used), "]");
    return buffer;
}

static void add_param(page *p, const as_walk_param *q)
{
    const as_param *param = &p->walk->model->layer[q->layer].param[q->param];
    char name[160];
    as_text_add(&p->text, "      %s: chain rule %.7g, difference %.7g (off by %.1e)\n", element_text(p->walk, q, name),
                q->g, q->difference, disagreement(q));
    add_product(p, q);
    as_json_open(&p->json, NULL, '{');
    as_json_text(&p->json, "name", param->name);
    as_json_int(&p->json, "element", q->element);
    as_json_real(&p->json, "weight", q->w);
    as_json_real(&p->json, "gradient", q->g);
    as_json_real(&p->json, "difference", q->difference);
    as_json_real(&p->json, "step", q->step);
    as_json_real(&p->json, "norm", q->norm);
    as_json_close(&p->json, '}');
}

static void add_backward(page *p)
{
    const as_walk *w = p->walk;
    const as_model *m = w->model;
    as_text_add(&p->text, "Backward: delta = d loss / d (what the layer gives; before its own\n"
                          "activation), by the chain rule from the last layer to the first. Of each array\n"
                          "the largest gradient, beside the difference (loss(w + h) - loss(w - h)) / 2h\n");
    as_json_open(&p->json, "backward", '[');
    for (int i = m->nlayers - 1; i >= 0; i--) {
        if (w->delta[i + 1] == NULL) {
            continue;
        }
        as_json_open(&p->json, NULL, '{');
        as_json_text(&p->json, "layer", m->layer[i].name);
        as_text_add(&p->text, "  %-3d %s\n", i + 1, m->layer[i].name);
        add_numbers(p, "      delta", "delta", m->layer[i].out_size, w->delta[i + 1]);
        as_json_open(&p->json, "parameters", '[');
        for (int k = 0; k < w->nparams; k++) {
            if (w->param[k].layer == i) {
                add_param(p, &w->param[k]);
            }
        }
        as_json_close(&p->json, ']');
        as_json_close(&p->json, '}');
    }
    as_json_close(&p->json, ']');
}

static int owner(int lanes, int ranks, int lane)
{
    for (int r = 0; r < ranks; r++) {
        int first, count;
        as_tree_share(lanes, ranks, r, &first, &count);
        if (lane >= first && lane < first + count) {
            return r;
        }
    }
    return 0;
}

static void add_lanes(page *p)
{
    const as_walk *w = p->walk;
    const as_walk_param *q = &w->param[w->chosen];
    const as_layer *layer = &w->model->layer[q->layer];
    double sum = 0;
    char name[160];
    as_text_add(&p->text,
                "Batch of step %lld: the gradient of %s.%s is a sum over\nlanes, which ranks share; the tree adds "
                "them in one order whoever owns them\n  %4s %6s %22s   %s\n",
                (long long)w->step, layer->name, element_text(w, q, name), "lane", "rows", "sum of c_i g_i",
                "rank of 2, of 4");
    as_json_open(&p->json, "lanes", '[');
    for (int l = 0; l < w->lanes; l++) {
        const as_walk_lane *lane = &w->of_lane[l];
        sum += lane->sum;
        if (l < LANES_SHOWN) {
            as_text_add(&p->text, "  %4d %6lld %22.12g   ", l, (long long)lane->rows, lane->sum);
            if (w->lanes >= 4) {
                as_text_add(&p->text, "%d, %d", owner(w->lanes, 2, l), owner(w->lanes, 4, l));
            }
            as_text_add(&p->text, "\n");
        }
        as_json_open(&p->json, NULL, '{');
        as_json_int(&p->json, "rows", lane->rows);
        as_json_real(&p->json, "sum", lane->sum);
        as_json_close(&p->json, '}');
    }
    as_json_close(&p->json, ']');
    if (w->lanes > LANES_SHOWN) {
        as_text_add(&p->text, "  ... and %d more lanes\n", w->lanes - LANES_SHOWN);
    }
    as_text_add(&p->text, "  their sum %.12g, divided by the weight %.6g: %.12g\n", sum, w->batch_weight,
                sum / w->batch_weight);
    as_json_real(&p->json, "lane_sum", sum);
    as_json_real(&p->json, "batch_weight", w->batch_weight);
}

/* An option of the optimizer by its name; NaN: it has none. */
static double option(const as_optimizer *optimizer, const char *name)
{
    for (const as_field *f = optimizer->ops->fields; f != NULL && f->name != NULL; f++) {
        const char *at = (const char *)optimizer->options + f->offset;
        if (strcmp(f->name, name) == 0) {
            return f->type == AS_FIELD_BOOL ? (double)*(const bool *)at : *(const double *)at;
        }
    }
    return (double)NAN;
}

static double by_hand_adam(page *p, double g, bool decoupled)
{
    const as_walk *w = p->walk;
    const as_optimizer *o = w->optimizer;
    const double b1 = option(o, "beta1"), b2 = option(o, "beta2"), eps = option(o, "eps"), t = (double)w->step + 1;
    g += decoupled ? 0 : o->weight_decay * w->before;
    const double m = b1 * w->slot_before[0] + (1 - b1) * g, v = b2 * w->slot_before[1] + (1 - b2) * g * g;
    const double m_hat = m / (1 - pow(b1, t)), v_hat = v / (1 - pow(b2, t));
    const double shrink = decoupled ? 1 - w->lr * o->weight_decay : 1;
    as_text_add(&p->text, "  m = %g * %.6g + %g * g = %.10g\n", b1, w->slot_before[0], 1 - b1, m);
    as_text_add(&p->text, "  v = %g * %.6g + %g * g^2 = %.10g\n", b2, w->slot_before[1], 1 - b2, v);
    as_text_add(&p->text, "  both began at zero, so step %.0f corrects their bias:\n", t);
    as_text_add(&p->text, "  m^ = m / (1 - %g^%.0f) = %.9g, v^ = v / (1 - %g^%.0f) = %.9g\n", b1, t, m_hat, b2, t,
                v_hat);
    as_text_add(&p->text, "  w - lr m^ / (sqrt(v^) + eps) = %.10g - %g * %.6g\n", w->before, w->lr,
                m_hat / (sqrt(v_hat) + eps));
    return shrink * w->before - w->lr * m_hat / (sqrt(v_hat) + eps);
}

static double by_hand_sgd(page *p, double g)
{
    const as_walk *w = p->walk;
    const as_optimizer *o = w->optimizer;
    const double momentum = option(o, "momentum"), dampening = w->step == 0 ? 0 : option(o, "dampening");
    g += o->weight_decay * w->before;
    if (!(momentum > 0)) {
        as_text_add(&p->text, "  w - lr g = %.10g - %g * %.10g\n", w->before, w->lr, g);
        return w->before - w->lr * g;
    }
    const double b = momentum * w->slot_before[0] + (1 - dampening) * g;
    const double d = option(o, "nesterov") > 0 ? g + momentum * b : b;
    as_text_add(&p->text, "  b = %g * %.6g + %g * g = %.10g\n", momentum, w->slot_before[0], 1 - dampening, b);
    as_text_add(&p->text, "  w - lr %s = %.10g - %g * %.10g\n", d == b ? "b" : "(g + momentum b)", w->before, w->lr, d);
    return w->before - w->lr * d;
}

static double by_hand_rmsprop(page *p, double g)
{
    const as_walk *w = p->walk;
    const as_optimizer *o = w->optimizer;
    const double alpha = option(o, "alpha");
    g += o->weight_decay * w->before;
    const double s = alpha * w->slot_before[0] + (1 - alpha) * g * g, d = g / (sqrt(s) + option(o, "eps"));
    as_text_add(&p->text, "  s = %g * %.6g + %g * g^2 = %.10g\n", alpha, w->slot_before[0], 1 - alpha, s);
    as_text_add(&p->text, "  w - lr g / (sqrt(s) + eps) = %.10g - %g * %.10g\n", w->before, w->lr, d);
    return w->before - w->lr * d;
}

/* NaN: this optimizer, or this option of it, has no line here; its formula and its state are shown. */
static double by_hand(page *p)
{
    const as_walk *w = p->walk;
    const as_optimizer *o = w->optimizer;
    const char *name = o->ops->name;
    if (o->groups.n > 0 || w->param[w->chosen].g == 0 || w->model->layer[w->param[w->chosen].layer].lr_scale != 1) {
        return (double)NAN;
    }
    if ((strcmp(name, "adam") == 0 || strcmp(name, "adamw") == 0) && !(option(o, "amsgrad") > 0)) {
        return by_hand_adam(p, w->gradient, strcmp(name, "adamw") == 0);
    }
    if (strcmp(name, "sgd") == 0) {
        return by_hand_sgd(p, w->gradient);
    }
    if (strcmp(name, "rmsprop") == 0 && w->nslots == 1) {
        return by_hand_rmsprop(p, w->gradient);
    }
    return (double)NAN;
}

static void add_update(page *p)
{
    const as_walk *w = p->walk;
    as_text_add(&p->text, "Update by %s, step %lld, lr %g\n", w->optimizer->ops->name, (long long)w->step + 1, w->lr);
    add_lines(p, w->optimizer->ops->formula);
    as_text_add(&p->text, "  g = %.10g (norm of the whole gradient %.6g%s)\n", w->gradient, w->grad_norm,
                w->scale < 1 ? ", clipped" : "");
    const double hand = by_hand(p);
    for (int s = 0; s < w->nslots; s++) {
        as_text_add(&p->text, "  state %s: %.10g -> %.10g\n", w->slot[s].name, w->slot_before[s], w->slot_after[s]);
    }
    as_text_add(&p->text, "  w: %.12g -> %.12g by the program\n", w->before, w->after);
    as_json_open(&p->json, "update", '{');
    as_json_text(&p->json, "optimizer", w->optimizer->ops->name);
    as_json_real(&p->json, "gradient", w->gradient);
    as_json_real(&p->json, "lr", w->lr);
    as_json_real(&p->json, "before", w->before);
    as_json_real(&p->json, "after", w->after);
    if (!isnan(hand)) {
        as_text_add(&p->text, "     %.12g    %.12g by hand (off by %.1e)\n", w->before, hand, fabs(hand - w->after));
        as_json_real(&p->json, "by_hand", hand);
    }
    as_json_close(&p->json, '}');
}

static void add_all(page *p, const as_config *config)
{
    const as_walk *w = p->walk;
    as_json_open(&p->json, NULL, '{');
    as_json_int(&p->json, "sample", w->sample);
    as_json_int(&p->json, "step", w->step);
    as_text_add(&p->text, "Sample %lld (lane %lld) at step %lld of %s; all numbers in double\n\n", (long long)w->sample,
                (long long)w->lane, (long long)w->step, config->name);
    add_forward(p);
    as_text_add(&p->text, "\n");
    add_loss(p);
    as_text_add(&p->text, "\n");
    add_backward(p);
    if (w->nparams > 0) {
        as_text_add(&p->text, "\n");
        add_lanes(p);
        as_text_add(&p->text, "\n");
        add_update(p);
    }
    as_json_close(&p->json, '}');
}

as_status as_explain_sample(as_context *context, const as_config *config, int64_t sample, int64_t step, bool json)
{
    as_isa isa;
    as_run_options o = {.config = config, .threads = 1, .version = ALLSUM_VERSION};
    const as_log quiet = {0};
    AS_TRY(as_context_isa(context, &isa));
    AS_TRY(as_context_world(context, &o.world));
    if (as_world_size(o.world) > 1) {
        AS_FAIL(AS_USAGE, "explain --sample: expected one process, found %d (every layout gives the same numbers)",
                as_world_size(o.world));
    }
    o.isa = isa;
    o.log = &quiet;
    as_walk walk;
    page p = {.walk = &walk};
    as_status status = as_walk_open(&o, sample, step, &walk);
    if (status == AS_OK) {
        add_all(&p, config);
        const as_text *out = json ? &p.json : &p.text;
        if (out->failed) {
            status = as_error_set(AS_NOMEM, "out of memory for the walk of a sample");
        } else {
            printf("%s%s", out->data, json ? "\n" : "");
        }
    }
    as_text_free(&p.text);
    as_text_free(&p.json);
    as_walk_close(&walk);
    return status;
}
