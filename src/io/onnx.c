/* Protocol Buffers wire format: a field is a key (number << 3 | kind) as a varint, then a varint (kind 0), 4 bytes
   (kind 5), or a length and bytes (kind 2). Messages inside messages are built apart and added as bytes. */
#include "io/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "io/commit.h"

enum { IR_VERSION = 8, VARINT = 0, BYTES = 2, FIXED32 = 5 };

/* Field numbers of onnx.proto3. */
enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    OPSET_VERSION = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_CONSTANT = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_REAL = 2,
    ATTRIBUTE_INTEGER = 3,
    ATTRIBUTE_TEXT = 4,
    ATTRIBUTE_INTEGERS = 8,
    ATTRIBUTE_TYPE = 20,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_DATA = 9,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSOR_TYPE_ELEMENT = 1,
    TENSOR_TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_NAME = 2
};

enum { TYPE_FLOAT = 1, TYPE_INT64 = 7, TYPE_DOUBLE = 11 };             /* TensorProto.DataType */
enum { KIND_FLOAT = 1, KIND_INT = 2, KIND_STRING = 3, KIND_INTS = 7 }; /* AttributeProto.AttributeType */

typedef struct bytes {
    char *data;
    size_t size, room;
    bool failed;
} bytes;

struct as_onnx {
    as_dtype type;
    int nodes;
    bytes node, constant; /* fields of the graph */
};

static void add(bytes *b, const void *data, size_t size)
{
    if (b->failed) {
        return;
    }
    if (size > b->room - b->size) {
        const size_t room = 2 * (b->size + size) + 64;
        char *grown = realloc(b->data, room);
        if (grown == NULL) {
            b->failed = true;
            return;
        }
        b->data = grown;
        b->room = room;
    }
    if (size > 0) {
        memcpy(b->data + b->size, data, size);
    }
    b->size += size;
}

static void add_varint(bytes *b, uint64_t value)
{
    uint8_t byte[10];
    size_t n = 0;
    do {
        byte[n++] = (uint8_t)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    add(b, byte, n);
}

static void put_integer(bytes *b, int field, int64_t value)
{
    add_varint(b, (uint64_t)field << 3 | VARINT);
    add_varint(b, (uint64_t)value);
}

static void put_float(bytes *b, int field, double value)
{
    const float narrow = (float)value;
    add_varint(b, (uint64_t)field << 3 | FIXED32);
    add(b, &narrow, sizeof narrow);
}

static void put_bytes(bytes *b, int field, const void *data, size_t size)
{
    add_varint(b, (uint64_t)field << 3 | BYTES);
    add_varint(b, size);
    add(b, data, size);
}

static void put_text(bytes *b, int field, const char *text)
{
    put_bytes(b, field, text, strlen(text));
}

/* Adds a message and frees it. */
static void put_message(bytes *b, int field, bytes *message)
{
    put_bytes(b, field, message->data, message->size);
    b->failed = b->failed || message->failed;
    free(message->data);
    *message = (bytes){.data = NULL};
}

as_status as_onnx_create(as_dtype type, as_onnx **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for an ONNX model");
    }
    (*out)->type = type;
    return AS_OK;
}

void as_onnx_destroy(as_onnx **model)
{
    if (*model != NULL) {
        free((*model)->node.data);
        free((*model)->constant.data);
        free(*model);
        *model = NULL;
    }
}

as_dtype as_onnx_type(const as_onnx *model)
{
    return model->type;
}

static void put_attribute(bytes *node, const as_onnx_attribute *a)
{
    bytes message = {.data = NULL};
    put_text(&message, ATTRIBUTE_NAME, a->name);
    if (a->text != NULL) {
        put_text(&message, ATTRIBUTE_TEXT, a->text);
        put_integer(&message, ATTRIBUTE_TYPE, KIND_STRING);
    } else if (a->n > 0) {
        for (int i = 0; i < a->n; i++) {
            put_integer(&message, ATTRIBUTE_INTEGERS, a->list[i]);
        }
        put_integer(&message, ATTRIBUTE_TYPE, KIND_INTS);
    } else if (a->is_real) {
        put_float(&message, ATTRIBUTE_REAL, a->real);
        put_integer(&message, ATTRIBUTE_TYPE, KIND_FLOAT);
    } else {
        put_integer(&message, ATTRIBUTE_INTEGER, a->integer);
        put_integer(&message, ATTRIBUTE_TYPE, KIND_INT);
    }
    put_message(node, NODE_ATTRIBUTE, &message);
}

void as_onnx_node_several(as_onnx *model, const char *op, const char *const *inputs, const char *const *outputs,
                          const as_onnx_attribute *attributes)
{
    bytes node = {.data = NULL};
    char name[32];
    for (; *inputs != NULL; inputs++) {
        put_text(&node, NODE_INPUT, *inputs);
    }
    for (; *outputs != NULL; outputs++) {
        put_text(&node, NODE_OUTPUT, *outputs);
    }
    snprintf(name, sizeof name, "node_%d", model->nodes++);
    put_text(&node, NODE_NAME, name);
    put_text(&node, NODE_OP, op);
    for (; attributes != NULL && attributes->name != NULL; attributes++) {
        put_attribute(&node, attributes);
    }
    put_message(&model->node, GRAPH_NODE, &node);
}

void as_onnx_node(as_onnx *model, const char *op, const char *const *inputs, const char *output,
                  const as_onnx_attribute *attributes)
{
    const char *const outputs[] = {output, NULL};
    as_onnx_node_several(model, op, inputs, outputs, attributes);
}

static void put_constant(as_onnx *model, const char *name, int type, int rank, const int64_t *dim, const void *data,
                         size_t size)
{
    bytes tensor = {.data = NULL};
    for (int k = 0; k < rank; k++) {
        put_integer(&tensor, TENSOR_DIMS, dim[k]);
    }
    put_integer(&tensor, TENSOR_TYPE, type);
    put_text(&tensor, TENSOR_NAME, name);
    put_bytes(&tensor, TENSOR_DATA, data, size);
    put_message(&model->constant, GRAPH_CONSTANT, &tensor);
}

static int element_type(const as_onnx *model)
{
    return model->type == AS_F64 ? TYPE_DOUBLE : TYPE_FLOAT;
}

void as_onnx_reals(as_onnx *model, const char *name, int rank, const int64_t *dim, const void *data)
{
    size_t size = as_dtype_bytes(model->type);
    for (int k = 0; k < rank; k++) {
        size *= (size_t)dim[k];
    }
    put_constant(model, name, element_type(model), rank, dim, data, size);
}

void as_onnx_real(as_onnx *model, const char *name, double value)
{
    const float narrow = (float)value;
    const bool wide = model->type == AS_F64;
    as_onnx_reals(model, name, 0, NULL, wide ? (const void *)&value : (const void *)&narrow);
}

void as_onnx_integers(as_onnx *model, const char *name, int64_t n, const int64_t *data)
{
    put_constant(model, name, TYPE_INT64, 1, &n, data, (size_t)n * sizeof *data);
}

const char *as_onnx_name(const char *stem, const char *suffix, char *out)
{
    snprintf(out, AS_ONNX_NAME_MAX, "%.120s_%.30s", stem, suffix);
    return out;
}

/* An input or output of the graph: its name, type, and shape (N, extents). */
static void put_value(const as_onnx *model, bytes *graph, int field, const char *name, const as_shape *shape)
{
    bytes extents = {.data = NULL}, tensor = {.data = NULL}, type = {.data = NULL}, value = {.data = NULL};
    for (int k = -1; k < shape->rank; k++) {
        bytes dim = {.data = NULL};
        if (k < 0) {
            put_text(&dim, DIM_NAME, "N");
        } else {
            put_integer(&dim, DIM_VALUE, shape->dim[k]);
        }
        put_message(&extents, SHAPE_DIM, &dim);
    }
    put_integer(&tensor, TENSOR_TYPE_ELEMENT, element_type(model));
    put_message(&tensor, TENSOR_TYPE_SHAPE, &extents);
    put_message(&type, TYPE_TENSOR, &tensor);
    put_text(&value, VALUE_NAME, name);
    put_message(&value, VALUE_TYPE, &type);
    put_message(graph, field, &value);
}

as_status as_onnx_write(as_onnx *model, const char *path, const char *graph, const char *input, const as_shape *in,
                        const char *output, const as_shape *out)
{
    bytes body = {.data = NULL}, opset = {.data = NULL}, content = {.data = NULL};
    add(&body, model->node.data, model->node.size);
    put_text(&body, GRAPH_NAME, graph);
    add(&body, model->constant.data, model->constant.size);
    put_value(model, &body, GRAPH_INPUT, input, in);
    put_value(model, &body, GRAPH_OUTPUT, output, out);
    put_integer(&opset, OPSET_VERSION, AS_ONNX_OPSET);
    put_integer(&content, MODEL_IR_VERSION, IR_VERSION);
    put_text(&content, MODEL_PRODUCER, "allsum");
    put_message(&content, MODEL_GRAPH, &body);
    put_message(&content, MODEL_OPSET, &opset);
    as_status status = AS_OK;
    if (content.failed || model->node.failed || model->constant.failed) {
        status = as_error_set(AS_NOMEM, "%s: out of memory for the model", path);
    } else if (content.size >= (size_t)INT32_MAX) {
        status = as_error_set(AS_DATA, "%s: an ONNX file holds less than 2 GiB, this model has %zu bytes", path,
                              content.size);
    } else {
        status = as_file_write(path, content.data, content.size);
    }
    free(content.data);
    return status;
}
