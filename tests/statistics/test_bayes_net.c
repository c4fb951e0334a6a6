/* Bayesian networks against enumeration of all states and against a search written by itself; bad input. */
#include "statistics/fit.h"

#include "base/clock.h"
#include "base/error.h"
#include "estimator/bayes_net.h"
#include "estimator/net_config.h"
#include "io/yaml.h"
#include "math/draw.h"
#include "reference/bayes_net.h"

enum { STATES_MAX = 1 << 16, NODES_MAX = 24, LEVELS_MAX = 4 };

static as_net net_of(const char *nodes)
{
    as_document *document = NULL;
    as_node *node = NULL;
    as_net net;
    assert_int_equal(as_document_create(&document), AS_OK);
    assert_int_equal(as_yaml_parse(document, "test", nodes, &node), AS_OK);
    assert_int_equal(as_net_parse(node, &net), AS_OK);
    as_document_destroy(&document);
    return net;
}

/* Every state of all nodes, each by the product of its entries. joint: p(evidence and target = level). */
static double enumerate(const as_net *net, const int64_t *evidence, int64_t target, double joint[LEVELS_MAX],
                        double *most)
{
    int64_t state[NODES_MAX] = {0};
    double total = 0;
    *most = 0;
    memset(joint, 0, LEVELS_MAX * sizeof *joint);
    for (bool more = true; more;) {
        bool fits = true;
        for (int64_t i = 0; i < net->n; i++) {
            fits = fits && (evidence[i] < 0 || evidence[i] == state[i]);
        }
        const double p = fits ? exp(as_net_log_p(net, state)) : 0;
        joint[state[target]] += p;
        total += p;
        *most = p > *most ? p : *most;
        int64_t i = net->n - 1;
        for (; i >= 0 && ++state[i] == net->node[i].level.n; i--) {
            state[i] = 0;
        }
        more = i >= 0;
    }
    return total;
}

/* All answers of a network: sums of at most 2^16 terms of one sign, products of 24: 1e-12 is ample. */
static void check_answers(const as_net *net, const int64_t *evidence)
{
    double joint[LEVELS_MAX], p[LEVELS_MAX], most, log_p;
    int64_t state[NODES_MAX];
    for (int64_t target = 0; target < net->n; target++) {
        const double total = enumerate(net, evidence, target, joint, &most);
        if (!(total > 0)) {
            assert_int_equal(as_net_posterior(net, evidence, target, p, &log_p), AS_DATA);
            assert_int_equal(as_net_explain(net, evidence, state, &log_p), AS_DATA);
            continue;
        }
        assert_int_equal(as_net_posterior(net, evidence, target, p, &log_p), AS_OK);
        assert_true(fabs(log_p - log(total)) < 1e-12);
        for (int64_t l = 0; l < net->node[target].level.n; l++) {
            assert_true(fabs(p[l] - joint[l] / total) < 1e-12);
        }
        assert_int_equal(as_net_explain(net, evidence, state, &log_p), AS_OK);
        assert_true(fabs(log_p - log(most)) < 1e-12);
    }
}

static void all_evidence(const as_net *net)
{
    int64_t evidence[NODES_MAX];
    for (int draw = 0; draw < 60; draw++) {
        for (int64_t i = 0; i < net->n; i++) {
            uint32_t word[4];
            as_rng_words(3, AS_RNG_TEST, (uint32_t)draw, 0, (uint64_t)i, word);
            evidence[i] = word[0] % 3 == 0 ? (int64_t)(word[1] % (uint32_t)net->node[i].level.n) : -1;
        }
        check_answers(net, evidence);
    }
}

static const char sprinkler[] = "cloudy: {table: [0.5, 0.5]}\n"
                                "sprinkler: {parents: [cloudy], table: [[0.5, 0.5], [0.9, 0.1]]}\n"
                                "rain: {parents: cloudy, table: {no: [0.8, 0.2], yes: [0.2, 0.8]}}\n"
                                "wet: {parents: [sprinkler, rain], table: [1, 0, 0.1, 0.9, 0.1, 0.9, 0.01, 0.99]}\n";

/* K. Murphy's numbers (2001): p(sprinkler | wet) = 0.2781 / 0.6471, p(rain | wet) = 0.4581 / 0.6471. */
static void test_the_sprinkler(void **state)
{
    (void)state;
    as_net net = net_of(sprinkler);
    double p[2], log_p;
    assert_int_equal(as_net_posterior(&net, (const int64_t[]){-1, -1, -1, 1}, 1, p, &log_p), AS_OK);
    assert_true(fabs(p[1] - 0.2781 / 0.6471) < 1e-15 && fabs(exp(log_p) - 0.6471) < 1e-15);
    assert_int_equal(as_net_posterior(&net, (const int64_t[]){-1, -1, -1, 1}, 2, p, &log_p), AS_OK);
    assert_true(fabs(p[1] - 0.4581 / 0.6471) < 1e-15);
    all_evidence(&net);
    as_net_destroy(&net);
}

static void test_asia(void **state)
{
    (void)state;
    as_document *document = NULL;
    as_node *root = NULL;
    as_net net;
    double p[2], log_p;
    assert_int_equal(as_document_create(&document), AS_OK);
    assert_int_equal(as_yaml_read(document, TEST_DATA "/../../configs/asia.yaml", &root), AS_OK);
    assert_int_equal(as_net_parse(as_node_get(as_node_get(root, "model"), "nodes"), &net), AS_OK);
    as_document_destroy(&document);
    /* by hand: either 1 - 0.945 x 0.9896 = 0.064828; dysp given bronc and either */
    assert_int_equal(as_net_posterior(&net, (const int64_t[]){-1, -1, -1, -1, -1, -1, -1, -1}, 5, p, &log_p), AS_OK);
    assert_true(fabs(p[0] - 0.064828) < 1e-15);
    assert_int_equal(as_net_posterior(&net, (const int64_t[]){-1, -1, -1, -1, -1, -1, -1, -1}, 7, p, &log_p), AS_OK);
    assert_true(fabs(p[0] - 0.4359706) < 1e-13);
    all_evidence(&net);
    as_net_destroy(&net);
}

/* Node i has up to three parents among those before it, and three levels (or 2 to 4 where they vary). */
static as_net random_net(int64_t n, bool vary, uint32_t number)
{
    as_net net = {.n = n, .node = calloc((size_t)n, sizeof(as_net_node))};
    for (int64_t i = 0; i < n; i++) {
        as_net_node *node = &net.node[i];
        as_draw draw = as_draw_make(17, AS_RNG_TEST, number, (uint64_t)i);
        const int64_t levels = vary ? 2 + (int64_t)(3 * as_draw_uniform(&draw)) : 3;
        char name[24];
        snprintf(name, sizeof name, "n%lld", (long long)i);
        node->name = strdup(name);
        node->parent = calloc(3, sizeof *node->parent);
        for (int64_t l = 0; l < levels; l++) {
            snprintf(name, sizeof name, "%lld", (long long)l);
            assert_int_equal(as_names_add(&node->level, name, (int64_t)strlen(name)), AS_OK);
        }
        for (int64_t p = i - 1; p >= 0 && p >= i - 5 && node->nparents < 3; p--) {
            if (as_draw_uniform(&draw) < 0.6) {
                node->parent[node->nparents++] = p;
            }
        }
        const int64_t rows = as_net_rows(&net, i);
        node->table = malloc((size_t)(rows * levels) * sizeof *node->table);
        for (int64_t r = 0; r < rows; r++) {
            double sum = 0;
            for (int64_t l = 0; l < levels; l++) {
                const double u = as_draw_uniform(&draw);
                node->table[r * levels + l] = u < 0.15 && l > 0 ? 0 : u; /* impossible combinations too */
                sum += node->table[r * levels + l];
            }
            for (int64_t l = 0; l < levels; l++) {
                node->table[r * levels + l] /= sum;
            }
        }
    }
    assert_int_equal(as_net_check(&net, true), AS_OK);
    return net;
}

static void test_random_networks_against_enumeration(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < 6; number++) {
        as_net net = random_net(6, true, number);
        all_evidence(&net);
        as_net_destroy(&net);
    }
}

/* 3^20 states: too many to enumerate. The parts that a node's levels make of p(evidence) add up to it, the explanation
   is no less probable than any of 2000 samples, and everything together takes less than a second. */
static void test_twenty_ternary_nodes_in_a_second(void **state)
{
    (void)state;
    as_net net = random_net(20, false, 99);
    int64_t evidence[20], found[20];
    double p[3], part[3], log_p, log_part, log_best;
    for (int64_t i = 0; i < 20; i++) {
        evidence[i] = -1;
    }
    evidence[7] = evidence[19] = 0;
    const double start = as_clock_seconds();
    for (int64_t target = 0; target < 20; target++) {
        assert_int_equal(as_net_posterior(&net, evidence, target, p, &log_p), AS_OK);
    }
    assert_int_equal(as_net_explain(&net, evidence, found, &log_best), AS_OK);
    assert_true(as_clock_seconds() - start < 1);
    assert_int_equal(as_net_posterior(&net, evidence, 3, p, &log_p), AS_OK);
    for (int64_t l = 0; l < 3; l++) {
        evidence[3] = l;
        part[l] =
            p[l] > 0 && as_net_posterior(&net, evidence, -1, NULL, &log_part) == AS_OK ? exp(log_part - log_p) : 0;
        assert_true(fabs(part[l] - p[l]) < 1e-12);
    }
    evidence[3] = -1;
    for (uint64_t i = 0; i < 2000; i++) {
        int64_t sample[20];
        const double weight = as_net_draw(&net, evidence, 5, i, sample);
        assert_true(sample[7] == 0 && sample[19] == 0 && weight >= 0);
        assert_true(!(as_net_log_p(&net, sample) > log_best + 1e-12));
    }
    as_net_destroy(&net);
}

/* Weighted shares of 20000 samples within 5 standard errors: below 5 sqrt(p / n) / mean weight. */
static void test_samples_follow_the_network(void **state)
{
    (void)state;
    as_net net = net_of(sprinkler);
    const int64_t evidence[4] = {-1, -1, -1, 1};
    double sum = 0, rain = 0, p[2];
    for (uint64_t i = 0; i < 20000; i++) {
        int64_t sample[4];
        const double weight = as_net_draw(&net, evidence, 8, i, sample);
        sum += weight;
        rain += sample[2] == 1 ? weight : 0;
    }
    assert_int_equal(as_net_posterior(&net, evidence, 2, p, NULL), AS_OK);
    assert_true(fabs(sum / 20000 - 0.6471) < 5 * 0.5 / sqrt(20000));
    assert_true(fabs(rain / sum - p[1]) < 5 * 0.5 / sqrt(20000) / 0.6471);
    as_net_destroy(&net);
}

static const char table[] = "rain,wet\nno,dry\nno,dry\nno,wet\nyes,wet\nyes,wet\n";

static void test_tables_are_counts_with_a_prior(void **state)
{
    (void)state;
    fitted f;
    as_net net;
    assert_int_equal(fit_table("bayes_counts", table, "}\n  columns: {code: all}",
                               "{type: bayes_net, parents: {wet: rain}, pseudo_count: 1}", &f),
                     AS_OK);
    assert_int_equal(as_bayes_net_make(f.file.estimator, &net), AS_OK);
    const double rain[] = {4.0 / 7, 3.0 / 7}, wet[] = {3.0 / 5, 2.0 / 5, 1.0 / 4, 3.0 / 4};
    assert_string_equal(net.node[1].level.name[0], "dry");
    assert_close("rain", net.node[0].table, rain, 2, 1e-15, 0);
    assert_close("wet", net.node[1].table, wet, 4, 1e-15, 0);
    const double log_p = 3 * log(4.0 / 7) + 2 * log(3.0 / 7) + 2 * log(0.6) + log(0.4) + 2 * log(0.75);
    assert_array(&f, "/params/log_likelihood_", &log_p, 1, 1e-14);
    as_net_destroy(&net);
    fitted_close(&f);
    /* a combination that was not seen, without a prior: all levels alike */
    assert_int_equal(fit_table("bayes_unseen", "a,b,c\n0,0,1\n1,1,0\n", "}",
                               "{type: bayes_net, levels: 2, edges: [[a, c], [b, c]], pseudo_count: 0}", &f),
                     AS_OK);
    assert_int_equal(as_bayes_net_make(f.file.estimator, &net), AS_OK);
    assert_close("c", net.node[2].table, (const double[]){0, 1, 0.5, 0.5, 0.5, 0.5, 1, 0}, 8, 0, 0);
    as_net_destroy(&net);
    fitted_close(&f);
}

/* The scores add up some thousand logarithms: 1e-12. */
static void check_search(const char *model, double score, const int *parents)
{
    fitted f;
    char keys[700];
    snprintf(keys, sizeof keys, "}\n  test: {format: csv, file: '%s'}\n  columns: {code: all}", TEST_DATA "/asia.csv");
    static char text[20000];
    FILE *file = fopen(TEST_DATA "/asia.csv", "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(fit_table("bayes_search", text, keys, model, &f), AS_OK);
    assert_array(&f, "/params/score_", &score, 1, 1e-12);
    as_net net;
    assert_int_equal(as_bayes_net_make(f.file.estimator, &net), AS_OK);
    for (int64_t i = 0; i < net.n; i++) {
        int bits = 0;
        for (int64_t p = 0; p < net.node[i].nparents; p++) {
            bits |= 1 << net.node[i].parent[p];
        }
        assert_int_equal(bits, parents[i]);
    }
    as_net_destroy(&net);
    fitted_close(&f);
}

static void test_the_search_is_that_of_the_reference(void **state)
{
    (void)state;
    check_search("{type: bayes_net, structure: bic}", bic_score, bic_parents);
    check_search("{type: bayes_net, structure: k2}", k2_score, k2_parents);
}

static void assert_net_refused(const char *nodes, const char *message)
{
    as_document *document = NULL;
    as_node *node = NULL;
    as_net net;
    assert_int_equal(as_document_create(&document), AS_OK);
    assert_int_equal(as_yaml_parse(document, "test", nodes, &node), AS_OK);
    assert_int_equal(as_net_parse(node, &net), AS_CONFIG);
    if (strstr(as_error_message(), message) == NULL) {
        fail_msg("message: %s", as_error_message());
    }
    as_net_destroy(&net);
    as_document_destroy(&document);
}

static void assert_refused(const char *model, const char *keys, as_status code, const char *message)
{
    fitted f;
    assert_int_equal(fit_table("bayes_bad", table, keys, model, &f), code);
    if (strstr(as_error_message(), message) == NULL) {
        fail_msg("message: %s", as_error_message());
    }
}

static void test_bad_input(void **state)
{
    (void)state;
    assert_net_refused("a: {parents: [c], table: [1, 0, 1, 0]}\nb: {parents: [a], table: [1, 0, 1, 0]}\n"
                       "c: {parents: [b], table: [1, 0, 1, 0]}\n",
                       "cycle: c <- b <- a <- c");
    assert_net_refused("a: {table: [0.5, 0.6]}\n", "p(a): expected probabilities that add up to 1, found a sum of 1.1");
    assert_net_refused("a: {table: [1.5, -0.5]}\n", "found one below 0");
    assert_net_refused("a: {table: [0.5, 0.5]}\nb: {parents: [a], table: [1, 0, 0.3, 0.3]}\n",
                       "p(b | a=yes): expected probabilities that add up to 1, found a sum of 0.6");
    assert_net_refused("a: {table: [0.5, 0.5]}\nb: {parents: [a], table: [1, 0]}\n",
                       "nodes.b.table: expected 2 rows of 2 probabilities, found 2 numbers");
    assert_net_refused("a: {parents: [aa], table: [0.5, 0.5]}\n", "parents of a: no node is named \"aa\"");
    assert_net_refused("a: {tables: [0.5, 0.5]}\n", "unknown key \"tables\"; did you mean \"table\"?");
    assert_net_refused("a: {levels: [x, x], table: [0.5, 0.5]}\n", "\"x\" stands there twice");
    static const char coded[] = "}\n  columns: {code: all}";
    assert_refused("{type: bayes_net, edges: [[rain, wet], [wet, rain]]}", coded, AS_CONFIG,
                   "cycle: wet <- rain <- wet");
    assert_refused("{type: bayes_net, edges: [[rain, snow]]}", coded, AS_CONFIG, "no node is named \"snow\"");
    assert_refused("{type: bayes_net}", "}\n  columns: {one_hot: [rain, wet]}", AS_CONFIG,
                   "the levels of column rain=no are not known");
    assert_refused("{type: bayes_net, nodes: {a: {table: [1]}}}", coded, AS_CONFIG, "nothing is left to train");
    assert_refused("{type: bayes_net, levels: [2, 1, 2, 2]}", "}\n  columns: {one_hot: [rain, wet]}", AS_DATA,
                   "column rain=yes: expected a level in 0..0, found 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sprinkler),
        cmocka_unit_test(test_asia),
        cmocka_unit_test(test_random_networks_against_enumeration),
        cmocka_unit_test(test_twenty_ternary_nodes_in_a_second),
        cmocka_unit_test(test_samples_follow_the_network),
        cmocka_unit_test(test_tables_are_counts_with_a_prior),
        cmocka_unit_test(test_the_search_is_that_of_the_reference),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
