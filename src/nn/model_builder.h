/* Inside of the reader of graphs: names (model_names.c), blocks and repetitions (model_blocks.c), layers
   (model_graph.c). */
#ifndef AS_NN_MODEL_BUILDER_H
#define AS_NN_MODEL_BUILDER_H

#include "nn/model_graph.h"

enum { AS_GRAPH_LAYERS_MAX = 4096 };

/* What a name stands for. */
typedef struct as_graph_name {
    char name[AS_NAME_MAX];
    int value; /* -1: nothing yet; a layer or block that is still to come asks for it */
    int known; /* of KIND_1: all from KIND_1 to KIND_known have entries */
} as_graph_name;

typedef struct as_graph_builder {
    as_document *document;
    as_model *model;
    const as_node *blocks; /* model.blocks, or NULL */
    int capacity;          /* layers that model->layer has room for */
    int nnames, nplaces;   /* nplaces: a power of two, or 0 */
    as_graph_name *name;   /* layers and blocks so far, and names that are asked for */
    int *place;            /* (nplaces) open addressing: 1 + place in `name`, or 0 */
    bool run;              /* the layer before asked for recompute by itself */
    bool *used;            /* (blocks) which of them stand somewhere */
} as_graph_builder;

/* A list of layers that is being read: the model's own, or that of a block. */
typedef struct as_graph_frame {
    const struct as_graph_frame *outer;
    const as_node *list;
    const char *block; /* name in model.blocks; NULL: none */
    char prefix[AS_NAME_MAX];
    int input, last; /* values: what the list reads, and the output of the layer before */
    bool freeze;
    int segment; /* all its layers are of this segment; 0: each as it asks */
} as_graph_frame;

/* The value that a full name stands for; -1: none. */
int as_graph_find_name(const as_graph_builder *b, const char *name);
/* The names that layers and blocks of a frame's list ask for are not given to others. Errors: NOMEM. */
as_status as_graph_ask_names(as_graph_builder *b, const as_graph_frame *f);
/* From now on the name stands for the value. Errors: NOMEM. */
as_status as_graph_add_name(as_graph_builder *b, const char *name, int value);
/* prefix + name; false where that is too long. */
bool as_graph_join_name(const char *prefix, const char *name, char out[AS_NAME_MAX]);
/* The full name of a layer or block: the one given, or else KIND_n with the smallest n >= 1 that nobody has or asks
   for. A few look-ups for each name, however many there are. Errors: CONFIG. */
as_status as_graph_choose_name(const as_graph_builder *b, const as_graph_frame *f, const as_node *node,
                               const char *kind, const char *given, char name[AS_NAME_MAX]);
/* The value that `name` stands for in a frame; reader and key ("from"): for messages. Errors: CONFIG, saying why it
   stands for nothing, and the nearest name. */
as_status as_graph_find_value(const as_graph_builder *b, const as_graph_frame *f, const as_node *node,
                              const char *reader, const char *key, const char *name, int *value);

/* A list of 1 to AS_GRAPH_LAYERS_MAX items. Errors: CONFIG at the list, or at `place` where there is none. */
as_status as_graph_check_list(const as_node *place, const char *what, const as_node *layers);
/* The items of a frame's list, one after the other. Errors: CONFIG, NOMEM. */
as_status as_graph_parse_list(as_graph_builder *b, as_graph_frame *f);
/* A block or a repetition: its layers in a frame of their own, once or several times. Errors: CONFIG, NOMEM. */
as_status as_graph_parse_block(as_graph_builder *b, as_graph_frame *f, const as_node *node, bool repeat,
                               const as_node *options);

#endif
