/* Writing arrays under their names and axes in files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/tensors.h"
#include "run/weights_layout.h"

bool as_weights_split(const char *name, const char *group, char layer[AS_WEIGHTS_NAME], const char **param)
{
    const size_t skip = strlen(group);
    const char *slash = strncmp(name, group, skip) == 0 ? strrchr(name + skip, '/') : NULL;
    if (slash == NULL) {
        return false;
    }
    snprintf(layer, AS_WEIGHTS_NAME, "%.*s", (int)(slash - name - (ptrdiff_t)skip), name + skip);
    *param = slash + 1;
    return true;
}

as_shape as_weights_shape(const as_state_item *item, as_weights_layout layout)
{
    as_shape shape = item->shape;
    for (int a = 0; a < shape.rank && layout == AS_WEIGHTS_TORCH && item->torch_axes != NULL; a++) {
        shape.dim[a] = item->shape.dim[item->torch_axes[a] - '0'];
    }
    return shape;
}

void as_weights_turn(const as_state_item *item, as_weights_layout layout, bool to_ours, const double *from, double *to)
{
    const as_shape *shape = &item->shape;
    const int64_t n = as_shape_size(shape);
    if (layout != AS_WEIGHTS_TORCH || item->torch_axes == NULL) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    int64_t stride[AS_SHAPE_MAX], at[AS_SHAPE_MAX] = {0}; /* of our axes in their array; position in ours */
    int64_t step = 1;
    for (int a = shape->rank - 1; a >= 0; a--) {
        stride[item->torch_axes[a] - '0'] = step;
        step *= shape->dim[item->torch_axes[a] - '0'];
    }
    int64_t other = 0;
    for (int64_t i = 0; i < n; i++) {
        if (to_ours) {
            to[i] = from[other];
        } else {
            to[other] = from[i];
        }
        for (int a = shape->rank - 1; a >= 0; a--) {
            other += stride[a];
            if (++at[a] < shape->dim[a]) {
                break;
            }
            other -= stride[a] * shape->dim[a];
            at[a] = 0;
        }
    }
}

void as_weights_put(as_dtype type, void *to, int64_t i, double value)
{
    if (type == AS_F64) {
        ((double *)to)[i] = value;
    } else {
        ((float *)to)[i] = (float)value;
    }
}

/* One array on its way out, with memory of its own. */
static as_status prepare(const as_state_item *item, const char *layer, const char *param, as_weights_layout layout,
                         as_tensor *out, char name[AS_WEIGHTS_NAME])
{
    const int64_t n = as_shape_size(&item->shape);
    const as_shape shape = as_weights_shape(item, layout);
    const bool torch = layout == AS_WEIGHTS_TORCH && item->torch_name != NULL;
    double *value = malloc((size_t)n * sizeof *value + 1), *turned = malloc((size_t)n * sizeof *turned + 1);
    void *data = malloc((size_t)n * as_dtype_bytes(item->type) + 1);
    if (value == NULL || turned == NULL || data == NULL) {
        free(value);
        free(turned);
        free(data);
        AS_FAIL(AS_NOMEM, "out of memory for %s", item->name);
    }
    /* One process holds the whole vector: data points at its beginning. */
    const int64_t first = item->sliced ? item->flat_first : 0;
    as_dtype_to_double(item->type, n, (const char *)item->data + (size_t)first * as_dtype_bytes(item->type), value);
    as_weights_turn(item, layout, false, value, turned);
    for (int64_t i = 0; i < n; i++) {
        as_weights_put(item->type, data, i, turned[i]);
    }
    free(value);
    free(turned);
    snprintf(name, AS_WEIGHTS_NAME, "%.150s.%.100s", layer, torch ? item->torch_name : param);
    *out = (as_tensor){.name = name, .type = item->type, .rank = shape.rank, .data = data};
    memcpy(out->dim, shape.dim, (size_t)shape.rank * sizeof out->dim[0]);
    return AS_OK;
}

as_status as_weights_save(const char *path, as_arrays_writer *write, as_weights_layout layout, as_estimator *estimator)
{
    int n = 0, count = 0;
    as_state_item *items;
    const char *group = "/params/";
    AS_TRY(estimator->ops->state(estimator, &n, &items));
    as_tensor *tensor = calloc((size_t)n + 1, sizeof *tensor);
    char(*name)[AS_WEIGHTS_NAME] = calloc((size_t)n + 1, sizeof *name);
    as_status status =
        tensor == NULL || name == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for %d arrays", path, n) : AS_OK;
    for (int i = 0; i < n; i++) {
        group = strncmp(items[i].name, "/ema/", 5) == 0 ? "/ema/" : group;
    }
    for (int i = 0; i < n && status == AS_OK; i++) {
        char layer[AS_WEIGHTS_NAME];
        const char *param;
        const bool real = items[i].type == AS_F32 || items[i].type == AS_F64;
        if (real && !items[i].adapter && as_weights_split(items[i].name, group, layer, &param)) {
            status = prepare(&items[i], layer, param, layout, &tensor[count], name[count]);
            count += status == AS_OK;
        }
    }
    status = status == AS_OK ? write(path, layout, count, tensor) : status;
    for (int i = 0; i < count; i++) {
        free((void *)tensor[i].data);
    }
    free(tensor);
    free(name);
    return status;
}
