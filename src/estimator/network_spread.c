/* Gradients of lanes against each other, and of the halves of each: what noise and exchangeability are judged by. All
   differences are taken element by element from the mean, in double, so that nothing cancels. */
#include "base/error.h"
#include "estimator/network_gradients.h"

enum { BETWEEN, WITHIN, ALONG, SUMS = NETWORK_SPREAD_SUMS };

/* Sums over one tensor of a lane: of (g_l - g)^2, of (g' - g'')^2 and of (g_l - g) g. */
typedef struct spread_job {
    const as_gradients *g;
    void *const *half;
    int64_t first, count;     /* of the tensor */
    double inverse, one, two; /* 1 / b, 1 / b', 1 / b''; 0 for none */
} spread_job;

enum { LANES = 16 };

/* Halves onto halves. */
static double fold(double sum[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            sum[k] += sum[k + half];
        }
    }
    return sum[0];
}

static void spread_body(void *argument, int thread)
{
    const spread_job *job = argument;
    const as_gradients *g = job->g;
    double a[AS_BLOCK], b[AS_BLOCK];
    int64_t first, count;
    as_team_share(job->count, AS_BLOCK, thread, as_team_size(g->network->setup.team), &first, &count);
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        const int64_t n = first + count - i < AS_BLOCK ? first + count - i : AS_BLOCK;
        const double *mean = g->mean + job->first + i;
        double between[LANES] = {0}, within[LANES] = {0}, along[LANES] = {0};
        g->kernels->to_double(n, network_gradients_at(g, job->half[0], job->first + i), a);
        g->kernels->to_double(n, network_gradients_at(g, job->half[1], job->first + i), b);
        for (int64_t j = 0; j < n; j++) {
            const double d = job->inverse * (a[j] + b[j]) - mean[j], e = job->one * a[j] - job->two * b[j];
            between[j % LANES] += d * d;
            within[j % LANES] += e * e;
            along[j % LANES] += d * mean[j];
        }
        g->block[BETWEEN][i / AS_BLOCK] = fold(between);
        g->block[WITHIN][i / AS_BLOCK] = fold(within);
        g->block[ALONG][i / AS_BLOCK] = fold(along);
    }
}

/* A row of the table: b', b'', and the sums of each layer. */
static void spread_lane(as_gradients *g, int lane, double *row)
{
    const as_model *model = &g->model;
    void *const *half = network_halves(g, lane);
    if (g->kept == NULL) {
        network_gradients_lane(g, &g->task, lane, half);
    }
    const double one = g->half_weight[lane * HALVES], two = g->half_weight[lane * HALVES + 1], all = one + two;
    spread_job job = {.g = g,
                      .half = half,
                      .inverse = all > 0 ? 1 / all : 0,
                      .one = one > 0 ? 1 / one : 0,
                      .two = two > 0 ? 1 / two : 0};
    row[0] = one;
    row[1] = two;
    for (int i = 0; i < model->nlayers; i++) {
        double sum[SUMS] = {0};
        for (int q = 0; q < model->layer[i].nparams; q++) {
            if (!as_gradients_trains(model, i, q)) {
                continue;
            }
            job.first = model->layer[i].param[q].offset;
            job.count = model->layer[i].param[q].count;
            as_team_run(g->network->setup.team, spread_body, &job);
            for (int k = 0; k < SUMS; k++) {
                sum[k] += as_block_sum(g->block[k], (job.count + AS_BLOCK - 1) / AS_BLOCK);
            }
        }
        double *out = row + HALVES + SUMS * i;
        out[BETWEEN] = all > 0 ? all * sum[BETWEEN] : 0;
        out[WITHIN] = one > 0 && two > 0 ? one * two / all * sum[WITHIN] : 0;
        out[ALONG] = all > 0 ? sum[ALONG] : 0;
    }
}

/* A lane's row of the table into its column of the result. */
static void put_lane(as_gradients *g, const double *row, int lane)
{
    const as_model *model = &g->model;
    as_gradients_spread_result *out = &g->spread;
    double *const matrix[SUMS] = {[BETWEEN] = out->between, [WITHIN] = out->within, [ALONG] = out->along};
    out->weight[lane] = row[0] + row[1];
    out->halves[lane] = row[0] > 0 && row[1] > 0 ? 1 : 0;
    for (int k = 0; k < SUMS; k++) {
        double all = 0, free_rows = 0;
        for (int i = 0; i < model->nlayers; i++) {
            const double value = row[HALVES + SUMS * i + k];
            matrix[k][i * out->lanes + lane] = value;
            all += value;
            free_rows += model->layer[i].scope == AS_SCOPE_ROW ? value : 0;
        }
        matrix[k][model->nlayers * out->lanes + lane] = all;
        matrix[k][(model->nlayers + 1) * out->lanes + lane] = free_rows;
    }
}

as_status as_gradients_spread(as_gradients *g, as_gradients_spread_result *out)
{
    const as_lanes *lanes = g->network->setup.lanes;
    as_world *world = g->network->setup.world;
    const int size = as_world_size(world);
    const size_t width = (size_t)(HALVES + SUMS * g->model.nlayers);
    int first, most;
    as_tree_share(lanes->lanes, size, 0, &first, &most);
    for (int l = 0; l < lanes->count; l++) {
        spread_lane(g, l, g->table + (size_t)l * width);
    }
    AS_TRY(as_world_all_gather(world, g->table, (size_t)most * width * sizeof(double), g->all));
    for (int rank = 0; rank < size; rank++) {
        int begin, count;
        as_tree_share(lanes->lanes, size, rank, &begin, &count);
        for (int l = 0; l < count; l++) {
            put_lane(g, g->all + ((size_t)rank * (size_t)most + (size_t)l) * width, begin + l);
        }
    }
    *out = g->spread;
    return AS_OK;
}

typedef struct dot_job {
    as_team *team;
    int64_t count;
    const double *a, *b;
    double *block;
} dot_job;

static void dot_body(void *argument, int thread)
{
    const dot_job *job = argument;
    int64_t first, count;
    as_team_share(job->count, AS_BLOCK, thread, as_team_size(job->team), &first, &count);
    for (int64_t i = first; i < first + count; i += AS_BLOCK) {
        const int64_t n = first + count - i < AS_BLOCK ? first + count - i : AS_BLOCK;
        double sum[LANES] = {0};
        for (int64_t j = 0; j < n; j++) {
            sum[j % LANES] += job->a[i + j] * job->b[i + j];
        }
        job->block[i / AS_BLOCK] = fold(sum);
    }
}

double as_gradients_dot(as_team *team, int64_t count, const double *a, const double *b, double *work)
{
    dot_job job = {.team = team, .count = count, .a = a, .b = b, .block = work};
    as_team_run(team, dot_body, &job);
    return as_block_sum(work, (count + AS_BLOCK - 1) / AS_BLOCK);
}
