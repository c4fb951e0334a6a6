/* Arrays in a ZIP archive of NPY files, as numpy.savez writes it (io/tensors.h). */
#include "run/export.h"

static as_status arrays(const char *path, as_weights_layout layout, int n, const as_tensor *tensor)
{
    (void)layout;
    return as_npz_write(path, n, tensor);
}

const as_export_ops as_export_npz = {
    .name = "npz",
    .help = "the arrays, for NumPy",
    .arrays = arrays,
};
