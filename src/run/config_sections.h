/* Inside of the configuration, shared by its files: reading and merging (config_merge.c), the sections (config.c), the
   model (config_model.c), the list of tables (config_tables.c), comparing (config_compare.c). */
#ifndef AS_RUN_CONFIG_SECTIONS_H
#define AS_RUN_CONFIG_SECTIONS_H

#include "run/config.h"

/* The tables of the sections that this room owns. */
extern const as_field as_root_fields[], as_train_fields[], as_checkpoint_fields[], as_start_fields[], as_log_fields[];

/* Not collective. Puts `over` over `base`: maps key by key, everything else replaced. *out may be either of them. */
as_status as_config_merge(as_document *document, as_node *base, as_node *over, as_node **out);

/* Not collective. Applies "a.b=value"; the value is YAML. Another `format` of a source, or another `type` of model,
   takes out the keys beside it that a file has given. */
as_status as_config_override(as_document *document, as_node *root, const char *set);

/* Not collective. Of the built-in configuration, after the overrides: what is meant for its network or its images alone
   goes where another model or other data were given. */
void as_config_fit_default(as_node *root);

/* Not collective. Checks the model section as far as that goes without data (kinds, keys, values) and appends it
   resolved. Errors: CONFIG. */
as_status as_config_model_write(as_document *document, const as_node *model, int indent, as_text *text);

#endif
