/* Ascending lists are searched by halving; an insertion moves the pointers behind it. */
#include "base/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

void as_names_free(as_names *names)
{
    for (int64_t i = 0; i < names->n; i++) {
        free(names->name[i]);
    }
    free(names->name);
    *names = (as_names){0};
}

static char plain(char c)
{
    return (unsigned char)c < 32 ? ' ' : c;
}

/* Room for one more, at a place. */
static as_status put(as_names *names, int64_t at, const char *text, int64_t bytes)
{
    if (names->n == names->room) {
        const int64_t room = names->room == 0 ? 16 : 2 * names->room;
        char **name = realloc(names->name, (size_t)room * sizeof *name);
        if (name == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for %lld names", (long long)room);
        }
        names->name = name;
        names->room = room;
    }
    char *copy = malloc((size_t)bytes + 1);
    if (copy == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a name");
    }
    for (int64_t i = 0; i < bytes; i++) {
        copy[i] = plain(text[i]);
    }
    copy[bytes] = '\0';
    memmove(names->name + at + 1, names->name + at, (size_t)(names->n - at) * sizeof *names->name);
    names->name[at] = copy;
    names->n++;
    return AS_OK;
}

as_status as_names_add(as_names *names, const char *text, int64_t bytes)
{
    return put(names, names->n, text, bytes);
}

/* As strcmp of a name and a text that is not ended. */
static int order(const char *name, const char *text, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i++) {
        const unsigned char a = (unsigned char)name[i], b = (unsigned char)plain(text[i]);
        if (a != b || a == 0) {
            return a < b ? -1 : 1;
        }
    }
    return name[bytes] != '\0';
}

/* First name that is not below the text. */
static int64_t place(const as_names *names, const char *text, int64_t bytes, bool *found)
{
    int64_t low = 0, high = names->n;
    *found = false;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int compared = order(names->name[middle], text, bytes);
        if (compared == 0) {
            *found = true;
            return middle;
        }
        if (compared < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

as_status as_names_insert(as_names *names, const char *text, int64_t bytes)
{
    bool found;
    const int64_t at = place(names, text, bytes, &found);
    return found ? AS_OK : put(names, at, text, bytes);
}

int64_t as_names_find(const as_names *ascending, const char *text, int64_t bytes)
{
    bool found;
    const int64_t at = place(ascending, text, bytes, &found);
    return found ? at : -1;
}

bool as_names_count_from_zero(const as_names *names)
{
    for (int64_t i = 0; i < names->n; i++) {
        char text[24];
        const int n = snprintf(text, sizeof text, "%lld", (long long)i);
        if (as_names_find(names, text, n) < 0) {
            return false;
        }
    }
    return true;
}

as_status as_names_copy(const as_names *from, as_names *to)
{
    for (int64_t i = 0; i < from->n; i++) {
        AS_TRY(as_names_add(to, from->name[i], (int64_t)strlen(from->name[i])));
    }
    return AS_OK;
}

void as_names_write(const as_names *names, as_text *text)
{
    for (int64_t i = 0; i < names->n; i++) {
        as_text_add(text, "%s\n", names->name[i]);
    }
}

as_status as_names_read(const char *lines, as_names *out)
{
    for (const char *at = lines; *at != '\0';) {
        const size_t n = strcspn(at, "\n");
        AS_TRY(as_names_add(out, at, (int64_t)n));
        at += n + (at[n] != '\0');
    }
    return AS_OK;
}
