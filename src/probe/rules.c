/* All rules on a case, what follows from what, and the verdict in words. A finding is a consequence of the first
   earlier one that explains its code and is at least a warning, or is an explanation that was waiting for a symptom. */
#include "probe/rule.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define AS_RULE(name) extern const as_rule as_rule_##name;
#include "probe/rule.def"
#undef AS_RULE

#define AS_RULE(name) &as_rule_##name,
static const as_rule *const rules[] = {
#include "probe/rule.def"
    NULL};
#undef AS_RULE

const as_rule *const *as_rules_get(void)
{
    return rules;
}

const char *as_severity_name(as_severity severity)
{
    static const char *const names[] = {"info", "warn", "fault"};
    return names[severity];
}

static void write_text(char *out, size_t bytes, const char *format, va_list list)
{
    vsnprintf(out, bytes, format, list);
}

as_verdict as_found(as_finding *f, as_severity severity, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_text(f->sentence, sizeof f->sentence, format, list);
    va_end(list);
    f->severity = severity;
    return AS_FOUND;
}

as_verdict as_not_judged(as_finding *f, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_text(f->sentence, sizeof f->sentence, format, list);
    va_end(list);
    return AS_NOT_JUDGED;
}

void as_action(as_finding *f, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_text(f->action, sizeof f->action, format, list);
    va_end(list);
}

void as_advice(as_finding *f, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_text(f->advice, sizeof f->advice, format, list);
    va_end(list);
}

static bool explains(const as_rule *rule, const char *code)
{
    for (const char *const *e = rule->explains; e != NULL && *e != NULL; e++) {
        if (strcmp(*e, code) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether an earlier rule, or for what was only seen after training any rule, explains a finding. What is less certain
   than the finding does not: a warning explains no fault. */
static bool follows(const as_diagnosis *d, int later, int earlier)
{
    const as_finding *a = &d->finding[earlier], *b = &d->finding[later];
    return a->verdict == AS_FOUND && b->verdict == AS_FOUND && a->severity >= AS_WARN && a->severity >= b->severity &&
           ((earlier < later && !a->late) || (b->late && earlier != later && !a->late)) &&
           explains(a->rule, b->rule->code);
}

static void connect(as_diagnosis *d)
{
    for (int i = 0; i < d->n; i++) {
        for (int j = 0; j < d->n && d->finding[i].consequence_of == NULL; j++) {
            d->finding[i].consequence_of = follows(d, i, j) ? d->finding[j].rule : NULL;
        }
    }
    for (int i = 0; i < d->n; i++) { /* a consequence of a consequence: of its cause */
        for (int hops = 0; hops < d->n && d->finding[i].consequence_of != NULL; hops++) {
            int j = 0;
            while (d->finding[j].rule != d->finding[i].consequence_of) {
                j++;
            }
            if (d->finding[j].consequence_of == NULL || d->finding[j].consequence_of == d->finding[i].rule) {
                break;
            }
            d->finding[i].consequence_of = d->finding[j].consequence_of;
        }
    }
    for (int i = 0; i < d->n; i++) {
        as_finding *f = &d->finding[i];
        if (f->rule->remains && f->consequence_of != NULL) {
            f->verdict = AS_CLEAR;
            f->consequence_of = NULL;
            f->sentence[0] = f->action[0] = f->advice[0] = '\0';
        }
    }
}

static as_verdict judge(const as_rule *rule, const as_case *c, as_finding *f)
{
    if (rule->network && c->network == NULL) {
        return as_not_judged(f, "no network");
    }
    return rule->after && !c->trained ? as_not_judged(f, "only after training") : rule->judge(c, f);
}

as_status as_diagnosis_make(const as_case *c, as_diagnosis *out)
{
    int n = 0;
    while (rules[n] != NULL) {
        n++;
    }
    *out = (as_diagnosis){.n = n, .left = (double)NAN, .finding = calloc((size_t)n + 1, sizeof *out->finding)};
    if (out->finding == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d verdicts", n);
    }
    for (int i = 0; i < n; i++) {
        as_finding *f = &out->finding[i];
        f->rule = rules[i];
        f->verdict = judge(rules[i], c, f);
        if (f->evidence.failed) {
            AS_FAIL(AS_NOMEM, "out of memory for the evidence of %s", rules[i]->code);
        }
    }
    connect(out);
    out->left = c->trained && c->network != NULL && !c->weighted ? 1 - as_case_learnt(c) : (double)NAN;
    return AS_OK;
}

void as_diagnosis_free(as_diagnosis *d)
{
    for (int i = 0; i < d->n && d->finding != NULL; i++) {
        as_text_free(&d->finding[i].evidence);
    }
    free(d->finding);
    *d = (as_diagnosis){0};
}

static bool is_cause(const as_finding *f)
{
    return f->verdict == AS_FOUND && f->consequence_of == NULL;
}

int as_diagnosis_count(const as_diagnosis *d, as_severity severity)
{
    int n = 0;
    for (int i = 0; i < d->n; i++) {
        n += is_cause(&d->finding[i]) && d->finding[i].severity == severity ? 1 : 0;
    }
    return n;
}

const as_finding *as_diagnosis_first(const as_diagnosis *d)
{
    const as_finding *best = NULL;
    for (int i = 0; i < d->n; i++) {
        const as_finding *f = &d->finding[i];
        if (is_cause(f) && f->action[0] != '\0' && (best == NULL || f->severity > best->severity)) {
            best = f;
        }
    }
    return best;
}

/* ---- words ---- */

/* A paragraph, broken at blanks, that begins in column `at` and whose other lines begin with `indent` blanks. */
static void wrap(as_text *out, int columns, int at, int indent, const char *text)
{
    bool first = true;
    for (const char *s = text; *s != '\0';) {
        const int length = (int)strcspn(s, " ");
        if (!first && at + 1 + length > columns) {
            as_text_add(out, "\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            as_text_add(out, " ");
            at++;
        }
        first = false;
        as_text_add(out, "%.*s", length, s);
        at += length;
        s += length;
        s += strspn(s, " ");
    }
    as_text_add(out, "\n");
}

static void print_action(const as_finding *f, int columns, as_text *out)
{
    if (f->action[0] != '\0') {
        as_text_add(out, "  do:");
        for (const char *s = f->action; *s != '\0';) {
            const int length = (int)strcspn(s, " ");
            as_text_add(out, " --set %.*s", length, s);
            s += length;
            s += strspn(s, " ");
        }
        as_text_add(out, "\n");
    }
    if (f->advice[0] != '\0') {
        as_text_add(out, f->action[0] != '\0' ? "  or: " : "  do: ");
        wrap(out, columns, 6, 6, f->advice);
    }
}

static void print_consequences(const as_diagnosis *d, const as_rule *cause, int columns, as_text *out)
{
    for (int i = 0; i < d->n; i++) {
        const as_finding *f = &d->finding[i];
        if (f->verdict == AS_FOUND && f->consequence_of == cause) {
            as_text_add(out, "  hence %s: ", f->rule->code);
            wrap(out, columns, 9 + (int)strlen(f->rule->code), 6, f->sentence);
        }
    }
}

static void print_causes(const as_diagnosis *d, as_severity severity, int columns, as_text *out)
{
    for (int i = 0; i < d->n; i++) {
        const as_finding *f = &d->finding[i];
        if (is_cause(f) && f->severity == severity) {
            as_text_add(out, "%s %s\n  ", as_severity_name(severity), f->rule->code);
            wrap(out, columns, 2, 2, f->sentence);
            print_action(f, columns, out);
            print_consequences(d, f->rule, columns, out);
        }
    }
}

static int count_verdict(const as_diagnosis *d, as_verdict verdict)
{
    int n = 0;
    for (int i = 0; i < d->n; i++) {
        n += d->finding[i].verdict == verdict ? 1 : 0;
    }
    return n;
}

/* Whether an earlier rule has the same verdict for the same reason. */
static bool repeats(const as_diagnosis *d, int i)
{
    for (int j = 0; j < i; j++) {
        if (d->finding[j].verdict == d->finding[i].verdict &&
            strcmp(d->finding[j].sentence, d->finding[i].sentence) == 0) {
            return true;
        }
    }
    return false;
}

/* "no network (19); only after training (6)": reasons and how many rules each keeps from judging. */
static void count_reasons(const as_diagnosis *d, as_text *out)
{
    bool first = true;
    for (int i = 0; i < d->n; i++) {
        if (d->finding[i].verdict != AS_NOT_JUDGED || repeats(d, i)) {
            continue;
        }
        int n = 0;
        for (int j = i; j < d->n; j++) {
            n += d->finding[j].verdict == AS_NOT_JUDGED && strcmp(d->finding[j].sentence, d->finding[i].sentence) == 0;
        }
        as_text_add(out, "%s%s", first ? "" : "; ", d->finding[i].sentence);
        if (n > 1) {
            as_text_add(out, " (%d)", n);
        }
        first = false;
    }
}

static const double nothing_learnt = 0.97;
enum { REASONS_MOST = 100, REASONS_LONG = 320 };

/* One line: how many rules looked, why others did not, and the notes there are. */
static void print_healthy(const as_diagnosis *d, const char *name, as_text *out)
{
    const int notes = as_diagnosis_count(d, AS_INFO), left = count_verdict(d, AS_NOT_JUDGED);
    as_text reasons = {0};
    as_text_add(out, "%s: healthy: %d rules checked", name, d->n - left);
    if (notes > 0) {
        as_text_add(out, ", %d note%s", notes, notes == 1 ? "" : "s");
    }
    if (left > 0) {
        count_reasons(d, &reasons);
        as_text_add(out, ", %d not judged", left);
        if (reasons.size > 0 && reasons.size <= REASONS_MOST) {
            as_text_add(out, " (%s)", reasons.data);
        }
    }
    as_text_add(out, "; list: --json\n");
    if (d->left > nothing_learnt && notes == 0) {
        as_text_add(
            out, "  but next to nothing has been learnt: the loss is %.3g of that of guessing, and no rule says why\n",
            d->left);
    }
    as_text_free(&reasons);
}

void as_diagnosis_print(const as_diagnosis *d, const char *name, int columns, as_text *out)
{
    const int faults = as_diagnosis_count(d, AS_FAULT), warnings = as_diagnosis_count(d, AS_WARN);
    as_text line = {0};
    for (int severity = AS_FAULT; severity >= AS_INFO; severity--) {
        print_causes(d, (as_severity)severity, columns, out);
    }
    if (faults + warnings == 0) {
        print_healthy(d, name, out);
        return;
    }
    as_text_add(out, "%s: %d fault%s, %d warning%s; %d other checks found nothing wrong\n", name, faults,
                faults == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s", count_verdict(d, AS_CLEAR));
    const int left = count_verdict(d, AS_NOT_JUDGED);
    if (left > 0) {
        as_text reasons = {0};
        count_reasons(d, &reasons);
        as_text_add(&line, "%d%s%s", left, reasons.size <= REASONS_LONG ? ": " : "; reasons: --json",
                    reasons.size <= REASONS_LONG ? reasons.data : "");
        as_text_add(out, "not judged: ");
        wrap(out, columns, 12, 12, line.data);
        as_text_free(&reasons);
    }
    as_text_free(&line);
}

static void write_evidence(const as_finding *f, const char *key, as_text *out)
{
    as_json_open(out, key, '{');
    if (f->evidence.size > 0) {
        as_text_add(out, "%s", f->evidence.data);
    }
    as_json_close(out, '}');
}

static void write_finding(const as_finding *f, as_text *out)
{
    as_json_open(out, NULL, '{');
    as_json_text(out, "code", f->rule->code);
    as_json_text(out, "severity", as_severity_name(f->severity));
    as_json_text(out, "sentence", f->sentence);
    write_evidence(f, "evidence", out);
    if (f->action[0] != '\0') {
        as_json_text(out, "action", f->action);
    } else {
        as_json_raw(out, "action", "null");
    }
    as_json_text(out, "advice", f->advice);
    if (f->consequence_of != NULL) {
        as_json_text(out, "consequence_of", f->consequence_of->code);
    } else {
        as_json_raw(out, "consequence_of", "null");
    }
    as_json_close(out, '}');
}

void as_diagnosis_json(const as_diagnosis *d, as_text *out)
{
    as_json_bool(out, "healthy", as_diagnosis_count(d, AS_FAULT) + as_diagnosis_count(d, AS_WARN) == 0);
    as_json_open(out, "findings", '[');
    for (int severity = AS_FAULT; severity >= AS_INFO; severity--) { /* causes by severity, each with what follows */
        for (int i = 0; i < d->n; i++) {
            const as_finding *f = &d->finding[i];
            if (!is_cause(f) || (int)f->severity != severity) {
                continue;
            }
            write_finding(f, out);
            for (int j = i + 1; j < d->n; j++) {
                if (d->finding[j].verdict == AS_FOUND && d->finding[j].consequence_of == f->rule) {
                    write_finding(&d->finding[j], out);
                }
            }
        }
    }
    as_json_close(out, ']');
    as_json_open(out, "clear", '{');
    for (int i = 0; i < d->n; i++) {
        if (d->finding[i].verdict == AS_CLEAR) {
            write_evidence(&d->finding[i], d->finding[i].rule->code, out);
        }
    }
    as_json_close(out, '}');
    as_json_open(out, "not_judged", '{');
    for (int i = 0; i < d->n; i++) {
        if (d->finding[i].verdict == AS_NOT_JUDGED) {
            as_json_text(out, d->finding[i].rule->code, d->finding[i].sentence);
        }
    }
    as_json_close(out, '}');
}
