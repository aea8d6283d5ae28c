/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-client on the network: one function per verb. */
#include "client/main_parts.h"

#include "base/json.h"
#include "base/number.h"
#include "client/device_state.h"
#include "client/enrol.h"
#include "client/service.h"

#include <inttypes.h>
#include <math.h>
#include <sys/stat.h>
#include <time.h>

static void print_when(const char *what, uint64_t seconds)
{
    char text[32] = "?";
    time_t when = (time_t)seconds;
    struct tm utc;
    if (gmtime_r(&when, &utc))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    printf("%s %s\n", what, text);
}

static enum bg_status report_membership(struct bg_client_run *run, const char *folder, struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_membership member;
    enum bg_status status = bg_membership_load(folder, BG_CLIENT_ENROL_FIRST, error, &member);
    if (status != BG_OK)
        return status;
    bg_digest_to_hex(&member.about.id, hex);
    bg_json_add_string(run->json, "client", hex);
    bg_json_add_string(run->json, "role", bg_certificate_role_name(member.about.role));
    bg_json_add_u64(run->json, "not_after", member.about.not_after);
    bg_json_add_bool(run->json, "root_known", member.has_root);
    if (bg_client_prints_lines(run)) {
        printf("%s %s\n", bg_certificate_role_name(member.about.role), hex);
        print_when("certificate valid until", member.about.not_after);
        if (!member.has_root)
            puts("no root has enrolled yet: renew when one has");
    }
    bg_membership_finish(&member);
    return BG_OK;
}

static void report_servers(struct bg_client_run *run, const char *population, const char *root_url,
                           const char *key_holder_url)
{
    bg_json_add_string(run->json, "population", population);
    bg_json_add_string(run->json, "root_url", root_url);
    bg_json_add_string(run->json, "key_holder_url", key_holder_url);
    if (bg_client_prints_lines(run))
        printf("population %s, root %s, key holder %s\n", population, root_url[0] ? root_url : "not known",
               key_holder_url);
}

enum bg_status bg_client_verb_enrol(struct bg_client_run *run, struct bg_error *error)
{
    const char *const *words = run->arguments.words;
    struct bg_enrolment_reply reply;
    enum bg_status status = bg_client_enrol(words[1], words[2], words[3], run->flags.label ? run->flags.label : "",
                                            &run->config, error, &reply);
    if (status == BG_OK)
        status = report_membership(run, words[1], error);
    if (status == BG_OK)
        report_servers(run, reply.population.name, reply.root_url, words[2]);
    return status;
}

enum bg_status bg_client_verb_renew(struct bg_client_run *run, struct bg_error *error)
{
    const char *const *words = run->arguments.words;
    struct bg_enrolment_reply reply;
    enum bg_status status = bg_client_renew(words[1], error, &reply);
    if (status == BG_OK)
        status = report_membership(run, words[1], error);
    if (status == BG_OK)
        report_servers(run, reply.population.name, reply.root_url, run->config.key_holder_url);
    return status;
}

enum bg_status bg_client_verb_run(struct bg_client_run *run, struct bg_error *error)
{
    struct bg_client_service_settings settings = {.folder = run->arguments.words[1],
                                                  .config = &run->config,
                                                  .json = run->flags.json,
                                                  .quiet = run->flags.quiet};
    if (run->flags.rounds && bg_parse_u64(run->flags.rounds, 1, UINT64_MAX, &settings.rounds) != BG_OK)
        return bg_fail(error, BG_INVALID, "--exit-after-rounds %s: give a number from 1 on", run->flags.rounds);
    return bg_client_service_run(&settings, error, &run->abandoned);
}

/* ---- show ---- */

static double norm(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

static void report_state(struct bg_client_run *run, const struct bg_device_state *state, uint64_t spooled)
{
    const struct bg_learner *learner = &state->learner;
    double owed = norm(learner->codec.sums, learner->plan.plan.root.layout.coordinates);
    bg_json_add_u64(run->json, "round", state->round);
    bg_json_add_u64(run->json, "settled_round", state->settlement.round);
    bg_json_add_bool(run->json, "waits_for_receipt", state->out);
    bg_json_add_number(run->json, "residual_norm", owed);
    bg_json_add_u64(run->json, "spool_bytes", spooled);
    if (!bg_client_prints_lines(run))
        return;
    printf("last update for round %" PRIu64 ", last receipt of round %" PRIu64 ", norm of the residual %.4g\n",
           state->round, state->settlement.round, owed);
    if (state->out)
        printf("an update is out, %s\n", spooled ? "and not sent yet" : "and the root has it");
}

enum bg_status bg_client_verb_show(struct bg_client_run *run, struct bg_error *error)
{
    const char *folder = run->arguments.words[1];
    char path[BG_DEVICE_PATH_BYTES], update[BG_DEVICE_PATH_BYTES];
    struct bg_device_state state;
    struct stat about;
    enum bg_status status = report_membership(run, folder, error);
    if (status != BG_OK)
        return status;
    report_servers(run, run->config.population, run->config.root_url, run->config.key_holder_url);
    status = bg_device_path(folder, "client.state", error, path);
    if (status == BG_OK)
        status = bg_device_path(folder, "client.update", error, update);
    if (status == BG_OK)
        status = bg_device_state_load(path, error, &state);
    if (status == BG_NOT_FOUND) {
        bg_json_add_u64(run->json, "round", 0);
        if (bg_client_prints_lines(run))
            puts("no update yet");
        return BG_OK;
    }
    if (status != BG_OK)
        return status;
    report_state(run, &state, stat(update, &about) == 0 ? (uint64_t)about.st_size : 0);
    bg_device_state_finish(&state);
    return BG_OK;
}
