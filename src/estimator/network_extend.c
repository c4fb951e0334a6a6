/* One sequence, position by position: forward of new positions alone, with what was kept of those before them. Keys and
   values of attention and the state of recurrent layers are what these layers keep for backward anyway; the work space
   of one sample in evaluation holds them. A layer that sees each position by itself is planned again for samples of one
   position, and then new positions are its rows.

   Gives the bits of a forward pass over the whole window, because no layer's result at a position depends on how many
   positions are computed at once. Cost: 2 flops a parameter and new position, and attention to those before it. One
   thread: a few positions at a time are too little work to divide. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/network.h"

struct network_sequence {
    int64_t context, at; /* positions of the window, and those of them that are done */
    bool carries;        /* the window may begin anew without its past being read again */
    as_layer *layer;     /* (nlayers) for one position; those that extend are as in the model */
    as_model_work work;  /* of one sample: position t of value v is dist[v] reals behind t - 1 */
    int64_t *dist;       /* (nlayers + 1) */
    void *saved;         /* of layers that see each position by itself: not kept */
    as_arena *arena;
};

static as_status refuse(const as_layer *layer, const char *why)
{
    AS_FAIL(AS_CONFIG, "%s: layer %s (%s): %s, so a sequence cannot be continued position by position",
            as_node_place(layer->node), layer->name, layer->ops->name, why);
}

static bool first_axis(const as_shape *shape, int64_t n)
{
    return shape->rank > 0 && shape->dim[0] == n;
}

/* The layer for samples of one position, from a copy of its options. */
static as_status plan_position(as_network *network, const as_layer *from, as_layer *out)
{
    as_document *document = network->setup.document;
    void *options = as_document_alloc(document, from->ops->options_bytes + 1);
    if (options == NULL) {
        AS_FAIL(AS_NOMEM, "layer %s: out of memory for its options", from->name);
    }
    *out = *from;
    if (from->ops->options_bytes > 0) {
        memcpy(options, from->options, from->ops->options_bytes);
    }
    out->options = options;
    out->saved = out->scratch = out->scratch_row = 0;
    for (int k = 0; k < out->ninputs; k++) {
        out->in[k].dim[0] = 1;
        out->in_size[k] = as_shape_size(&out->in[k]);
    }
    AS_TRY(from->ops->plan(out, document, network->setup.kernels));
    out->out_size = as_shape_size(&out->out);
    bool same = out->nparams == from->nparams && out->out.rank == from->out.rank && first_axis(&out->out, 1);
    for (int q = 0; same && q < from->nparams; q++) {
        same = as_shape_size(&out->param[q].shape) == from->param[q].count;
        out->param[q] = from->param[q];
    }
    return same ? AS_OK : refuse(from, "it does not treat all positions alike");
}

static as_status plan_layer(as_network *network, struct network_sequence *s, int i)
{
    const as_layer *layer = &network->model.layer[i];
    if (!layer->ops->each_position && layer->ops->extend == NULL) {
        return refuse(layer, "its outputs belong to no single position");
    }
    if (layer->looks_ahead) {
        return refuse(layer, "its outputs depend on later positions");
    }
    for (int k = 0; k < layer->ninputs; k++) {
        if (!first_axis(&layer->in[k], s->context)) {
            return refuse(layer, "an input has other positions than the data");
        }
    }
    if (!first_axis(&layer->out, s->context)) {
        return refuse(layer, "its output has other positions than the data");
    }
    s->layer[i] = *layer;
    s->dist[i + 1] = as_shape_size(&layer->out) / s->context;
    if (layer->ops->extend != NULL) {
        s->carries = s->carries && layer->ops->carries;
        return AS_OK;
    }
    return plan_position(network, layer, &s->layer[i]);
}

static as_status plan_sequence(as_network *network, struct network_sequence *s)
{
    const as_model *model = &network->model;
    const size_t n = (size_t)model->nlayers + 1;
    int64_t saved = 0;
    s->layer = calloc(n, sizeof *s->layer);
    s->dist = calloc(n, sizeof *s->dist);
    if (s->layer == NULL || s->dist == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a sequence through %d layers", model->nlayers);
    }
    s->dist[0] = 1;
    s->carries = true;
    for (int i = 0; i < model->nlayers; i++) {
        AS_TRY(plan_layer(network, s, i));
        saved = s->layer[i].ops->extend == NULL && s->layer[i].saved > saved ? s->layer[i].saved : saved;
        AS_ASSERT(s->layer[i].scratch <= model->scratch);
    }
    AS_TRY(as_arena_create(&s->arena));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(saved * s->context) * network->setup.kernels->real_bytes, &s->saved));
    AS_TRY(as_model_work_plan(model, 1, 1, 1, false, NULL, s->arena, &s->work));
    return as_arena_commit(s->arena);
}

/* What a model must be to give the next token: labels at all positions, of as many classes as there are outputs. */
static as_status check_model(const as_network *network)
{
    const as_model *model = &network->model;
    const as_model_data *data = &model->data;
    char found[64];
    if (data->target != AS_TARGET_LABELS || data->in.rank != 1 || data->positions != data->in.dim[0] ||
        model->head[0].outputs != data->classes) {
        AS_FAIL(AS_CONFIG,
                "%s: expected a model of sequences of tokens with a class for each next one, found inputs %s, %lld "
                "labels a sample, %lld outputs for each",
                network->setup.data->place, as_shape_text(&data->in, found, sizeof found), (long long)data->positions,
                (long long)model->head[0].outputs);
    }
    if (strcmp(model->head[0].loss->name, "cross_entropy") != 0) {
        AS_FAIL(AS_CONFIG,
                "%s: expected the loss cross_entropy, whose outputs are logarithms of probabilities, found %s",
                network->setup.data->place, model->head[0].loss->name);
    }
    if (network->setup.normalization != NULL && !network->setup.normalization->identity) {
        AS_FAIL(AS_CONFIG, "%s: expected tokens as they are, found data.normalize", network->setup.data->place);
    }
    return AS_OK;
}

as_status network_begin(as_estimator *estimator, as_sequence_facts *facts)
{
    as_network *network = (as_network *)estimator;
    network_sequence_destroy(network);
    AS_TRY(check_model(network));
    struct network_sequence *s = calloc(1, sizeof *s);
    if (s == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a sequence");
    }
    network->sequence = s;
    s->context = network->model.data.in.dim[0];
    AS_TRY(plan_sequence(network, s));
    *facts = (as_sequence_facts){.context = s->context, .classes = network->model.data.classes, .carries = s->carries};
    return AS_OK;
}

void network_sequence_destroy(as_network *network)
{
    struct network_sequence *s = network->sequence;
    if (s != NULL) {
        as_model_work_destroy(&s->work);
        as_arena_destroy(&s->arena);
        free(s->layer);
        free(s->dist);
        free(s);
        network->sequence = NULL;
    }
}

/* Reals from position to position in what layer i keeps. */
static int64_t kept(const as_network *network, const struct network_sequence *s, int i)
{
    return network->model.layer[i].saved / s->context;
}

/* The last position of the window becomes the first, as far as layers that carry on look back; a window of one has no
   past. */
static void turn_over(as_network *network, struct network_sequence *s)
{
    const size_t bytes = network->setup.kernels->real_bytes, last = (size_t)(s->context - 1);
    for (int i = 0; i < network->model.nlayers; i++) {
        if (network->model.layer[i].ops->extend != NULL) {
            const size_t row = (size_t)s->dist[i + 1] * bytes, back = (size_t)kept(network, s, i) * bytes;
            memmove(s->work.x[i + 1], (char *)s->work.x[i + 1] + last * row, row);
            memmove(s->work.saved[i], (char *)s->work.saved[i] + last * back, back);
        }
    }
    s->at = s->context > 1 ? 1 : 0;
}

/* Positions [at, at + n) through layer i. */
static void extend_layer(as_network *network, struct network_sequence *s, int i, int64_t n)
{
    const as_model *model = &network->model;
    const as_layer *layer = &s->layer[i];
    const bool looks_back = layer->ops->extend != NULL;
    const size_t bytes = model->kernels->real_bytes, skip = looks_back ? 0 : (size_t)s->at * bytes;
    const void *param[AS_LAYER_PARAMS_MAX] = {NULL}, *packed[AS_LAYER_PARAMS_MAX] = {NULL};
    static const int64_t id[1] = {0};
    as_pass pass = {.kernels = model->kernels,
                    .param = param,
                    .packed = packed,
                    .rows = n,
                    .y = (char *)s->work.x[i + 1] + skip * (size_t)s->dist[i + 1],
                    .ldy = s->dist[i + 1],
                    .saved = looks_back ? s->work.saved[i] : s->saved,
                    .lds = looks_back ? kept(network, s, i) : layer->saved,
                    .scratch = as_model_scratch(model, &s->work, 0),
                    .id = id,
                    .seed = network->setup.seed};
    for (int q = 0; q < layer->nparams; q++) {
        const int64_t place = model->packed_offset[i * AS_LAYER_PARAMS_MAX + q];
        param[q] = (const char *)network->use_params + (size_t)layer->param[q].offset * bytes;
        packed[q] = place < 0 ? NULL : (const char *)network->use_packed + (size_t)place * bytes;
    }
    for (int k = 0; k < layer->ninputs; k++) {
        const int v = layer->from[k];
        pass.x[k] = (const char *)s->work.x[v] + skip * (size_t)s->dist[v];
        pass.ldx[k] = s->dist[v];
    }
    if (looks_back) {
        layer->ops->extend(layer, &pass, s->at);
    } else {
        layer->ops->forward(layer, &pass);
    }
}

void network_extend(as_estimator *estimator, bool anew, int64_t n, const int32_t *token, double *out)
{
    as_network *network = (as_network *)estimator;
    struct network_sequence *s = network->sequence;
    const as_kernels *k = network->setup.kernels;
    const int head = network->model.head[0].value;
    s->at = anew ? 0 : s->at;
    for (int64_t done = 0; done < n;) {
        if (s->at == s->context) {
            AS_ASSERT(s->carries);
            turn_over(network, s);
        }
        const int64_t room = s->context - s->at, here = n - done < room ? n - done : room;
        AS_ASSERT(here > 0);
        for (int64_t t = 0; t < here; t++) {
            const double x = token[done + t];
            k->from_double(1, &x, (char *)s->work.x[0] + (size_t)(s->at + t) * k->real_bytes);
        }
        for (int i = 0; i < network->model.nlayers; i++) {
            extend_layer(network, s, i, here);
        }
        s->at += here;
        done += here;
    }
    k->to_double(s->dist[head], (char *)s->work.x[head] + (size_t)((s->at - 1) * s->dist[head]) * k->real_bytes, out);
}
