/* allsum query RUN|CHECKPOINT|CONFIG: exact answers of a Bayesian network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/model_verb.h"
#include "estimator/bayes_net.h"
#include "estimator/net_config.h"
#include "io/csv.h"
#include "io/yaml.h"
#include "kernels/scalar_math.h"

enum { WORD_MAX = 256, SAMPLES_MAX = 100000000 };

typedef struct query {
    const as_net *net;
    int64_t *evidence, *state; /* (n) */
    double *p;                 /* (most levels) */
    bool *target;              /* (n) */
    bool json;
    as_text out;
} query;

/* The next piece of a list with commas, without blanks around it. */
static bool next_word(const char **at, char word[WORD_MAX])
{
    while (**at == ',' || **at == ' ') {
        (*at)++;
    }
    size_t n = strcspn(*at, ",");
    const char *start = *at;
    *at += n;
    while (n > 0 && start[n - 1] == ' ') {
        n--;
    }
    snprintf(word, WORD_MAX, "%.*s", (int)(n < WORD_MAX ? n : WORD_MAX - 1), start);
    return n > 0;
}

static as_status read_evidence(query *q, const char *given)
{
    char word[WORD_MAX];
    for (int64_t i = 0; i < q->net->n; i++) {
        q->evidence[i] = -1;
    }
    for (const char *at = given == NULL ? "" : given; next_word(&at, word);) {
        char *equal = strchr(word, '=');
        int64_t node = -1, level = -1;
        if (equal == NULL) {
            AS_FAIL(AS_USAGE, "--evidence: expected NODE=LEVEL, found \"%s\"", word);
        }
        *equal = '\0';
        as_status status = as_net_find(q->net, word, &node);
        status = status == AS_OK ? as_net_level(q->net, node, equal + 1, &level) : status;
        if (status != AS_OK) {
            return as_error_prefix(status, "--evidence");
        }
        if (q->evidence[node] >= 0 && q->evidence[node] != level) {
            AS_FAIL(AS_USAGE, "--evidence: two levels of %s are given, %s and %s", word,
                    q->net->node[node].level.name[q->evidence[node]], equal + 1);
        }
        q->evidence[node] = level;
    }
    return AS_OK;
}

/* Without --target: every node that is not known. */
static as_status read_target(query *q, const char *given)
{
    char word[WORD_MAX];
    for (int64_t i = 0; i < q->net->n && given == NULL; i++) {
        q->target[i] = q->evidence[i] < 0;
    }
    for (const char *at = given == NULL ? "" : given; next_word(&at, word);) {
        int64_t node = -1;
        const as_status status = as_net_find(q->net, word, &node);
        if (status != AS_OK) {
            return as_error_prefix(status, "--target");
        }
        q->target[node] = true;
    }
    return AS_OK;
}

static as_status answer_posteriors(query *q)
{
    double log_p = 0;
    AS_TRY(as_net_posterior(q->net, q->evidence, -1, NULL, &log_p));
    if (q->json) {
        as_json_real(&q->out, "log_evidence", log_p);
        as_json_open(&q->out, "posterior", '{');
    } else {
        as_text_add(&q->out, "p(evidence) = %.10g, ln p = %.10g\n", as_exp_f64(log_p), log_p);
    }
    for (int64_t i = 0; i < q->net->n; i++) {
        const as_net_node *node = &q->net->node[i];
        if (!q->target[i]) {
            continue;
        }
        AS_TRY(as_net_posterior(q->net, q->evidence, i, q->p, NULL));
        if (q->json) {
            as_json_open(&q->out, node->name, '{');
        } else {
            as_text_add(&q->out, "\n%.70s\n", node->name);
        }
        for (int64_t l = 0; l < node->level.n; l++) {
            if (q->json) {
                as_json_real(&q->out, node->level.name[l], q->p[l]);
            } else {
                as_text_add(&q->out, "  %-40.40s %.10f\n", node->level.name[l], q->p[l]);
            }
        }
        if (q->json) {
            as_json_close(&q->out, '}');
        }
    }
    if (q->json) {
        as_json_close(&q->out, '}');
    }
    return AS_OK;
}

static as_status answer_explanation(query *q)
{
    double log_p = 0, log_evidence = 0;
    AS_TRY(as_net_posterior(q->net, q->evidence, -1, NULL, &log_evidence));
    AS_TRY(as_net_explain(q->net, q->evidence, q->state, &log_p));
    if (q->json) {
        as_json_real(&q->out, "log_evidence", log_evidence);
        as_json_real(&q->out, "log_joint", log_p);
        as_json_open(&q->out, "explanation", '{');
    } else {
        as_text_add(&q->out, "most probable explanation: p = %.10g, given the evidence %.10g\n", as_exp_f64(log_p),
                    as_exp_f64(log_p - log_evidence));
    }
    for (int64_t i = 0; i < q->net->n; i++) {
        const as_net_node *node = &q->net->node[i];
        if (q->json) {
            as_json_text(&q->out, node->name, node->level.name[q->state[i]]);
        } else {
            as_text_add(&q->out, "  %-35.35s %-35.35s%s\n", node->name, node->level.name[q->state[i]],
                        q->evidence[i] >= 0 ? " known" : "");
        }
    }
    if (q->json) {
        as_json_close(&q->out, '}');
    }
    return AS_OK;
}

static as_status flush(query *q)
{
    if (q->out.failed) {
        AS_FAIL(AS_NOMEM, "out of memory for the answer");
    }
    if (q->out.size > 0 && fwrite(q->out.data, 1, q->out.size, stdout) != q->out.size) {
        AS_FAIL(AS_IO, "stdout: cannot write the answer");
    }
    as_text_clear(&q->out);
    return AS_OK;
}

/* A table: a column for each node and, with evidence, the weight of each row. */
static as_status answer_samples(query *q, int64_t n, uint64_t seed)
{
    bool known = false;
    AS_TRY(as_net_posterior(q->net, q->evidence, -1, NULL, NULL));
    for (int64_t i = 0; i < q->net->n; i++) {
        known = known || q->evidence[i] >= 0;
        as_text_add(&q->out, i > 0 ? "," : "");
        as_csv_write_field("", q->net->node[i].name, &q->out);
    }
    as_text_add(&q->out, known ? ",weight\n" : "\n");
    for (int64_t s = 0; s < n; s++) {
        char number[32];
        const double weight = as_net_draw(q->net, q->evidence, seed, (uint64_t)s, q->state);
        for (int64_t i = 0; i < q->net->n; i++) {
            as_text_add(&q->out, i > 0 ? "," : "");
            as_csv_write_field("", q->net->node[i].level.name[q->state[i]], &q->out);
        }
        as_text_add(&q->out, known ? ",%s\n" : "\n", as_real_text(weight, number));
        AS_TRY(flush(q));
    }
    return AS_OK;
}

static as_status answer(const as_context *context, query *q)
{
    int64_t samples = 0, seed = 1;
    AS_TRY(as_option_int(context, "sample", 1, SAMPLES_MAX, &samples));
    AS_TRY(as_option_int(context, "seed", 0, INT64_MAX, &seed));
    const bool explain = as_option_get(context, "mpe") != NULL;
    const char *target = as_option_get(context, "target");
    q->json = as_option_get(context, "json") != NULL;
    if ((explain && samples > 0) || (target != NULL && (explain || samples > 0)) || (q->json && samples > 0)) {
        AS_FAIL(AS_USAGE, "query: expected one of --target, --mpe and --sample; samples are CSV, without --json");
    }
    AS_TRY(read_evidence(q, as_option_get(context, "evidence")));
    AS_TRY(read_target(q, target));
    if (samples > 0) {
        return answer_samples(q, samples, (uint64_t)seed);
    }
    if (q->json) {
        as_json_open(&q->out, NULL, '{');
    }
    AS_TRY(explain ? answer_explanation(q) : answer_posteriors(q));
    if (q->json) {
        as_json_close(&q->out, '}');
        as_text_add(&q->out, "\n");
    }
    return flush(q);
}

static as_status answer_net(const as_context *context, const as_net *net)
{
    int64_t levels = 1;
    for (int64_t i = 0; i < net->n; i++) {
        levels = net->node[i].level.n > levels ? net->node[i].level.n : levels;
    }
    query q = {.net = net};
    q.evidence = calloc((size_t)net->n + 1, sizeof *q.evidence);
    q.state = calloc((size_t)net->n + 1, sizeof *q.state);
    q.target = calloc((size_t)net->n + 1, sizeof *q.target);
    q.p = calloc((size_t)levels, sizeof *q.p);
    as_status status = q.evidence != NULL && q.state != NULL && q.target != NULL && q.p != NULL
                           ? answer(context, &q)
                           : as_error_set(AS_NOMEM, "out of memory for %lld nodes", (long long)net->n);
    as_text_free(&q.out);
    free(q.evidence);
    free(q.state);
    free(q.target);
    free(q.p);
    return status;
}

static as_status query_model(const as_context *context, const as_model_file *model)
{
    as_net net = {0};
    as_status status = as_bayes_net_make(model->estimator, &net);
    if (status == AS_DATA) {
        as_error_prefix(status, "%s", model->path);
    }
    if (status == AS_OK && as_world_rank(model->world) == 0) {
        status = answer_net(context, &net);
    }
    as_net_destroy(&net);
    return as_world_agree(model->world, status);
}

/* A network whose tables are in the configuration. */
static as_status query_config(const as_context *context, const char *path)
{
    as_document *document = NULL;
    as_node *root = NULL;
    as_net net = {0};
    AS_TRY(as_document_create(&document));
    as_status status = as_yaml_read(document, path, &root);
    const as_node *model = status == AS_OK ? as_node_get(root, "model") : NULL;
    if (status == AS_OK && !as_node_is(as_node_get(model, "type"), "bayes_net")) {
        status = as_error_set(AS_CONFIG, "%s: expected model: {type: bayes_net, nodes: {...}}",
                              model != NULL ? as_node_place(model) : path);
    }
    if (status == AS_OK) {
        const as_node *nodes = as_node_get(model, "nodes");
        status = as_net_parse(nodes, &net);
    }
    if (status == AS_OK) {
        status = answer_net(context, &net);
    }
    as_net_destroy(&net);
    as_document_destroy(&document);
    return status;
}

static as_status run(as_context *context)
{
    const char *path = context->argument[0], *end = strrchr(path, '.');
    if (end != NULL && (strcmp(end, ".yaml") == 0 || strcmp(end, ".yml") == 0)) {
        return context->launch.rank == 0 ? query_config(context, path) : AS_OK;
    }
    return as_model_verb(context, path, query_model);
}

static const as_option options[] = {
    {.name = "evidence", .letter = 'e', .value = "NODE=LEVEL,...", .help = "what is known"},
    {.name = "target", .value = "NODE,...", .help = "whose probabilities are asked (default: all that are not known)"},
    {.name = "mpe", .help = "the most probable levels of all nodes together"},
    {.name = "sample", .letter = 'n', .value = "N", .help = "N samples as CSV; with evidence, each with its weight"},
    {.name = "seed", .value = "S", .help = "another seed gives other samples (default: 1)"},
    {.name = "json", .help = "one JSON object"},
    AS_OPTION_SET,
    AS_OPTIONS_END,
};

const as_verb as_verb_query = {
    .name = "query",
    .arguments = "RUN|CHECKPOINT|CONFIG",
    .summary = "Exact answers of a Bayesian network: probabilities, explanations, samples",
    .details =
        "  allsum query configs/asia.yaml --evidence asia=yes,dysp=yes --target lung\n"
        "CONFIG (.yaml) has the tables of all nodes under model.nodes; RUN is a trained model of type bayes_net.\n"
        "Answers are exact (variable elimination). Weights of samples are p(evidence | what was drawn).\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
