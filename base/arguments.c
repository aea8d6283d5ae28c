/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bg_flag *find(const struct bg_flag *flags, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(flags[i].name, name) == 0)
            return &flags[i];
    return NULL;
}

static bool is_incomplete(const char *setting)
{
    size_t size = strlen(setting);
    return size == 0 || setting[size - 1] == '=';
}

static enum bg_status add_setting(struct bg_arguments *arguments, const char *setting, const char *value,
                                  struct bg_error *error)
{
    char *text;
    if (asprintf(&text, "%s%s", setting, value ? value : "") < 0)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    arguments->settings[arguments->setting_count++] = text;
    return BG_OK;
}

/* *at is moved to the flag's value. */
static enum bg_status take_flag(struct bg_arguments *arguments, const struct bg_flag *flag, char **argv, int *at,
                                struct bg_error *error)
{
    const char *value = NULL;
    if (flag->value || flag->words || (flag->setting && is_incomplete(flag->setting))) {
        value = argv[*at + 1];
        if (!value)
            return bg_fail(error, BG_INVALID, "%s needs a value; see --help", flag->name);
        ++*at;
    }
    if (flag->setting)
        return add_setting(arguments, flag->setting, value, error);
    if (flag->words)
        flag->words->at[flag->words->count++] = value;
    else if (flag->value)
        *flag->value = value;
    else
        *flag->on = true;
    return BG_OK;
}

static enum bg_status take_all(struct bg_arguments *arguments, char **argv, const struct bg_flag *flags, size_t count,
                               struct bg_error *error)
{
    bool only_words = false;
    for (int i = 1; argv[i]; i++) {
        enum bg_status status = BG_OK;
        const struct bg_flag *flag;
        if (only_words || argv[i][0] != '-' || !argv[i][1])
            arguments->words[arguments->word_count++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_words = true;
        else if ((flag = find(flags, count, argv[i])))
            status = take_flag(arguments, flag, argv, &i, error);
        else
            status = bg_fail(error, BG_INVALID, "%s: no such option; see --help", argv[i]);
        if (status != BG_OK)
            return status;
    }
    return BG_OK;
}

enum bg_status bg_arguments_parse(int argc, char **argv, const struct bg_flag *flags, size_t count,
                                  struct bg_error *error, struct bg_arguments *ret_arguments)
{
    struct bg_arguments arguments = {.words = calloc((size_t)argc + 1, sizeof *arguments.words),
                                     .settings = calloc((size_t)argc + 1, sizeof *arguments.settings)};
    enum bg_status status = arguments.words && arguments.settings ? BG_OK
                                                                  : bg_fail(error, BG_NO_MEMORY, "out of memory");
    if (status == BG_OK && argc > 0)
        status = take_all(&arguments, argv, flags, count, error);
    if (status == BG_OK)
        *ret_arguments = arguments;
    else
        bg_arguments_finish(&arguments);
    return status;
}

void bg_arguments_finish(struct bg_arguments *arguments)
{
    for (size_t i = 0; i < arguments->setting_count; i++)
        free(arguments->settings[i]);
    free(arguments->settings);
    free(arguments->words);
    *arguments = (struct bg_arguments){0};
}
