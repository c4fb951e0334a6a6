/* YAML files (libyaml) to node trees. A subset: maps, lists, scalars; no anchors, aliases, tags or several documents.
 */
#ifndef AS_IO_YAML_H
#define AS_IO_YAML_H

#include "base/node.h"

/* Not collective. Reads a file (at most 1 MiB). Errors: NOINPUT; CONFIG with file:line:column (syntax, duplicate key,
 * ...). */
as_status as_yaml_read(as_document *document, const char *path, as_node **out);
/* Not collective. Parses a text; name is shown in messages. */
as_status as_yaml_parse(as_document *document, const char *name, const char *text, as_node **out);

#endif
