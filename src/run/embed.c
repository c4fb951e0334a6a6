/* The public interface (allsum/run.h) on top of runs and model files. */
#include <stdio.h>
#include <stdlib.h>

#include "allsum/allsum.h"
#include "base/error.h"
#include "run/model_file.h"
#include "run/run.h"

enum { PREDICT_ROWS = 1024 };

static void pass_line(void *context, as_log_level level, const char *line)
{
    const as_job *job = context;
    job->log(job->log_context, (int)level, line);
}

static as_status train_config(const as_job *job, as_world *world, const as_config *config)
{
    char dir[512];
    snprintf(dir, sizeof dir, "runs/%.500s", config->name);
    const as_log log = {.write = job->log != NULL ? pass_line : NULL, .context = (void *)(uintptr_t)job};
    as_run_options options = {
        .config = config,
        .world = world,
        .threads = job->threads > 0 ? job->threads : 1,
        .dir = job->dir != NULL ? job->dir : dir,
        .max_steps = job->max_steps,
        .max_seconds = job->max_seconds,
        .version = ALLSUM_VERSION,
        .log = &log,
    };
    AS_TRY(as_world_agree(world, as_isa_choose(job->isa, &options.isa)));
    as_run_result result;
    const as_status status = as_run_train(&options, &result);
    as_text_free(&result.test);
    as_text_free(&result.validation);
    return status;
}

as_status as_train(const as_job *job)
{
    as_world *world = NULL;
    as_config config = {0};
    AS_TRY(as_world_open(&(as_world_options){.launched = job->mpi}, &world));
    as_status status = as_config_load(job->nfiles, job->files, job->nsets, job->sets, &config);
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = train_config(job, world, &config);
    }
    as_config_destroy(&config);
    as_world_close(&world);
    return status;
}

struct as_predictor {
    as_world *world;
    as_model_file model;
    int64_t row[PREDICT_ROWS], id[PREDICT_ROWS];
    double weight[PREDICT_ROWS];
};

as_status as_predictor_open(const char *path, int threads, as_predictor **out)
{
    *out = calloc(1, sizeof **out);
    as_predictor *p = *out;
    if (p == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a predictor");
    }
    for (int i = 0; i < PREDICT_ROWS; i++) {
        p->row[i] = i;
    }
    as_isa isa = AS_PORTABLE;
    const as_log silence = {0};
    as_status status = as_isa_choose(NULL, &isa);
    if (status == AS_OK) {
        status = as_world_open(&(as_world_options){0}, &p->world);
    }
    if (status == AS_OK) {
        status = as_model_file_open(p->world, threads, isa, path, 0, NULL, &silence, &p->model);
    }
    if (status != AS_OK) {
        as_predictor_close(out);
    }
    return status;
}

void as_predictor_close(as_predictor **predictor)
{
    as_predictor *p = *predictor;
    if (p == NULL) {
        return;
    }
    if (p->model.world != NULL) {
        as_model_file_close(&p->model);
    }
    if (p->world != NULL) {
        as_world_close(&p->world);
    }
    free(p);
    *predictor = NULL;
}

int64_t as_predictor_inputs(const as_predictor *predictor)
{
    return predictor->model.facts.width;
}

int64_t as_predictor_outputs(const as_predictor *predictor)
{
    return predictor->model.estimator->ops->outputs(predictor->model.estimator);
}

as_status as_predictor_run(as_predictor *predictor, int64_t rows, const double *x, double *y)
{
    const as_model_file *model = &predictor->model;
    as_dataset data = model->facts;
    data.type = AS_F64;
    data.stride = data.width;
    for (int64_t first = 0; first < rows; first += PREDICT_ROWS) {
        data.x = (void *)(uintptr_t)(x + first * data.width);
        const as_batch batch = {.data = &data,
                                .rows = rows - first < PREDICT_ROWS ? rows - first : PREDICT_ROWS,
                                .row = predictor->row,
                                .at = predictor->row,
                                .id = predictor->id,
                                .weight = predictor->weight};
        AS_TRY(model->estimator->ops->predict(model->estimator, &batch, y + first * as_predictor_outputs(predictor)));
    }
    return AS_OK;
}
