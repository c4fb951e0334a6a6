/* Options as numbers, and the parts of the machine that a verb asks for. */
#include "cli/context.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"
#include "cli/launch.h"
#include "cli/verb.h"

const char *as_option_get(const as_context *context, const char *name)
{
    const char *value = NULL;
    for (int i = 0; i < context->ngiven; i++) {
        if (strcmp(context->given[i].option->name, name) == 0) {
            value = context->given[i].value;
        }
    }
    return value;
}

int as_option_all(const as_context *context, const char *name, const char *value[AS_OPTION_TIMES])
{
    int n = 0;
    for (int i = 0; i < context->ngiven; i++) {
        if (strcmp(context->given[i].option->name, name) == 0) {
            value[n++] = context->given[i].value;
        }
    }
    return n;
}

as_status as_option_int(const as_context *context, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const char *text = as_option_get(context, name);
    int64_t value;
    if (text == NULL) {
        return AS_OK;
    }
    if (!as_text_to_int(text, &value) || value < min || value > max) {
        AS_FAIL(AS_USAGE, "--%s: expected a whole number from %lld to %lld, found '%s'", name, (long long)min,
                (long long)max, text);
    }
    *out = value;
    return AS_OK;
}

as_status as_option_real(const as_context *context, const char *name, double min, double max, double *out)
{
    const char *text = as_option_get(context, name);
    double value;
    if (text == NULL) {
        return AS_OK;
    }
    if (!as_text_to_real(text, &value) || !(value >= min && value <= max)) {
        char low[32], high[32];
        AS_FAIL(AS_USAGE, "--%s: expected a number from %s to %s, found '%s'", name, as_real_text(min, low),
                as_real_text(max, high), text);
    }
    *out = value;
    return AS_OK;
}

as_status as_context_threads(const as_context *context, int *out)
{
    enum { THREADS_MAX = 1024 };
    int64_t threads = 0;
    AS_TRY(as_option_int(context, "threads", 1, THREADS_MAX, &threads));
    const char *omp = getenv("OMP_NUM_THREADS");
    if (threads == 0 && omp != NULL && omp[0] != '\0') {
        char first[16] = "";
        const size_t n = strcspn(omp, ","); /* "4,2": the outermost level counts */
        if (n < sizeof first) {
            memcpy(first, omp, n);
        }
        if (!as_text_to_int(first, &threads) || threads < 1 || threads > THREADS_MAX) {
            AS_FAIL(AS_USAGE, "OMP_NUM_THREADS: expected a whole number from 1 to %d, found '%s'", THREADS_MAX, omp);
        }
    }
    if (threads == 0) {
        threads = as_launch_cores() / (context->launch.bound ? 1 : context->launch.local_size);
    }
    *out = threads < 1 ? 1 : (int)threads;
    return AS_OK;
}

as_status as_context_isa(const as_context *context, as_isa *out)
{
    const as_status status = as_isa_choose(getenv("ALLSUM_ISA"), out);
    if (status != AS_OK) {
        return as_error_prefix(status, "ALLSUM_ISA");
    }
    if (!as_isa_fuses(*out)) {
        as_log_line(&context->log, AS_LOG_WARN,
                    "portable kernels%s: the same bits, many times slower than with fused multiply-add instructions",
                    as_isa_detect() == AS_PORTABLE ? " (this CPU has no AVX2 with FMA)" : " (ALLSUM_ISA)");
    }
    return AS_OK;
}
