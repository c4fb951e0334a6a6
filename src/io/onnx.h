/* An ONNX model under construction: nodes of operators between named values, constants, one input and one output; the
   file is a Protocol Buffers message that is written here field by field. Source: onnx.proto3 of the ONNX project
   (IR version 8), operator set 17. */
#ifndef AS_IO_ONNX_H
#define AS_IO_ONNX_H

#include <stdbool.h>

#include "allsum/status.h"
#include "base/shape.h"

enum { AS_ONNX_NAME_MAX = 160, AS_ONNX_LIST_MAX = 16, AS_ONNX_OPSET = 17 };

typedef struct as_onnx as_onnx;

/* One attribute of a node; a table ends with name NULL. The member that is set tells its type: text, list (n > 0), real
   or, by default, an integer. */
typedef struct as_onnx_attribute {
    const char *name;
    const char *text;
    int n;
    int64_t list[AS_ONNX_LIST_MAX];
    bool is_real;
    double real;
    int64_t integer;
} as_onnx_attribute;

/* Not collective. type: AS_F32 or AS_F64, of every value and parameter. Errors: NOMEM. Further calls cannot fail: a
   lack of memory is told by as_onnx_write. */
as_status as_onnx_create(as_dtype type, as_onnx **out);
void as_onnx_destroy(as_onnx **model);
as_dtype as_onnx_type(const as_onnx *model);

/* Not collective. A node that reads `inputs` values ("": an optional one left out; the list ends with NULL) and gives
   one value, or several. attributes NULL: none. */
void as_onnx_node(as_onnx *model, const char *op, const char *const *inputs, const char *output,
                  const as_onnx_attribute *attributes);
void as_onnx_node_several(as_onnx *model, const char *op, const char *const *inputs, const char *const *outputs,
                          const as_onnx_attribute *attributes);

/* Not collective. Constants: reals of the model's type from the same type in memory; one real; integers (int64). name
   is the value's. */
void as_onnx_reals(as_onnx *model, const char *name, int rank, const int64_t *dim, const void *data);
void as_onnx_real(as_onnx *model, const char *name, double value);
void as_onnx_integers(as_onnx *model, const char *name, int64_t n, const int64_t *data);

/* Not collective. "<stem>_<suffix>" for a value between the nodes of one layer; out has AS_ONNX_NAME_MAX bytes. */
const char *as_onnx_name(const char *stem, const char *suffix, char *out);

/* Not collective. Writes the model with input (batch, in) and output (batch, out): the batch axis is symbolic ("N").
   Whole or not at all. Errors: NOMEM, CANTCREAT, IO; DATA for 2 GiB and more, which the format cannot hold. */
as_status as_onnx_write(as_onnx *model, const char *path, const char *graph, const char *input, const as_shape *in,
                        const char *output, const as_shape *out);

#endif
