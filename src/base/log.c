/* Lines to the program's sink. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

void as_log_line(const as_log *log, as_log_level level, const char *format, ...)
{
    if (log == NULL || log->write == NULL) {
        return;
    }
    char line[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    as_text_tame(line, true);
    log->write(log->context, level, line);
}
