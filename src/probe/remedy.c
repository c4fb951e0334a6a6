/* A walk over the nodes of `model.layers`: a row is a name, or a map whose key is the kind of the layer; `repeat` and
   `block` hold lists of rows. Paths are those of --set. Cost: nothing. */
#include "probe/remedy.h"

#include <stdio.h>
#include <string.h>

#include "base/fields.h"

enum { PATH_MAX_BYTES = 192, DEPTH_MAX = 8 };

typedef struct remedy remedy;
typedef void (*visit_row)(remedy *r, const char *path, const as_node *row);

struct remedy {
    const as_case *c;
    visit_row visit;
    const char *const *from; /* activations; NULL-terminated */
    const char *to;
    const as_node *last; /* the last row: what the network gives, left as it is */
    char text[AS_ACTION_MAX];
    bool full;
    int depth;
};

/* One override more; false: there is no room, and nothing is done. */
static bool append(char *text, size_t size, const char *one)
{
    const size_t used = strlen(text);
    if (used + strlen(one) + 2 > size) {
        return false;
    }
    snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "", one);
    return true;
}

static void add(remedy *r, const char *format, const char *a, const char *b, const char *value)
{
    char one[2 * PATH_MAX_BYTES];
    snprintf(one, sizeof one, format, a, b, value);
    r->full = r->full || (strstr(r->text, one) == NULL && !append(r->text, sizeof r->text, one));
}

static void walk(remedy *r, const char *path, const as_node *list)
{
    char at[PATH_MAX_BYTES];
    for (int64_t i = 0; list != NULL && list->kind == AS_NODE_LIST && i < list->count; i++) {
        const as_node *row = list->item[i], *inner = as_node_get(row, "repeat");
        const bool fits = (size_t)snprintf(at, sizeof at, "%.150s.%lld", path, (long long)i) < 150;
        r->full = r->full || !fits || r->depth >= DEPTH_MAX;
        if (r->full) {
            return;
        }
        r->depth++;
        if (inner != NULL) {
            snprintf(at, sizeof at, "%.140s.%lld.repeat.layers", path, (long long)i);
            walk(r, at, as_node_get(inner, "layers"));
        } else if (!(row->kind == AS_NODE_MAP && row->count > 0 && strcmp(row->key[0], "block") == 0)) {
            r->visit(r, at, row);
        }
        r->depth--;
    }
}

static bool apply(remedy *r, as_finding *f)
{
    const as_node *model = r->c->model_node, *blocks = as_node_get(model, "blocks");
    const as_node *layers = as_node_get(model, "layers");
    char path[PATH_MAX_BYTES];
    r->last =
        layers != NULL && layers->kind == AS_NODE_LIST && layers->count > 0 ? layers->item[layers->count - 1] : NULL;
    walk(r, "model.layers", layers);
    for (int64_t b = 0; blocks != NULL && blocks->kind == AS_NODE_MAP && b < blocks->count; b++) {
        snprintf(path, sizeof path, "model.blocks.%.100s", blocks->key[b]);
        walk(r, path, blocks->item[b]);
    }
    return !r->full && r->text[0] != '\0' && append(f->action, sizeof f->action, r->text);
}

static void visit_init(remedy *r, const char *path, const as_node *row)
{
    const as_node *options = row->kind == AS_NODE_MAP && row->count > 0 ? row->item[0] : NULL;
    const as_node *init = as_node_get(options, "init"), *scale = as_node_get(options, "init_scale");
    if (init != NULL && !as_node_is(init, "auto")) {
        add(r, "%s.%s.init=%s", path, row->key[0], "auto");
    }
    if (scale != NULL && !as_node_is(scale, "0")) {
        add(r, "%s.%s.init_scale=%s", path, row->key[0], "0");
    }
}

bool as_remedy_init(const as_case *c, as_finding *f)
{
    remedy r = {.c = c, .visit = visit_init};
    return !c->loads_weights && apply(&r, f);
}

static void visit_causal(remedy *r, const char *path, const as_node *row)
{
    if (row->kind == AS_NODE_MAP && row->count > 0 && strcmp(row->key[0], "attention") == 0 &&
        row->item[0]->kind == AS_NODE_MAP) {
        add(r, "%s.%s=%s", path, "attention.causal", "true");
    }
}

bool as_remedy_causal(const as_case *c, as_finding *f)
{
    remedy r = {.c = c, .visit = visit_causal};
    return apply(&r, f);
}

static void visit_dropout(remedy *r, const char *path, const as_node *row)
{
    double rate = 0;
    if (row->kind != AS_NODE_MAP || row->count == 0 || strncmp(row->key[0], "dropout", 7) != 0) {
        return;
    }
    const as_node *inner = as_node_get(row->item[0], "rate"), *at = inner != NULL ? inner : row->item[0];
    if (at->kind == AS_NODE_SCALAR && as_text_to_real(at->text, &rate) && rate > 0.5) {
        /* the short form, dropout: 0.9, has no key `rate`; a layer with a name has */
        const as_node *name = as_node_get(row->item[0], "name");
        const bool named = name != NULL && name->kind == AS_NODE_SCALAR && name->text[0] != '\0';
        add(r, named ? "%s.%s.rate=%s" : "%s.%s=%s", path, row->key[0], r->to);
    }
}

bool as_remedy_dropout(const as_case *c, const char *rate, as_finding *f)
{
    remedy r = {.c = c, .visit = visit_dropout, .to = rate};
    return apply(&r, f);
}

static void visit_momentum(remedy *r, const char *path, const as_node *row)
{
    const as_node *options = row->kind == AS_NODE_MAP && row->count > 0 ? row->item[0] : NULL;
    if (options != NULL && strcmp(row->key[0], "batch_norm") == 0 && as_node_get(options, "momentum") != NULL) {
        add(r, "%s.%s.momentum=%s", path, row->key[0], r->to);
    }
}

bool as_remedy_momentum(const as_case *c, double momentum, as_finding *f)
{
    char text[32];
    snprintf(text, sizeof text, "%.2g", momentum);
    remedy r = {.c = c, .visit = visit_momentum, .to = text};
    return apply(&r, f);
}

static void visit_last(remedy *r, const char *path, const as_node *row)
{
    if (row == r->last && row->kind == AS_NODE_MAP && row->count > 0 && row->item[0]->kind == AS_NODE_MAP &&
        as_node_get(row->item[0], "units") != NULL) {
        add(r, "%s.%s.init_scale=%s", path, row->key[0], "0.1");
    }
}

bool as_remedy_last(const as_case *c, as_finding *f)
{
    remedy r = {.c = c, .visit = visit_last};
    return !c->loads_weights && apply(&r, f);
}

static bool wanted(const remedy *r, const as_node *name)
{
    for (const char *const *from = r->from; *from != NULL; from++) {
        if (as_node_is(name, *from) ||
            (name != NULL && name->kind == AS_NODE_MAP && as_node_get(name, *from) != NULL)) {
            return true;
        }
    }
    return false;
}

static void visit_activation(remedy *r, const char *path, const as_node *row)
{
    if (row == r->last) {
        return;
    }
    if (row->kind == AS_NODE_SCALAR && wanted(r, row)) {
        add(r, "%s%s=%s", path, "", r->to);
    }
    if (row->kind != AS_NODE_MAP || row->count == 0) {
        return;
    }
    if (wanted(r, as_node_get(row->item[0], "activation"))) {
        add(r, "%s.%s.activation=%s", path, row->key[0], r->to);
    } else if (wanted(r, as_node_get(row, "activation"))) {
        add(r, "%s.%s=%s", path, "activation", r->to);
    } else if (row->count == 1 && wanted(r, row)) {
        add(r, "%s%s=%s", path, "", r->to);
    }
}

bool as_remedy_flat(const as_case *c, as_finding *f)
{
    static const char *const flat[] = {"sigmoid", "tanh", NULL};
    remedy r = {.c = c, .visit = visit_activation, .from = flat, .to = "relu"};
    return apply(&r, f);
}

bool as_remedy_relu(const as_case *c, as_finding *f)
{
    static const char *const relu[] = {"relu", NULL};
    remedy r = {.c = c, .visit = visit_activation, .from = relu, .to = "leaky_relu"};
    return apply(&r, f);
}

void as_remedy_rate(double rate, as_finding *f)
{
    char one[40];
    snprintf(one, sizeof one, "optimizer.lr=%.2g", rate);
    append(f->action, sizeof f->action, one);
}

void as_remedy_restrain(const as_case *c, as_finding *f)
{
    static const char *const keys[][2] = {
        {"logistic", "model.penalty=l2"}, {"poisson", "model.alpha=1e-3"}, {"lda", "model.shrinkage=0.01"}};
    const char *action = c->network != NULL ? "model.l2=1e-3" : "model.type=ridge model.alpha=[0.1,1,10,100,1000]";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        action = as_node_is(as_node_get(c->model_node, "type"), keys[i][0]) ? keys[i][1] : action;
    }
    as_action(f, "%s", action);
}
