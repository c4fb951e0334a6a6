/* Rows of an array file: one read for consecutive rows, then byte order and half precision in place. */
#include "io/array.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

void as_array_close(as_array *array)
{
    as_stream_close(&array->stream);
    *array = (as_array){0};
}

as_status as_array_check(as_array *array)
{
    const char *path = as_stream_path(array->stream);
    char text[128];
    array->width = as_shape_size(&array->shape);
    if (array->width < 0 || array->rows < 0) {
        AS_FAIL(AS_DATA, "%s: impossible shape: %lld rows of %s", path, (long long)array->rows,
                as_shape_text(&array->shape, text, sizeof text));
    }
    if (array->rows == 0 || array->width == 0) {
        AS_FAIL(AS_DATA, "%s: no data: %lld rows of %s", path, (long long)array->rows,
                as_shape_text(&array->shape, text, sizeof text));
    }
    const int64_t room = (as_stream_limit(array->stream) - array->data_at) / array->stored_bytes;
    if (array->rows > room / array->width) {
        AS_FAIL(AS_DATA, "%s: expected %lld rows of %s (%s), but the file has room for %lld%s", path,
                (long long)array->rows, as_shape_text(&array->shape, text, sizeof text), as_dtype_name(array->type),
                (long long)(room < 0 ? 0 : room / array->width), as_stream_packed(array->stream) ? " at the most" : "");
    }
    if (as_stream_packed(array->stream)) {
        return AS_OK; /* known only once it is unpacked: as_array_read looks */
    }
    return as_stream_end(array->stream, array->data_at + array->rows * array->width * array->stored_bytes);
}

float as_half_value(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 31u, mantissa = half & 1023u;
    uint32_t bits;
    if (exponent == 0) {
        const float value = (float)mantissa * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    if (exponent == 31) {
        bits = sign | 0x7F800000u | (mantissa << 13);
    } else {
        bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void swap_bytes(uint8_t *data, int64_t n, int bytes)
{
    for (int64_t i = 0; i < n; i++) {
        if (bytes == 2) {
            uint16_t v;
            memcpy(&v, data + 2 * i, sizeof v);
            v = __builtin_bswap16(v);
            memcpy(data + 2 * i, &v, sizeof v);
        } else if (bytes == 4) {
            uint32_t v;
            memcpy(&v, data + 4 * i, sizeof v);
            v = __builtin_bswap32(v);
            memcpy(data + 4 * i, &v, sizeof v);
        } else if (bytes == 8) {
            uint64_t v;
            memcpy(&v, data + 8 * i, sizeof v);
            v = __builtin_bswap64(v);
            memcpy(data + 8 * i, &v, sizeof v);
        }
    }
}

as_status as_array_read(as_array *array, int64_t first, int64_t count, void *data)
{
    AS_ASSERT(first >= 0 && count >= 0 && first + count <= array->rows);
    const int64_t n = count * array->width, at = array->data_at + first * array->width * array->stored_bytes;
    const size_t bytes = (size_t)n * (size_t)array->stored_bytes;
    /* Halves are read into the upper half of the output and widened from the front. */
    uint8_t *to = (uint8_t *)data + (array->half ? bytes : 0);
    char what[64];
    snprintf(what, sizeof what, "row %lld (of %lld)", (long long)first, (long long)array->rows);
    AS_TRY(as_stream_read(array->stream, at, bytes, to, what));
    if (array->swap) {
        swap_bytes(to, n, array->stored_bytes);
    }
    if (array->half) {
        for (int64_t i = 0; i < n; i++) {
            uint16_t half;
            memcpy(&half, to + 2 * i, sizeof half);
            const float value = as_half_value(half);
            memcpy((uint8_t *)data + 4 * i, &value, sizeof value);
        }
    }
    if (first + count == array->rows && as_stream_packed(array->stream)) {
        AS_TRY(as_stream_end(array->stream, at + (int64_t)bytes));
    }
    return AS_OK;
}
