/* The table of instruments, and the section `probe:` of a configuration. */
#include <string.h>

#include "base/error.h"
#include "nn/kind.h"
#include "probe/probe.h"

#define AS_PROBE(kind) extern const as_probe_ops as_probe_##kind;
#include "probe/probe.def"
#undef AS_PROBE

static const as_probe_ops *const table[] = {
#define AS_PROBE(kind) &as_probe_##kind,
#include "probe/probe.def"
#undef AS_PROBE
    NULL};

enum { KINDS = sizeof table / sizeof table[0] - 1 };

const as_probe_ops *const *as_probes_get(void)
{
    return table;
}

const as_field as_probe_fields[] = {
    {.name = "every",
     .type = AS_FIELD_EVERY,
     .offset = offsetof(as_probe_options, every),
     .standard = "never",
     .help = "How often instruments measure, beginning with the first step: N steps or epochs, or never.",
     .free = true},
    {.name = "pulse",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(as_probe_options, pulse),
     .standard = "auto",
     .help =
         "How often a step is felt: its own numbers (norms, noise, signals, dead units, spikes) become a record. auto: "
         "often enough for 1.5 % of the time at the most, counted and not clocked; N steps; or off.",
     .free = true},
    {.name = "instruments",
     .type = AS_FIELD_NODE,
     .offset = offsetof(as_probe_options, instruments),
     .standard = "",
     .help = "A list of instruments, each a name or {name: {options}}; without it, all but those that cost many "
             "gradients.",
     .free = true},
    AS_FIELDS_END};

static as_status add(as_document *document, const as_node *options, int kind, void *found[KINDS])
{
    const as_probe_ops *ops = table[kind];
    found[kind] = as_document_alloc(document, ops->options_bytes + 1);
    if (found[kind] == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the options of instrument %s", ops->name);
    }
    char path[64] = "probe.instruments.";
    strncat(path, ops->name, sizeof path - strlen(path) - 1);
    const as_fields_part part = {ops->fields, found[kind]};
    return as_fields_parse(&part, 1, document, options, path);
}

static as_status read_list(as_document *document, const as_node *list, void *found[KINDS])
{
    const char *names[KINDS + 1] = {NULL};
    for (int i = 0; i < KINDS; i++) {
        names[i] = table[i]->name;
    }
    if (list->kind != AS_NODE_LIST) {
        AS_FAIL(AS_CONFIG, "%s: probe.instruments: expected a list of instruments, such as [norms, noise]",
                as_node_place(list));
    }
    for (int64_t i = 0; i < list->count; i++) {
        const char *name = NULL;
        const as_node *options = NULL;
        int kind = 0;
        AS_TRY(as_kind_read(list->item[i], "instrument", &name, &options));
        AS_TRY(as_kind_find(list->item[i], "instrument", name, names, &kind));
        if (found[kind] != NULL) {
            AS_FAIL(AS_CONFIG, "%s: probe.instruments: %s is there twice", as_node_place(list->item[i]), name);
        }
        AS_TRY(add(document, options, kind, found));
    }
    return AS_OK;
}

/* "auto", "off", "20", "20 steps". */
static as_status read_pulse(const as_node *node, as_probe_options *out)
{
    const char *text = out->pulse == NULL ? "" : out->pulse;
    const as_node *place = as_node_get(node, "pulse") != NULL ? as_node_get(node, "pulse") : node;
    if (strcmp(text, "auto") == 0 || strcmp(text, "off") == 0) {
        out->pulse_steps = text[0] == 'a' ? 0 : -1;
        return AS_OK;
    }
    as_every every;
    if (!as_every_read(text, &every) || every.steps == 0) {
        AS_FAIL(AS_CONFIG, "%s: probe.pulse: expected auto, off, or a number of steps such as '20 steps', found '%s'",
                as_node_place(place), text);
    }
    out->pulse_steps = every.steps;
    return AS_OK;
}

as_status as_probe_parse(as_document *document, const as_node *node, as_probe_options *out)
{
    void *found[KINDS] = {NULL};
    *out = (as_probe_options){.n = 0};
    const as_fields_part part = {as_probe_fields, out};
    const bool off = as_node_is(node, "off");
    AS_TRY(as_fields_parse(&part, 1, document, off || as_node_is(node, "auto") ? NULL : node, "probe"));
    out->pulse = off ? "off" : out->pulse;
    AS_TRY(read_pulse(node, out));
    if (out->every.minutes > 0) {
        AS_FAIL(AS_CONFIG, "%s: probe.every: expected steps or epochs: results may not depend on time",
                as_node_place(node));
    }
    if (out->instruments != NULL) {
        AS_TRY(read_list(document, out->instruments, found));
    }
    for (int i = 0; i < KINDS; i++) {
        if (out->instruments == NULL && !table[i]->costly) {
            AS_TRY(add(document, NULL, i, found));
        }
        if (found[i] != NULL) {
            out->kind[out->n] = table[i];
            out->options[out->n++] = found[i];
        }
    }
    return AS_OK;
}

as_status as_probe_write(const as_probe_options *options, int indent, as_text *text)
{
    AS_TRY(as_fields_write(as_probe_fields, options, indent, text));
    as_text_add(text, "%*sinstruments:%s\n", indent, "", options->n == 0 ? " []" : "");
    for (int i = 0; i < options->n; i++) {
        const as_field *fields = options->kind[i]->fields;
        as_text_add(text, "%*s- %s%s\n", indent + 2, "", options->kind[i]->name, fields != NULL ? ":" : "");
        if (fields != NULL) {
            AS_TRY(as_fields_write(fields, options->options[i], indent + 6, text));
        }
    }
    return AS_OK;
}
