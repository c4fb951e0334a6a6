/* The graph of a Bayesian network: from the configuration to a fit, and from a fit to questions. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/design.h"
#include "estimator/bayes_net.h"
#include "estimator/net_config.h"

/* ---- the network ---- */

static const as_names *level_names(const as_statistic *s, int64_t column)
{
    const as_design *d = s->setup.data->design;
    return d == NULL ? NULL : as_design_levels(d, column);
}

static as_status count_levels(const as_statistic *s, int64_t column, int64_t *out)
{
    const as_bayes_net_options *o = s->options;
    const as_names *names = level_names(s, column);
    char name[64];
    *out = names != NULL ? names->n : o->levels.n == 1 ? o->levels.v[0] : 0;
    if (names == NULL && o->levels.n > 1) {
        *out = column < o->levels.n ? o->levels.v[column] : 0;
    }
    if (*out < 1) {
        AS_FAIL(AS_CONFIG,
                "%s: the levels of column %s are not known: expected data.columns: {code: all} (or its name there), or "
                "model.levels with a number for each of %lld columns, found %lld",
                s->setup.data->place, as_statistic_column(s, column, name), (long long)s->width,
                (long long)o->levels.n);
    }
    return AS_OK;
}

/* Nodes with names and levels, without parents. */
static as_status make_nodes(const as_statistic *s, as_net *net)
{
    *net = (as_net){0};
    net->node = calloc((size_t)s->width, sizeof *net->node);
    if (net->node == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld nodes", (long long)s->width);
    }
    for (int64_t i = 0; i < s->width; i++) {
        as_net_node *node = &net->node[i];
        const as_names *names = level_names(s, i);
        int64_t levels = 0;
        net->n++;
        AS_TRY(count_levels(s, i, &levels));
        node->name = malloc(64);
        if (node->name == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for a name");
        }
        as_statistic_column(s, i, node->name);
        for (int64_t l = 0; l < levels; l++) {
            char number[32];
            const char *name = names != NULL ? names->name[l] : as_real_text((double)l, number);
            AS_TRY(as_names_add(&node->level, name, (int64_t)strlen(name)));
        }
    }
    return AS_OK;
}

/* {child: [parents]} */
static as_status read_parents(const as_node *map, as_net *net)
{
    if (map->kind != AS_NODE_MAP) {
        AS_FAIL(AS_CONFIG, "%s: model.parents: expected {NODE: [NODE, ...], ...}", as_node_place(map));
    }
    for (int64_t i = 0; i < map->count; i++) {
        int64_t node = AS_BAYES_NET_NONE;
        if (as_net_find(net, map->key[i], &node) != AS_OK) {
            return as_error_prefix(AS_CONFIG, "%s: model.parents", as_node_place(map->item[i]));
        }
        AS_TRY(as_net_parse_parents(map->item[i], net, node));
    }
    return AS_OK;
}

/* [[parent, child], ...] */
static as_status read_edges(const as_node *list, as_net *net)
{
    const bool good = list->kind == AS_NODE_LIST;
    for (int64_t i = 0; i < (good ? list->count : 1); i++) {
        const as_node *pair = good ? list->item[i] : list;
        int64_t end[2] = {AS_BAYES_NET_NONE, AS_BAYES_NET_NONE};
        if (!good || pair->kind != AS_NODE_LIST || pair->count != 2) {
            AS_FAIL(AS_CONFIG, "%s: model.edges: expected a list of pairs, [[FROM, TO], ...]", as_node_place(pair));
        }
        for (int e = 0; e < 2; e++) {
            const as_node *item = pair->item[e];
            if (as_net_find(net, item->kind == AS_NODE_SCALAR ? item->text : "", &end[e]) != AS_OK) {
                return as_error_prefix(AS_CONFIG, "%s: model.edges", as_node_place(item));
            }
        }
        as_net_node *child = &net->node[end[1]];
        int64_t *parent = realloc(child->parent, ((size_t)child->nparents + 1) * sizeof *parent);
        if (parent == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for edges");
        }
        child->parent = parent;
        for (int64_t k = 0; k < child->nparents; k++) {
            if (parent[k] == end[0]) {
                AS_FAIL(AS_CONFIG, "%s: model.edges: the edge from %s to %s stands there twice", as_node_place(pair),
                        net->node[end[0]].name, child->name);
            }
        }
        parent[child->nparents++] = end[0];
    }
    return AS_OK;
}

as_status as_bayes_net_given(const as_statistic *s, as_net *net)
{
    const as_bayes_net_options *o = s->options;
    AS_TRY(make_nodes(s, net));
    if (o->nodes != NULL && o->nodes->kind != AS_NODE_NULL) {
        AS_FAIL(AS_CONFIG,
                "%s: model.nodes has tables, so nothing is left to train: allsum query CONFIG answers by them",
                as_node_place(o->nodes));
    }
    const bool parents = o->parents != NULL && o->parents->kind != AS_NODE_NULL;
    const bool edges = o->edges != NULL && o->edges->kind != AS_NODE_NULL;
    if (parents && edges) {
        AS_FAIL(AS_CONFIG, "%s: model: expected parents or edges, found both", as_node_place(o->edges));
    }
    AS_TRY(parents ? read_parents(o->parents, net) : AS_OK);
    AS_TRY(edges ? read_edges(o->edges, net) : AS_OK);
    const as_status status = as_net_check(net, false);
    return status == AS_OK ? AS_OK
                           : as_error_prefix(status, "%s: model.%s", as_node_place(edges ? o->edges : o->parents),
                                             edges ? "edges" : "parents");
}

as_status as_bayes_net_make(const as_estimator *estimator, as_net *out)
{
    const as_statistic *s = (const as_statistic *)estimator;
    *out = (as_net){0};
    if (strcmp(estimator->ops->name, "bayes_net") != 0) {
        AS_FAIL(AS_USAGE, "query: expected a model of type bayes_net, found %s", estimator->ops->name);
    }
    const as_bayes_net *m = s->model;
    AS_TRY(make_nodes(s, out));
    if (m->progress[AS_BAYES_NET_STAGE] != AS_BAYES_NET_DONE) {
        AS_FAIL(AS_DATA, "query: the network is not trained to its end: it has no tables");
    }
    for (int64_t i = 0; i < m->n; i++) {
        int64_t parent[AS_BAYES_NET_PARENTS_MAX + 1];
        as_net_node *node = &out->node[i];
        const int64_t n = as_bayes_net_parents(m, i, AS_BAYES_NET_NONE, parent),
                      entries = m->first[i + 1] - m->first[i];
        node->parent = malloc(((size_t)n + 1) * sizeof *node->parent);
        node->table = malloc((size_t)entries * sizeof *node->table);
        if (node->parent == NULL || node->table == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for a table");
        }
        memcpy(node->parent, parent, (size_t)n * sizeof *parent);
        memcpy(node->table, m->cpt + m->first[i], (size_t)entries * sizeof *m->cpt);
        node->nparents = n;
    }
    return as_net_check(out, true);
}

/* ---- what a file says ---- */

as_status as_bayes_net_check_graph(const as_bayes_net *m)
{
    for (int64_t i = 0; i < m->n; i++) {
        const int64_t *parent = m->parents + i * m->most_parents;
        if (m->levels[i] != m->known[i]) {
            AS_FAIL(AS_DATA, "/params/levels_: node %lld: expected the %lld levels of its column, found %lld",
                    (long long)i, (long long)m->known[i], (long long)m->levels[i]);
        }
        for (int64_t p = 0; p < m->most_parents; p++) {
            bool wrong = parent[p] == i;
            for (int64_t q = 0; q < p; q++) {
                wrong = wrong ||
                        (parent[p] != AS_BAYES_NET_NONE && (parent[q] == parent[p] || parent[q] == AS_BAYES_NET_NONE));
            }
            if (wrong) {
                AS_FAIL(AS_DATA,
                        "/params/parents_: node %lld: expected other nodes, each once, found %lld in place %lld",
                        (long long)i, (long long)parent[p], (long long)p);
            }
        }
    }
    return AS_OK;
}

as_status as_bayes_net_check_places(const as_statistic *s, const as_bayes_net *m)
{
    const int64_t stage = m->progress[AS_BAYES_NET_STAGE];
    const bool done = stage == AS_BAYES_NET_DONE;
    if (stage > AS_BAYES_NET_DONE || m->counts > s->most - AS_BAYES_NET_HEAD || (done && m->counts > m->table)) {
        AS_FAIL(AS_DATA, "/state: stage %lld with %lld counts, expected at most %d and %lld", (long long)stage,
                (long long)m->counts, (int)AS_BAYES_NET_DONE, (long long)(s->most - AS_BAYES_NET_HEAD));
    }
    for (int64_t i = 0; i <= m->n; i++) {
        const int64_t place = !done ? 0 : i < m->n ? m->list[i].first : m->counts;
        if (m->first[i] != place) {
            AS_FAIL(AS_DATA, "/params/first_: element %lld: expected %lld, found %lld", (long long)i, (long long)place,
                    (long long)m->first[i]);
        }
    }
    return AS_OK;
}
