/* Arrays behind a JSON header, as Hugging Face keeps them (io/tensors.h); marked as PyTorch's where they are. */
#include "run/export.h"

static as_status arrays(const char *path, as_weights_layout layout, int n, const as_tensor *tensor)
{
    return as_safetensors_write(path, layout == AS_WEIGHTS_TORCH ? "\"format\":\"pt\"" : NULL, n, tensor);
}

const as_export_ops as_export_safetensors = {
    .name = "safetensors",
    .help = "the arrays, for PyTorch and others",
    .arrays = arrays,
};
