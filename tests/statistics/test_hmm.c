/* Hidden Markov models against enumeration of all paths and against Baum-Welch in logarithms; long sequences, states
   without visits, bad data. */
#include "statistics/fit.h"

#include "math/chain.h"
#include "reference/hmm.h"

#define FIRST "startprob_init: [0.6, 0.4], transmat_init: [0.7, 0.3, 0.2, 0.8]"
#define SYMBOLS "emissionprob_init: [0.5, 0.3, 0.2, 0.1, 0.3, 0.6]"
#define NORMAL "startprob_init: [0.5, 0.5], transmat_init: [0.7, 0.3, 0.4, 0.6], means_init: [0, 0, 2, 2], features: 2"

/* 2^8 paths, each by itself: likelihood, posterior of every position, expected steps, the best path. Both sides add 256
   terms of one sign and multiply 16 factors: 300 eps. */
static void test_recursions_against_enumeration(void **state)
{
    (void)state;
    enum { T = 8, K = 2 };
    const double start[K] = {0.6, 0.4}, step[K * K] = {0.7, 0.3, 0.2, 0.8};
    const double b[T][K] = {{.5, .1}, {.2, .6}, {.3, .3}, {.2, .6}, {.5, .1}, {.5, .1}, {.2, .6}, {0, .3}};
    double total = 0, posterior[T][K] = {{0}}, steps[K * K] = {0}, best = -1, found[K * K] = {0};
    double density[T * K], copy[T * K], share[T * K], scale[T], work[2 * K];
    int32_t path[T];
    int best_path = 0;
    int64_t impossible = 0;
    for (int p = 0; p < 1 << T; p++) {
        double probability = start[p & 1] * b[0][p & 1];
        for (int t = 1; t < T; t++) {
            probability *= step[(p >> (t - 1) & 1) * K + (p >> t & 1)] * b[t][p >> t & 1];
        }
        total += probability;
        best_path = probability > best ? p : best_path;
        best = probability > best ? probability : best;
        for (int t = 0; t < T; t++) {
            posterior[t][p >> t & 1] += probability;
            if (t > 0) {
                steps[(p >> (t - 1) & 1) * K + (p >> t & 1)] += probability;
            }
        }
    }
    for (int i = 0; i < T * K; i++) {
        density[i] = copy[i] = log(b[i / K][i % K]);
    }
    const as_chain chain = {K, start, step};
    const double log_p = as_chain_forward(&chain, T, density, share, scale, &impossible);
    as_chain_backward(&chain, T, density, share, scale, 1, found, work);
    as_chain_path(&chain, T, copy, path, work);
    assert_true(fabs(log_p - log(total)) < 1e-14 * fabs(log(total)));
    assert_int_equal(impossible, 0);
    for (int i = 0; i < T * K; i++) {
        assert_true(fabs(share[i] - posterior[i / K][i % K] / total) < 7e-14);
    }
    for (int i = 0; i < K * K; i++) {
        assert_true(fabs(found[i] - steps[i] / total) < 7e-13);
    }
    for (int t = 0; t < T; t++) {
        assert_int_equal(path[t], best_path >> t & 1);
    }
}

/* A position that nothing can give: all stays finite, and the positions after it begin anew. */
static void test_impossible_positions(void **state)
{
    (void)state;
    const double start[2] = {1, 0}, step[4] = {1, 0, 0, 1};
    double density[6] = {0, 0, -HUGE_VAL, -1, -2, -1}, copy[6], share[6], scale[3], work[4];
    int32_t path[3];
    int64_t impossible = 0;
    memcpy(copy, density, sizeof copy);
    const as_chain chain = {2, start, step};
    const double log_p = as_chain_forward(&chain, 3, density, share, scale, &impossible);
    as_chain_backward(&chain, 3, density, share, scale, 1, NULL, work);
    as_chain_path(&chain, 3, copy, path, work);
    assert_int_equal(impossible, 1);
    assert_true(isfinite(log_p));
    for (int i = 0; i < 6; i++) {
        assert_true(share[i] >= 0 && share[i] <= 1);
    }
    assert_true(path[0] == 0 && path[2] == 1);
}

/* 20 and 10 steps; each is a sum of 42 positions: the error of a step, some 1e-15, is not amplified by more than 1e4.
 */
static void check(const fitted *f, const double *path, int steps, const double *start, const double *trans)
{
    assert_array(f, "/params/log_likelihood_", path + steps, 1, 1e-10);
    assert_close("startprob_", fitted_reals(f, "/params/startprob_"), start, 2, 1e-9, 1e-12);
    assert_close("transmat_", fitted_reals(f, "/params/transmat_"), trans, 4, 1e-9, 1e-12);
    assert_int_equal(*fitted_integers(f, "/params/n_iter_"), steps);
}

static void test_discrete_sequences_of_several_lengths(void **state)
{
    (void)state;
    fitted f;
    for (int i = 1; i <= 20; i++) {
        assert_true(discrete_path[i] >= discrete_path[i - 1]);
    }
    assert_int_equal(fit_table("hmm_discrete", discrete_table, "}",
                               "{type: hmm, emission: categorical, n_symbols: 3, pad: -1, " FIRST ", " SYMBOLS
                               ", max_iter: 20, tol: 0}",
                               &f),
                     AS_OK);
    check(&f, discrete_path, 20, discrete_start, discrete_trans);
    assert_close("emissionprob_", fitted_reals(&f, "/params/emissionprob_"), discrete_emission, 6, 1e-9, 1e-12);
    fitted_close(&f);
}

static void test_normal_sequences(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("hmm_diagonal", diagonal_table, "}",
                               "{type: hmm, " NORMAL ", covars_init: [1, 1, 1, 1], max_iter: 10, tol: 0}", &f),
                     AS_OK);
    check(&f, diagonal_path, 10, diagonal_start, diagonal_trans);
    assert_close("means_", fitted_reals(&f, "/params/means_"), diagonal_means, 4, 1e-9, 1e-12);
    assert_close("covars_", fitted_reals(&f, "/params/covars_"), diagonal_covars, 4, 1e-9, 1e-12);
    fitted_close(&f);
    assert_int_equal(fit_table("hmm_full", full_table, "}",
                               "{type: hmm, covariance_type: full, " NORMAL
                               ", covars_init: [1, 0, 0, 1, 1, 0, 0, 1], max_iter: 10, tol: 0}",
                               &f),
                     AS_OK);
    check(&f, full_path, 10, full_start, full_trans);
    assert_close("means_", fitted_reals(&f, "/params/means_"), full_means, 4, 1e-9, 1e-12);
    assert_close("covars_", fitted_reals(&f, "/params/covars_"), full_covars, 8, 1e-9, 1e-12);
    fitted_close(&f);
}

/* exp(-2000) is far below the smallest double. */
static void test_two_thousand_positions_do_not_underflow(void **state)
{
    (void)state;
    as_text text = {0};
    fitted f;
    for (int t = 0; t < 2000; t++) {
        as_text_add(&text, "%st%d", t > 0 ? "," : "", t);
    }
    for (int t = 0; t < 2000; t++) {
        as_text_add(&text, "%s%d", t > 0 ? "," : "\n", (7 * t * t + 3 * t) % 11 % 3);
    }
    as_text_add(&text, "\n");
    assert_int_equal(fit_table("hmm_long", text.data, "}",
                               "{type: hmm, emission: categorical, n_symbols: 3, " FIRST ", " SYMBOLS ", max_iter: 0}",
                               &f),
                     AS_OK);
    assert_array(&f, "/params/log_likelihood_", long_log_p, 1, 1e-12);
    assert_int_equal(*fitted_integers(&f, "/params/n_iter_"), 0);
    fitted_close(&f);
    as_text_free(&text);
}

static void test_a_state_without_visits_keeps_its_parameters(void **state)
{
    (void)state;
    fitted f;
    assert_int_equal(fit_table("hmm_unvisited", "a,b,c\n0,1,0\n1,1,0\n", "}",
                               "{type: hmm, emission: categorical, n_symbols: 2, startprob_init: [1, 0], "
                               "transmat_init: [1, 0, 0.25, 0.75], emissionprob_init: [0.5, 0.5, 0.125, 0.875]}",
                               &f),
                     AS_OK);
    assert_array(&f, "/params/transmat_", (const double[]){1, 0, 0.25, 0.75}, 4, 0);
    assert_array(&f, "/params/emissionprob_", (const double[]){0.5, 0.5, 0.125, 0.875}, 4, 1e-15);
    assert_described(&f, "visited by no sequence", true);
    fitted_close(&f);
}

/* Three well separated levels are found without first parameters, with a column of lengths. */
static void test_states_are_found_from_nothing(void **state)
{
    (void)state;
    as_text text = {0};
    fitted f;
    as_text_add(&text, "n,a,b,c,d,e,f\n");
    for (int i = 0; i < 40; i++) {
        as_text_add(&text, "%d", 3 + i % 4);
        for (int t = 0; t < 6; t++) {
            as_text_add(&text, ",%.3f", t < 3 + i % 4 ? 10 * ((i + t / 2) % 3) + 0.01 * (i * 7 % 13 + t) : 1e6);
        }
        as_text_add(&text, "\n");
    }
    assert_int_equal(fit_table("hmm_levels", text.data, "}", "{type: hmm, n_components: 3, length: n}", &f), AS_OK);
    const double *means = fitted_reals(&f, "/params/means_");
    for (int level = 0; level < 3; level++) {
        int near = 0;
        for (int i = 0; i < 3; i++) {
            near += fabs(means[i] - 10 * level) < 0.2;
        }
        assert_int_equal(near, 1);
    }
    assert_int_equal(*fitted_integers(&f, "/params/converged_"), 1);
    fitted_close(&f);
    as_text_free(&text);
}

static void assert_refused(const char *table, const char *model, as_status code, const char *message)
{
    fitted f;
    assert_int_equal(fit_table("hmm_bad", table, "}", model, &f), code);
    if (strstr(as_error_message(), message) == NULL) {
        fail_msg("message: %s", as_error_message());
    }
}

static void test_bad_input(void **state)
{
    (void)state;
    static const char table[] = "a,b,c\n0,1,0\n1,5,0\n";
    assert_refused(table, "{type: hmm, emission: categorical}", AS_CONFIG, "n_symbols: expected the number");
    assert_refused(table, "{type: hmm, emission: categorical, n_symbols: 2}", AS_DATA,
                   "row 1: expected symbols in 0..1, found 5");
    assert_refused(table, "{type: hmm, features: 2}", AS_CONFIG, "expected rows of a multiple of 2 numbers");
    assert_refused(table, "{type: hmm, length: b}", AS_CONFIG, "expected the first or the last column");
    assert_refused(table, "{type: hmm, length: c, startprob_init: [0.5, 0.6]}", AS_CONFIG, "sum of 1.1");
    assert_refused(table, "{type: hmm, transmat_init: [1]}", AS_CONFIG, "expected 4 numbers, found 1");
    assert_refused("a,b,n\n0,1,7\n", "{type: hmm, length: n}", AS_DATA, "row 0: expected a length in 0..2, found 7");
    assert_refused("a,b\n9,9\n", "{type: hmm, pad: 9}", AS_DATA, "found rows without a position");
    assert_refused("a,b\n0,1\n",
                   "{type: hmm, emission: categorical, n_symbols: 2, emissionprob_init: [1, 0, 1, 0], max_iter: 3}",
                   AS_DATA, "1 of 2 positions have probability 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recursions_against_enumeration),
        cmocka_unit_test(test_impossible_positions),
        cmocka_unit_test(test_discrete_sequences_of_several_lengths),
        cmocka_unit_test(test_normal_sequences),
        cmocka_unit_test(test_two_thousand_positions_do_not_underflow),
        cmocka_unit_test(test_a_state_without_visits_keeps_its_parameters),
        cmocka_unit_test(test_states_are_found_from_nothing),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
