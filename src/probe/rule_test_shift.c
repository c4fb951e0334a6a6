/* TEST_SHIFT: rows of data.test that are not drawn from where training rows are: other units, another order of columns,
   another time or place. A mean that is off by over 2 standard deviations leaves 98 % of training rows on one side;
   6 standard errors (Welch) keep columns that are rarely anything but 0 from looking so. Cost: a pass over both
   samples.
 */
#include <math.h>
#include <stddef.h>

#include "math/moments.h"
#include "probe/rule.h"

static const double away_limit = 2, errors_limit = 6, size_limit = 3;
enum { ROWS_LEAST = 20 };

typedef struct moments {
    double n, mean, sd;
} moments;

static moments describe(const as_sample *s, int64_t column)
{
    moments m = {0};
    double squares = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        const double x = s->x[r * s->width + column];
        if (isfinite(x)) {
            as_moments_add(&m.n, &m.mean, &squares, 1, 1, &x);
        }
    }
    m.sd = m.n > 1 ? sqrt(squares / m.n) : 0;
    return m;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_sample *train = &c->train, *test = &c->test;
    int64_t at = -1, larger = 0, smaller = 0, varying = 0;
    double most = 0;
    moments a = {0}, b = {0};
    if (test->rows == 0) {
        return AS_CLEAR;
    }
    if (c->columns.column == NULL || c->numbers_of_rows || test->rows < ROWS_LEAST || test->width != train->width) {
        return as_not_judged(f, "no data.test of columns of numbers, or fewer than %d rows", ROWS_LEAST);
    }
    for (int64_t j = 0; j < train->width; j++) {
        const moments x = describe(train, j), y = describe(test, j);
        const double d = fabs(y.mean - x.mean), away = d / x.sd;
        varying += x.sd > 0 ? 1 : 0;
        larger += x.sd > 0 && y.sd > size_limit * x.sd ? 1 : 0;
        smaller += x.sd > 0 && size_limit * y.sd < x.sd ? 1 : 0;
        if (x.sd > 0 && away > most && d > errors_limit * sqrt(x.sd * x.sd / x.n + y.sd * y.sd / y.n)) {
            most = away;
            at = j;
            a = x;
            b = y;
        }
    }
    const double resized = varying > 0 ? (double)(larger > smaller ? larger : smaller) / (double)varying : 0;
    as_json_real(&f->evidence, "away", most);
    as_json_real(&f->evidence, "limit", away_limit);
    as_json_real(&f->evidence, "resized", resized);
    if (!(most > away_limit) && !(resized > 0.5)) {
        return AS_CLEAR;
    }
    /* a model that holds for its own rows alone, and is worse on those than a constant */
    const bool judged = c->trained && c->validation_share <= 0 && c->held_out.rows > 0 && c->chance > 0;
    const bool harms = judged && c->held_out.loss > c->chance && c->now.loss < c->held_out.loss / 2;
    const as_severity severity = harms ? AS_FAULT : judged ? AS_INFO : AS_WARN;
    as_advice(f, "bring data.test to the units and the columns of data.train: same file layout, same preparation");
    if (most > away_limit) {
        char name[AS_COLUMN_NAME_MAX];
        as_json_int(&f->evidence, "column", at);
        return as_found(f, severity,
                        "rows of data.test lie elsewhere: %s has a mean of %.4g there and of %.4g in training rows, as "
                        "the model sees them: %.3g of their standard deviations away (limit %.0f)",
                        as_columns_name(&c->columns, at, name), b.mean, fabs(a.mean) < 1e-9 * a.sd ? 0 : a.mean, most,
                        away_limit);
    }
    return as_found(f, severity,
                    "rows of data.test have another size: in %.0f %% of the columns the standard deviation is over "
                    "%.0f times %s than in training rows (limit half of the columns)",
                    100 * resized, size_limit, larger > smaller ? "larger" : "smaller");
}

static const char *const explains[] = {"OVERFIT", "CLASS_IMBALANCE", NULL};

const as_rule as_rule_test_shift = {
    .code = "TEST_SHIFT",
    .help = "a column of data.test whose mean is over 2 standard deviations of training rows away, and 6 standard "
            "errors; or over half of the columns with a standard deviation 3 times larger or smaller",
    .source = "a model holds for rows like those that it has seen; Welch's test of two means",
    .evidence = "means and spreads of up to 4096 rows of data.train and of data.test, as the model sees them",
    .cure = "the same units, columns and preparation in data.test",
    .explains = explains,
    .judge = judge,
};
