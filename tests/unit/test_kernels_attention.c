/* Attention in tiles equals its definition bit for bit: any length, width, grouping and mask, whole or head by head, on
   every variant; the definition itself has the gradients of its differences. */
#include "unit/kernel_cases.h"

#include "kernels/attention.h"

enum { ARRAYS = 9, Q = 0, K_, V_, O, D_O, DQ, DK, DV, LSE };

typedef struct attention_case {
    as_attention a;
    double hidden; /* share of keys that the mask hides; < 0: no mask */
} attention_case;

/* queries, keys, heads, kv_heads, width; row strides leave gaps of `gap` reals. */
static attention_case make_case(int64_t n, int64_t m, int64_t heads, int64_t kv, int64_t width, bool causal,
                                int64_t gap, double hidden)
{
    return (attention_case){.a = {.queries = n,
                                  .keys = m,
                                  .heads = heads,
                                  .kv_heads = kv,
                                  .width = width,
                                  .ldq = heads * width + gap,
                                  .ldk = kv * width + 2 * gap,
                                  .ldv = kv * width + 3 * gap,
                                  .ldo = heads * width + gap,
                                  .ldl = heads + gap,
                                  .scale = 1 / sqrt((double)(width > 0 ? width : 1)),
                                  .causal = causal},
                            .hidden = hidden};
}

static void sizes_of(const as_attention *a, int64_t size[ARRAYS])
{
    size[Q] = size[DQ] = a->queries * a->ldq;
    size[K_] = size[DK] = a->keys * a->ldk;
    size[V_] = size[DV] = a->keys * a->ldv;
    size[O] = size[D_O] = a->queries * a->ldo;
    size[LSE] = a->ldl * a->queries;
}

static as_attention_arrays arrays_of(const as_attention *a, void *const x[ARRAYS], const uint8_t *mask, void *work)
{
    return (as_attention_arrays){.q = x[Q],
                                 .k = x[K_],
                                 .v = x[V_],
                                 .mask = mask,
                                 .o = x[O],
                                 .lse = x[LSE],
                                 .d_o = x[D_O],
                                 .dq = x[DQ],
                                 .dk = x[DK],
                                 .dv = x[DV],
                                 .work = work,
                                 .count = a->kv_heads};
}

static uint8_t *new_mask(const attention_case *c)
{
    if (c->hidden < 0) {
        return NULL;
    }
    uint8_t *const mask = calloc((size_t)c->a.keys + 1, 1);
    assert_non_null(mask);
    for (int64_t j = 0; j < c->a.keys; j++) {
        mask[j] = value_at(77, j) + 0.5 >= c->hidden;
    }
    return mask;
}

/* The arrays of a case; q, k sharpened by `gain` so that weights range from 1 to underflow. */
static void new_arrays(const as_kernels *kernels, const as_attention *a, double gain, void *x[ARRAYS])
{
    int64_t size[ARRAYS];
    sizes_of(a, size);
    for (int i = 0; i < ARRAYS; i++) {
        x[i] = i == Q || i == K_ || i == V_ || i == D_O ? random_reals(kernels, size[i], (uint64_t)i + 11)
                                                        : new_reals(kernels, size[i]);
    }
    for (int64_t e = 0; e < size[Q]; e++) {
        set_real(kernels, x[Q], e, gain * get_real(kernels, x[Q], e));
    }
}

static void free_arrays(const as_kernels *kernels, const as_attention *a, void *x[ARRAYS])
{
    int64_t size[ARRAYS];
    sizes_of(a, size);
    for (int i = 0; i < ARRAYS; i++) {
        free_reals(kernels, x[i], size[i]);
    }
}

static void check_case(const as_kernels *kernels, const attention_case *c, double gain, bool by_head)
{
    const as_attention *const a = &c->a;
    const as_attention_kernels *const A = kernels->attention;
    const int64_t reals = A->work(a, true) > A->work(a, false) ? A->work(a, true) : A->work(a, false);
    void *fast[ARRAYS],
        *plain[ARRAYS], *const work = new_reals(kernels, reals), *const row = new_reals(kernels, a->keys);
    int64_t size[ARRAYS];
    sizes_of(a, size);
    new_arrays(kernels, a, gain, fast);
    new_arrays(kernels, a, gain, plain);
    memset(work, 0xFF, (size_t)reals * kernels->real_bytes); /* scratch holds NaN: nothing may be read unwritten */
    uint8_t *const mask = new_mask(c);
    as_attention_arrays x = arrays_of(a, fast, mask, work), y = arrays_of(a, plain, mask, row);
    for (int k = 0; k < 3 && by_head; k++) { /* and in place: rows of the gradients compare below */
        for (int64_t e = 0; e < size[Q + k]; e++) {
            set_real(kernels, fast[DQ + k], e, get_real(kernels, fast[Q + k], e));
        }
    }
    if (by_head) {
        x.q = x.dq, x.k = x.dk, x.v = x.dv;
    }
    for (int64_t g = 0; g < (by_head ? a->kv_heads : 1); g++) {
        if (by_head) {
            x.first = a->kv_heads - 1 - g;
            x.count = 1;
        }
        A->forward(a, &x);
        memset(work, 0xFF, (size_t)reals * kernels->real_bytes);
        A->backward(a, &x);
    }
    A->forward_plain(a, &y);
    A->backward_plain(a, &y);
    static const char *const name[ARRAYS] = {"q", "k", "v", "o", "do", "dq", "dk", "dv", "lse"};
    for (int i = 0; i < ARRAYS; i++) {
        char what[128];
        snprintf(what, sizeof what, "%s of %lld x %lld, %lld/%lld heads of %lld%s", name[i], (long long)a->queries,
                 (long long)a->keys, (long long)a->heads, (long long)a->kv_heads, (long long)a->width,
                 a->causal ? ", causal" : "");
        const int64_t ld[] = {a->ldq, a->ldk, a->ldv}, wide[] = {a->heads, a->kv_heads, a->kv_heads};
        const bool in_place = by_head && i >= DQ && i <= DV; /* then gaps between rows hold what q, k, v had there */
        for (int64_t e = 0; in_place && e < size[i]; e += ld[i - DQ]) {
            assert_same_reals(kernels, at(kernels, fast[i], e), at(kernels, plain[i], e), wide[i - DQ] * a->width,
                              what);
        }
        assert_same_reals(kernels, fast[i], plain[i], in_place ? 0 : size[i], what);
    }
    free(mask);
    free_arrays(kernels, a, fast), free_arrays(kernels, a, plain);
    free_reals(kernels, work, reals), free_reals(kernels, row, a->keys);
}

static void cases(const as_kernels *kernels)
{
    const attention_case list[] = {
        make_case(0, 0, 1, 1, 4, false, 0, -1),    make_case(1, 1, 1, 1, 1, true, 0, -1),
        make_case(3, 0, 2, 1, 5, false, 1, -1),    make_case(13, 13, 2, 2, 16, true, 0, -1),
        make_case(17, 29, 2, 1, 7, false, 1, 0.3), make_case(31, 31, 4, 2, 8, true, 3, 0.3),
        make_case(1, 37, 2, 2, 33, true, 0, -1),   make_case(14, 70, 3, 1, 17, true, 2, 0.2),
        make_case(61, 61, 1, 1, 32, true, 0, -1),  make_case(7, 300, 1, 1, 3, false, 0, 0.9),
        make_case(20, 20, 2, 2, 4, true, 0, 1.0),  make_case(5, 5, 1, 1, 0, false, 0, -1),
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        check_case(kernels, &list[i], 1, false);
        check_case(kernels, &list[i], 400, true);
    }
    if (strcmp(kernels->isa, "portable") != 0) { /* several blocks of keys and of queries */
        const attention_case longer = make_case(523, 523, 1, 1, 16, true, 0, 0.1);
        check_case(kernels, &longer, 8, false);
    }
}

static void test_attention_equals_its_definition(void **state)
{
    (void)state;
    for_each_variant(cases);
}

/* All variants of a precision: one result, through forward and backward. */
static void test_attention_is_the_same_on_all_instruction_sets(void **state)
{
    (void)state;
    const attention_case c = make_case(45, 67, 2, 1, 19, true, 0, 0.2);
    for (int precision = 32; precision <= 64; precision += 32) {
        void *x[AS_PORTABLE + 1][ARRAYS];
        const as_isa best = as_isa_detect();
        uint8_t *const mask = new_mask(&c);
        for (as_isa isa = best; isa <= AS_PORTABLE; isa++) {
            const as_kernels *const kernels = as_kernels_get(isa, (as_precision)precision);
            new_arrays(kernels, &c.a, 20, x[isa]);
            void *const work =
                new_reals(kernels, kernels->attention->work(&c.a, true) + kernels->attention->work(&c.a, false));
            const as_attention_arrays y = arrays_of(&c.a, x[isa], mask, work);
            kernels->attention->forward(&c.a, &y);
            kernels->attention->backward(&c.a, &y);
            free(work);
            int64_t size[ARRAYS];
            sizes_of(&c.a, size);
            for (int i = 0; i < ARRAYS; i++) {
                assert_same_reals(kernels, x[isa][i], x[best][i], size[i], "attention");
            }
        }
        free(mask);
        for (as_isa isa = best; isa <= AS_PORTABLE; isa++) {
            free_arrays(as_kernels_get(isa, (as_precision)precision), &c.a, x[isa]);
        }
    }
}

/* loss = sum of c * o, whose gradients come from the plain backward pass with do = c. */
static double plain_loss(const as_kernels *kernels, const as_attention *a, const as_attention_arrays *y)
{
    double loss = 0;
    kernels->attention->forward_plain(a, y);
    for (int64_t e = 0; e < a->queries * a->ldo; e++) {
        loss += get_real(kernels, y->o, e) * get_real(kernels, y->d_o, e);
    }
    return loss;
}

/* Central differences of fourth order with h = 1e-3: method h^4 f5 / 30, about 1e-13 of f5 of order 1; rounding
   eps / h, about 1e-12 for a loss of order 10. The bound 1e-9 leaves room for both. */
static void test_definition_has_the_gradients_of_its_differences(void **state)
{
    (void)state;
    const as_kernels *const kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    const attention_case c = make_case(5, 7, 4, 2, 3, true, 0, 0.2);
    const as_attention *const a = &c.a;
    void *x[ARRAYS], *const row = new_reals(kernels, a->keys);
    int64_t size[ARRAYS];
    sizes_of(a, size);
    new_arrays(kernels, a, 4, x);
    uint8_t *const mask = new_mask(&c);
    const as_attention_arrays y = arrays_of(a, x, mask, row);
    plain_loss(kernels, a, &y);
    kernels->attention->backward_plain(a, &y);
    const double h = 1e-3;
    for (int i = Q; i <= V_; i++) {
        for (int64_t e = 0; e < size[i]; e++) {
            double *const w = (double *)x[i] + e;
            const double w0 = *w, found = ((const double *)x[DQ + i])[e];
            double loss[4];
            for (int k = 0; k < 4; k++) {
                *w = w0 + h * (double)(k < 2 ? k - 2 : k - 1);
                loss[k] = plain_loss(kernels, a, &y);
            }
            *w = w0;
            assert_true(fabs((loss[0] - 8 * loss[1] + 8 * loss[2] - loss[3]) / (12 * h) - found) <= 1e-9);
        }
    }
    free(mask);
    free_arrays(kernels, a, x);
    free_reals(kernels, row, a->keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition_has_the_gradients_of_its_differences),
        cmocka_unit_test(test_attention_equals_its_definition),
        cmocka_unit_test(test_attention_is_the_same_on_all_instruction_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
