/* Dates and times as texts and as numbers: days since 1970-01-01, of the proleptic Gregorian calendar. */
#ifndef AS_BASE_DATE_H
#define AS_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum as_date_kind { AS_DATE_NONE, AS_DATE_DAY, AS_DATE_TIME } as_date_kind;

/* What n bytes say, without blanks around them. A day, as in ISO 8601: 2026-11-23, 2026-11 (its first day), or as
   23.11.2026; behind a day, after T or a blank, its time: 14:30, 14:30:05 or 14:30:05.25, to which Z, +02:00 or +0200
   may be added (what is without counts as UTC). A time alone is a share of a day. NONE: neither, or no day of the
   calendar; *days stays. */
as_date_kind as_date_read(const char *text, int64_t n, double *days);

/* Days since 1970-01-01 as 2026-11-23, with a time (to the second) where it is not midnight; a time alone likewise. */
void as_date_text(as_date_kind kind, double days, char out[40]);

#endif
