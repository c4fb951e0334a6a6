/* Confusion matrix and what follows from it: precision, recall, F1 and support
   (weight of the samples) of each class, and the mean of F1 over all
   classes (a class that is neither present nor predicted counts 0, as scikit-learn with labels = all classes and
   zero_division = 0). The answer is the largest output; with one output (bce) it is class 1 for z > 0.
   A row with NaN answers nothing. State: for each class the weights (right, labelled, answered); up to 32 classes then
   the matrix (classes, classes), row = label, column = answer. */
#include "kernels/real.h"
#include "nn/metric.h"
#include "nn/metric_read.h"

enum { RIGHT, LABELLED, ANSWERED, COUNTS };
enum { MATRIX_MAX = 32 };

static int64_t size(int64_t outputs, int64_t classes, int64_t targets)
{
    (void)outputs;
    (void)targets;
    return classes * COUNTS + (classes <= MATRIX_MAX ? classes * classes : 0);
}

static void rows(const as_metric_pass *pass, int64_t classes, double *state)
{
    const real *z = pass->z;
    for (int64_t i = 0; i < pass->rows; i++, z += pass->ldz) {
        const int64_t answer = pass->outputs == 1 ? as_metric_answer(z[0]) : as_metric_argmax(z, pass->outputs);
        const int64_t label = pass->label[i];
        const double weight = pass->weight[i];
        state[label * COUNTS + LABELLED] += weight;
        if (answer >= 0) {
            state[label * COUNTS + RIGHT] += answer == label ? weight : 0.0;
            state[answer * COUNTS + ANSWERED] += weight;
            if (classes <= MATRIX_MAX) {
                state[classes * COUNTS + label * classes + answer] += weight;
            }
        }
    }
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0.0;
}

static double f1(const double *count)
{
    return share(2.0 * count[RIGHT], count[LABELLED] + count[ANSWERED]);
}

static void finish(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    char key[AS_METRIC_KEY];
    static const char *const names[] = {"precision", "recall", "f1", "support"};
    const int64_t classes = facts->classes;
    double sum = 0.0;
    for (int64_t c = 0; c < classes; c++) {
        sum += f1(state + c * COUNTS);
    }
    as_json_real(text, as_metric_key(facts, "macro_f1", key), sum / (double)classes);
    for (int which = 0; which < 4; which++) {
        as_json_open(text, as_metric_key(facts, names[which], key), '[');
        for (int64_t c = 0; c < classes; c++) {
            const double *count = state + c * COUNTS;
            as_json_real(text, NULL,
                         which == 3   ? count[LABELLED]
                         : which == 2 ? f1(count)
                                      : share(count[RIGHT], count[which == 0 ? ANSWERED : LABELLED]));
        }
        as_json_close(text, ']');
    }
    if (classes > MATRIX_MAX) {
        return;
    }
    as_json_open(text, as_metric_key(facts, "confusion", key), '[');
    for (int64_t i = 0; i < classes; i++) {
        as_json_open(text, NULL, '[');
        for (int64_t j = 0; j < classes; j++) {
            as_json_real(text, NULL, state[classes * COUNTS + i * classes + j]);
        }
        as_json_close(text, ']');
    }
    as_json_close(text, ']');
}

const as_metric_ops AS_V(as_metric_confusion) = {
    .name = "confusion",
    .help =
        "Confusion matrix (rows: labels), precision, recall, F1 and support of each class, mean F1 over the classes.",
    .formula = "F1 = 2 right / (labelled + answered)",
    .target = AS_TARGET_LABELS,
    .size = size,
    .rows = rows,
    .finish = finish,
};
