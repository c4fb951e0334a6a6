/* Days are counted from March 1st of the year 0, so that a leap day is the last of its year: 365 days a year and one
   more every 4th, not every 100th, but every 400th, and 153 days in every five months. */
#include "base/date.h"

#include <math.h>
#include <stdio.h>

enum { EPOCH = 719468, DAYS_OF_400_YEARS = 146097 };

/* What is left to read. */
typedef struct rest {
    const char *at, *end;
} rest;

/* A number of least to most digits. */
static bool read_number(rest *r, int least, int most, int *out)
{
    int n = 0;
    for (*out = 0; n < most && r->at < r->end && *r->at >= '0' && *r->at <= '9'; n++) {
        *out = 10 * *out + (*r->at++ - '0');
    }
    return n >= least;
}

static bool read_sign(rest *r, char sign)
{
    const bool there = r->at < r->end && *r->at == sign;
    r->at += there;
    return there;
}

static int64_t days_of(int year, int month, int day)
{
    const int64_t y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * DAYS_OF_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH;
}

static bool is_day(int year, int month, int day)
{
    static const int most[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= most[month - 1] + (leap && month == 2);
}

/* 2026-11-23, 2026-11, 23.11.2026 */
static bool read_day(rest *r, double *days)
{
    int year = 0, month = 0, day = 1;
    rest german = *r;
    if (read_number(r, 4, 4, &year) && read_sign(r, '-') && read_number(r, 2, 2, &month)) {
        if (read_sign(r, '-') && !read_number(r, 2, 2, &day)) {
            return false;
        }
    } else {
        *r = german;
        if (!read_number(r, 1, 2, &day) || !read_sign(r, '.') || !read_number(r, 1, 2, &month) || !read_sign(r, '.') ||
            !read_number(r, 4, 4, &year)) {
            return false;
        }
    }
    *days = is_day(year, month, day) ? (double)days_of(year, month, day) : 0;
    return is_day(year, month, day);
}

/* 14:30, 14:30:05, 14:30:05.25; a comma before the fraction too */
static bool read_time(rest *r, double *days)
{
    int hour = 0, minute = 0, second = 0;
    double fraction = 0, unit = 1;
    if (!read_number(r, 1, 2, &hour) || !read_sign(r, ':') || !read_number(r, 2, 2, &minute)) {
        return false;
    }
    if (read_sign(r, ':')) {
        if (!read_number(r, 2, 2, &second)) {
            return false;
        }
        if (read_sign(r, '.') || read_sign(r, ',')) {
            for (; r->at < r->end && *r->at >= '0' && *r->at <= '9' && unit < 1e9; r->at++) {
                fraction = 10 * fraction + (*r->at - '0');
                unit *= 10;
            }
        }
    }
    *days = (3600 * hour + 60 * minute + second + fraction / unit) / 86400;
    return hour <= 23 && minute <= 59 && second <= 60;
}

/* Z, +02:00, +0200, +02, to be taken off. */
static bool read_offset(rest *r, double *days)
{
    const bool east = read_sign(r, '+'), west = !east && read_sign(r, '-');
    int hour = 0, minute = 0;
    *days = 0;
    if (!east && !west) {
        return read_sign(r, 'Z') || r->at == r->end;
    }
    if (!read_number(r, 2, 2, &hour)) {
        return false;
    }
    const bool colon = read_sign(r, ':');
    if ((colon || r->at < r->end) && !read_number(r, 2, 2, &minute)) {
        return false;
    }
    *days = (east ? 1 : -1) * (60.0 * hour + minute) / 1440;
    return hour <= 23 && minute <= 59;
}

as_date_kind as_date_read(const char *text, int64_t n, double *days)
{
    rest r = {text, text + n}, start = r;
    double day = 0, time = 0, offset = 0;
    if (read_day(&r, &day)) {
        const bool more = r.at < r.end;
        const bool whole = !more || ((read_sign(&r, 'T') || read_sign(&r, ' ')) && read_time(&r, &time) &&
                                     read_offset(&r, &offset) && r.at == r.end);
        *days = whole ? day + (time - offset) : *days;
        return whole ? AS_DATE_DAY : AS_DATE_NONE;
    }
    if (read_time(&start, &time) && start.at == start.end) {
        *days = time;
        return AS_DATE_TIME;
    }
    return AS_DATE_NONE;
}

void as_date_text(as_date_kind kind, double days, char out[40])
{
    const int64_t seconds = (int64_t)floor(days * 86400 + 0.5);
    const int64_t day = seconds >= 0 ? seconds / 86400 : -((86399 - seconds) / 86400), left = seconds - day * 86400;
    const int64_t since = day + EPOCH, era = since / DAYS_OF_400_YEARS, of_era = since - era * DAYS_OF_400_YEARS;
    const int64_t of_400 = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * of_400 + of_400 / 4 - of_400 / 100), fifth = (5 * of_year + 2) / 153;
    const int month = (int)(fifth < 10 ? fifth + 3 : fifth - 9), dom = (int)(of_year - (153 * fifth + 2) / 5 + 1);
    const int hour = (int)(left / 3600), minute = (int)(left / 60 % 60), second = (int)(left % 60);
    if (kind == AS_DATE_TIME) {
        snprintf(out, 40, "%02d:%02d:%02d", hour, minute, second);
        return;
    }
    const int n = snprintf(out, 40, "%04d-%02d-%02d", (int)(of_400 + era * 400 + (month <= 2)) % 100000, month, dom);
    if (left != 0) {
        snprintf(out + n, 40 - (size_t)n, " %02d:%02d:%02d", hour, minute, second);
    }
}
