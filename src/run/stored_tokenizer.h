/* The tokenizer of a text in a checkpoint. */
#ifndef AS_RUN_STORED_TOKENIZER_H
#define AS_RUN_STORED_TOKENIZER_H

#include "data/tokenizer.h"
#include "io/h5_contents.h"

/* Not collective. From /data/merges and /data/separator; *out NULL: the file has none. Errors: DATA, IO, NOMEM. */
as_status as_stored_tokenizer_read(const as_h5_contents *file, as_tokenizer **out);

/* Not collective. That a file holds `expected` (NULL: none). Errors: DATA naming both vocabularies; those of reading.
 */
as_status as_stored_tokenizer_check(const as_h5_contents *file, const as_tokenizer *expected, const char *place);

#endif
