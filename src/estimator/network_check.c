/* What a network's layers ask of the numbers in the data, before training: tokens that an embedding has rows for. A
   text says how many tokens it has (as_model_parse); of other data every number is looked at once. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/network.h"

/* The embedding that reads the data with the fewest rows; NULL: none. */
static const as_layer *find_embedding(const as_model *model)
{
    const as_layer *found = NULL;
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        if (strcmp(layer->ops->name, "embedding") == 0 && layer->from[0] == 0 &&
            (found == NULL || layer->param[0].shape.dim[0] < found->param[0].shape.dim[0])) {
            found = layer;
        }
    }
    return found;
}

/* The first number of the own rows that is no row of the table. */
static as_status check_rows(const as_network *network, const as_layer *layer, const as_dataset *data, double *row,
                            void *work)
{
    const as_kernels *k = network->setup.kernels;
    const int64_t vocabulary = layer->param[0].shape.dim[0];
    for (int64_t r = 0; r < data->local_rows; r++) {
        const int64_t at = data->start != NULL ? data->start[r] : r;
        k->gather(1, data->width, data->x, data->type, data->stride, &at, NULL, NULL, work, data->width);
        k->to_double(data->width, work, row);
        for (int64_t j = 0; j < data->width; j++) {
            if (!(row[j] >= 0 && row[j] < (double)vocabulary) || row[j] - (double)(int64_t)row[j] != 0) {
                AS_FAIL(AS_DATA,
                        "%s: sample %lld: element %lld is %g, but layer %s (embedding) has rows for whole numbers from "
                        "0 to %lld",
                        data->place, (long long)data->id[r], (long long)j, row[j], layer->name,
                        (long long)(vocabulary - 1));
            }
        }
    }
    return AS_OK;
}

as_status network_check_data(const as_estimator *estimator, const as_dataset *data)
{
    const as_network *network = (const as_network *)estimator;
    const as_layer *layer = find_embedding(&network->model);
    const as_normalization *norm = network->setup.normalization;
    if (layer == NULL || data->x == NULL) {
        return AS_OK;
    }
    if (norm != NULL && !norm->identity) {
        AS_FAIL(AS_CONFIG, "%s: layer %s (embedding) reads whole numbers: expected data.normalize: none",
                as_node_place(layer->node), layer->name);
    }
    if (data->vocabulary > 0) {
        return AS_OK;
    }
    double *row = malloc((size_t)data->width * sizeof *row);
    void *work = malloc((size_t)data->width * network->setup.kernels->real_bytes);
    as_status status =
        row == NULL || work == NULL
            ? as_error_set(AS_NOMEM, "out of memory for a sample of %lld elements", (long long)data->width)
            : check_rows(network, layer, data, row, work);
    free(row);
    free(work);
    return status;
}
