/* allsum completion bash|zsh|fish: completion of verbs, options and files, from the tables. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "cli/verb.h"

static void print_options_of(const as_verb *verb)
{
    for (const as_option *o = verb->options; o != NULL && o->name != NULL; o++) {
        printf("--%s ", o->name);
    }
    for (const as_option *o = as_common_options; o->name != NULL; o++) {
        printf("--%s ", o->name);
    }
}

static void print_verbs(void)
{
    for (const as_verb *const *v = as_verbs_get(); *v != NULL; v++) {
        printf("%s ", (*v)->name);
    }
}

/* zsh reads it through bashcompinit. */
static void print_bash(void)
{
    printf("_allsum() {\n  local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "    COMPREPLY=($(compgen -W \"");
    print_verbs();
    printf("--help --version\" -- \"$word\"))\n    return\n  fi\n  case \"${COMP_WORDS[1]}\" in\n");
    for (const as_verb *const *v = as_verbs_get(); *v != NULL; v++) {
        printf("    %s) words=\"", (*v)->name);
        print_options_of(*v);
        printf("\" ;;\n");
    }
    printf("  esac\n  if [ \"${word#-}\" != \"$word\" ]; then\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "  else\n    COMPREPLY=($(compgen -f -- \"$word\"))\n  fi\n}\ncomplete -o filenames -F _allsum allsum\n");
}

static void print_quoted(const char *text)
{
    putchar('\'');
    for (const char *s = text; *s != '\0'; s++) {
        printf(*s == '\'' ? "\\'" : "%c", *s);
    }
    putchar('\'');
}

static void print_fish_option(const as_verb *verb, const as_option *o)
{
    printf("complete -c allsum -n '__fish_seen_subcommand_from %s' -l %s %s", verb->name, o->name,
           o->value != NULL ? "-r " : "");
    if (o->letter != 0) {
        printf("-s %c ", o->letter);
    }
    printf("-d ");
    print_quoted(o->help);
    printf("\n");
}

static void print_fish(void)
{
    for (const as_verb *const *v = as_verbs_get(); *v != NULL; v++) {
        printf("complete -c allsum -n __fish_use_subcommand -f -a %s -d ", (*v)->name);
        print_quoted((*v)->summary);
        printf("\n");
        for (const as_option *o = (*v)->options; o != NULL && o->name != NULL; o++) {
            print_fish_option(*v, o);
        }
        for (const as_option *o = as_common_options; o->name != NULL; o++) {
            print_fish_option(*v, o);
        }
    }
}

static as_status run(as_context *context)
{
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};
    const char *shell = context->argument[0];
    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        printf("autoload -U +X bashcompinit && bashcompinit\n");
        print_bash();
    } else if (strcmp(shell, "fish") == 0) {
        print_fish();
    } else {
        const char *near = as_nearest_name(shell, shells);
        AS_FAIL(AS_USAGE, "completion: unknown shell '%s'%s%s%s", shell, near != NULL ? " (did you mean '" : "",
                near != NULL ? near : " (known: bash, zsh, fish)", near != NULL ? "'?)" : "");
    }
    return AS_OK;
}

const as_verb as_verb_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "Completion for a shell",
    .details = "bash: eval \"$(allsum completion bash)\" in ~/.bashrc; fish: allsum completion fish | source\n",
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run,
};
