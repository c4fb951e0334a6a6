/* Reading JSON objects: those that Allsum writes (metrics, status), headers of safetensors. Members of one object at a
   time, in the order of the text. */
#ifndef AS_BASE_JSON_READ_H
#define AS_BASE_JSON_READ_H

#include "base/text.h"

/* A member of an object: slices of the text, not terminated. A string value keeps its quotes. */
typedef struct as_json_member {
    const char *key, *value;
    size_t key_length, value_length;
} as_json_member;

/* Not collective. Next top-level member of the object at *cursor (set *cursor to the object's '{' before the first
   call). false at the end, or when the text is no object. */
bool as_json_next(const char **cursor, as_json_member *out);

/* Not collective. Whether a member is called `key`. */
bool as_json_is(const as_json_member *member, const char *key);

/* Not collective. Where the value of the top-level member `key` begins; NULL: there is none. */
const char *as_json_value(const char *object, const char *key);

/* Not collective. The top-level number `key`; false if there is none. */
bool as_json_number(const char *object, const char *key, double *out);

/* Not collective. "loss 0.4312, accuracy 0.8713": the top-level numbers, appended to text. */
void as_json_brief(const char *object, as_text *text);

/* Not collective. Whether the whole text is one JSON value (RFC 8259), nested at most 64 deep: what may stand inside
   another one as it is. */
bool as_json_valid(const char *text);

#endif
