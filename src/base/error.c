/* Status names and the per-thread message of the last failure. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { AS_MESSAGE_MAX = 2048 };

static _Thread_local char message[AS_MESSAGE_MAX];

static const struct {
    const char *name, *meaning;
    as_status code;
} statuses[] = {
#define AS_STATUS(id, exit_code, text) {.name = #id, .meaning = (text), .code = AS_##id},
    AS_STATUS_TABLE
#undef AS_STATUS
};

static const size_t n_statuses = sizeof statuses / sizeof statuses[0];

const char *as_status_name(as_status status)
{
    for (size_t i = 0; i < n_statuses; i++) {
        if (statuses[i].code == status) {
            return statuses[i].name;
        }
    }
    return "?";
}

const char *as_status_meaning(as_status status)
{
    for (size_t i = 0; i < n_statuses; i++) {
        if (statuses[i].code == status) {
            return statuses[i].meaning;
        }
    }
    return "unknown status";
}

const char *as_error_message(void)
{
    return message;
}

as_status as_error_set(as_status code, const char *format, ...)
{
    char text[AS_MESSAGE_MAX]; /* The arguments may point into the current message. */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    as_text_tame(text, false);
    memcpy(message, text, sizeof text);
    return code;
}

as_status as_error_prefix(as_status code, const char *format, ...)
{
    char text[AS_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n >= 0 && n < AS_MESSAGE_MAX) {
        /* A long message is cut at the end of the buffer. */
        const size_t room = sizeof text - (size_t)n - 1;
        snprintf(text + n, room + 1, ": %.*s", room < 2 ? 0 : (int)(room - 2), message);
    }
    as_text_tame(text, false);
    memcpy(message, text, sizeof text);
    return code;
}
