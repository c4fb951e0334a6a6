/* IDX header: two zero bytes, an element type, the number of axes, then each extent as a big-endian 32-bit integer;
   elements are big endian. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". */
#include "io/array.h"

#include "base/error.h"

static as_status element_type(as_array *array, uint8_t code)
{
    switch (code) {
    case 0x08:
        array->type = AS_U8;
        break;
    case 0x09:
        array->type = AS_I8;
        break;
    case 0x0B:
        array->type = AS_I16;
        break;
    case 0x0C:
        array->type = AS_I32;
        break;
    case 0x0D:
        array->type = AS_F32;
        break;
    case 0x0E:
        array->type = AS_F64;
        break;
    default:
        AS_FAIL(AS_DATA, "%s: expected an IDX element type 0x08..0x0E, found 0x%02X", as_stream_path(array->stream),
                code);
    }
    array->stored_bytes = (int)as_dtype_bytes(array->type);
    array->swap = array->stored_bytes > 1 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    return AS_OK;
}

static as_status read_header(as_array *array)
{
    const char *path = as_stream_path(array->stream);
    uint8_t head[4];
    AS_TRY(as_stream_read(array->stream, 0, sizeof head, head, "the IDX header"));
    if (head[0] != 0 || head[1] != 0) {
        AS_FAIL(AS_DATA, "%s: expected an IDX file (first bytes 00 00), found %02X %02X", path, head[0], head[1]);
    }
    AS_TRY(element_type(array, head[2]));
    if (head[3] < 1 || head[3] > AS_SHAPE_MAX + 1) {
        AS_FAIL(AS_DATA, "%s: expected 1 to %d axes, found %d", path, AS_SHAPE_MAX + 1, head[3]);
    }
    array->shape.rank = head[3] - 1;
    for (int axis = 0; axis < head[3]; axis++) {
        uint8_t b[4];
        AS_TRY(as_stream_read(array->stream, 4 + 4 * axis, sizeof b, b, "the IDX header"));
        const int64_t extent = (int64_t)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
        if (axis == 0) {
            array->rows = extent;
        } else {
            array->shape.dim[axis - 1] = extent;
        }
    }
    array->data_at = 4 + 4 * (int64_t)head[3];
    return as_array_check(array);
}

as_status as_array_open_idx(const char *path, as_array *out)
{
    *out = (as_array){0};
    AS_TRY(as_stream_open(path, &out->stream));
    const as_status status = read_header(out);
    if (status != AS_OK) {
        as_array_close(out);
    }
    return status;
}
