/* Attention, normalisation, embedding and positions inside small networks: loss and gradients are PyTorch's. */
#include "laws/network.h"

#include "reference/attention.h"

/* Both sides are float64 and sum in other orders: differences are some 100 roundings of values of order 1, amplified by
   the curvature of the norms (1 / deviation, at most 30 here): 100 * 30 * 2^-53 = 3e-13. The bound is 1e-10 of the
   largest gradient. */
static void check(const reference_network *expected)
{
    char text[768];
    network net;
    snprintf(text, sizeof text, "model: {layers: [%s], loss: mse}", expected->layers);
    network_open(&net, as_kernels_get(as_isa_detect(), AS_FLOAT64), text);
    if (net.model.nparams != expected->nparams) {
        fail_msg("%s: %lld parameters, expected %lld", text, (long long)net.model.nparams,
                 (long long)expected->nparams);
    }
    memcpy(net.params, expected->params, (size_t)expected->nparams * sizeof(double));
    as_model_pack(&net.model, net.params, 0, net.model.nparams, net.packed);
    memcpy(net.target, expected->target, sizeof net.target);
    for (int r = 0; r < ROWS; r++) {
        net.weight[r] = 1;
        memcpy((double *)net.work.x[0] + r * net.work.ld[0], expected->x + r * IN, IN * sizeof(double));
    }
    network_gradient(&net, ROWS, 1);
    double loss = 0, largest = 0;
    for (int r = 0; r < ROWS; r++) {
        loss += net.work.loss[r];
    }
    if (!(fabs(loss - expected->loss) <= 1e-12 * expected->loss)) {
        fail_msg("%s: loss %.17g, expected %.17g", text, loss, expected->loss);
    }
    for (int64_t i = 0; i < expected->nparams; i++) {
        largest = fmax(largest, fabs(expected->gradient[i]));
    }
    for (int64_t i = 0; i < expected->nparams; i++) {
        const double found = ((const double *)net.gradient[0])[i];
        if (network_trains(&net, i) && !(fabs(found - expected->gradient[i]) <= 1e-10 * largest)) {
            fail_msg("%s: gradient %lld is %.17g, expected %.17g", text, (long long)i, found, expected->gradient[i]);
        }
    }
    network_close(&net);
}

static void test_networks_have_the_loss_and_gradients_of_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reference_networks / sizeof *reference_networks; i++) {
        check(&reference_networks[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_networks_have_the_loss_and_gradients_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
