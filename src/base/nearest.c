/* "Did you mean": the nearest name by edit distance with transpositions (optimal string alignment; Boytsov 2011,
   section 2.2), then by shared parts ("batch_size" -> batch) and initials ("learning_rate" -> lr). Cost: O(|a| |b|) a
   candidate. */
#include <string.h>

#include "base/fields.h"

enum { WORD_MAX = 64 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '-' ? '_' : c;
}

/* Edits between words of at most WORD_MAX characters; case, '-' and '_' do not count. */
static int distance(const char *a, const char *b)
{
    const int n = (int)strlen(a), m = (int)strlen(b);
    int row[3][WORD_MAX + 1];
    for (int j = 0; j <= m; j++) {
        row[0][j] = j;
    }
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3];
        const int *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            const char ca = lower(a[i - 1]), cb = lower(b[j - 1]);
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == lower(b[j - 2]) && lower(a[i - 2]) == cb) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return row[n % 3][m];
}

/* name is one of the parts of word between underscores. */
static bool is_part(const char *word, const char *name)
{
    const size_t length = strlen(name);
    for (const char *part = word; part != NULL && length >= 3;) {
        const size_t n = strcspn(part, "_-");
        if (n == length && strncmp(part, name, n) == 0 && n < strlen(word)) {
            return true;
        }
        part = part[n] == '\0' ? NULL : part + n + 1;
    }
    return false;
}

/* name is made of the first letters of the parts of word. */
static bool is_initials(const char *word, const char *name)
{
    size_t i = 0;
    for (const char *part = word; part != NULL; i++) {
        if (name[i] == '\0' || lower(part[0]) != name[i]) {
            return false;
        }
        const size_t n = strcspn(part, "_-");
        part = part[n] == '\0' ? NULL : part + n + 1;
    }
    return i >= 2 && name[i] == '\0';
}

const char *as_nearest_name(const char *word, const char *const *candidates)
{
    const size_t length = strlen(word);
    if (length == 0 || length > WORD_MAX) {
        return NULL;
    }
    const int limit = length <= 2 ? 1 : length <= 5 ? 2 : 3;
    const char *best = NULL;
    int nearest = limit + 1;
    for (const char *const *c = candidates; *c != NULL; c++) {
        const int d = strlen(*c) > WORD_MAX ? nearest : distance(word, *c);
        if (d < nearest && d < (int)length && d < (int)strlen(*c)) { /* something must be left of both words */
            nearest = d;
            best = *c;
        }
    }
    for (const char *const *c = candidates; best == NULL && *c != NULL; c++) {
        best = is_part(word, *c) || is_part(*c, word) || is_initials(word, *c) ? *c : NULL;
    }
    return best;
}
