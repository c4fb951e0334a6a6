#!/usr/bin/env python3
"""Files of named arrays as NumPy and safetensors write them, as bytes: tests/reference/tensors.h.

    python3 make_tensors.py > tensors.h

Every file holds weight (2, 3) float32 = 0.5 i - 1, and further arrays that the test names."""
import io
import sys

import numpy as np
import safetensors
import safetensors.numpy

weight = (0.5 * np.arange(6, dtype=np.float32) - 1).reshape(2, 3)
double = np.array([1 / 3, -2.5e300])
half = np.array([1.5, -0.25, 65504], dtype=np.float16)
count = np.array([[1, -2], [3, 2**40]], dtype=np.int64)


def emit(name, data):
    print(f"static const uint8_t {name}[{len(data)}] = {{")
    for at in range(0, len(data), 24):
        print("    " + " ".join(f"{b}," for b in data[at : at + 24]))
    print("};")


print("/* Made by make_tensors.py: numpy %s, safetensors %s, Python %s. */" % (
    np.__version__, safetensors.__version__, sys.version.split()[0]))
print("#ifndef REFERENCE_TENSORS_H\n#define REFERENCE_TENSORS_H\n\n#include <stdint.h>\n\n/* clang-format off */")
plain, packed, turned = io.BytesIO(), io.BytesIO(), io.BytesIO()
np.savez(plain, weight=weight, double=double, half=half, count=count, scalar=np.float64(7))
np.savez_compressed(packed, weight=weight, zeros=np.zeros((64, 64)), double=double)
np.savez(turned, weight=np.asfortranarray(weight), cube=np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)), text=np.array(["a"]))
emit("npz_turned", turned.getvalue())
emit("npz_plain", plain.getvalue())
emit("npz_packed", packed.getvalue())
emit("safetensors_file", safetensors.numpy.save(
    {"weight": weight, "double": double, "half": half, "count": count, "scalar": np.array(7.0)}, {"format": "pt"}))
print("/* clang-format on */\n\n#endif")
