/* The library never prints: it hands lines to a sink that the program owns. */
#ifndef AS_BASE_LOG_H
#define AS_BASE_LOG_H

typedef enum as_log_level { AS_LOG_INFO, AS_LOG_WARN, AS_LOG_ERROR } as_log_level;

/* Borrowed by runs; write may be NULL (silence). */
typedef struct as_log {
    void (*write)(void *context, as_log_level level, const char *line);
    void *context;
} as_log;

void as_log_line(const as_log *log, as_log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
