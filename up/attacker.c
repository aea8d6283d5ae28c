/* SPDX-License-Identifier: Apache-2.0 */
#include "up/attacker.h"

#include "client/service.h"
#include "simulator/attack.h"
#include "up/federation_state.h"

#include <string.h>
#include <unistd.h>

/* The choice that a text names, by the option table of simulations. */
static enum bg_status find_attack(const char *kind, struct bg_error *error, enum bg_attack *ret_attack)
{
    struct bg_simulator_config config;
    char assignment[BG_OPTION_TEXT_BYTES];
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &config);
    snprintf(assignment, sizeof assignment, "attack.kind=%.100s", kind);
    enum bg_status status =
        bg_options_set(bg_simulator_options, bg_simulator_option_count, assignment, &config, error);
    if (status == BG_OK)
        *ret_attack = (enum bg_attack)config.attack;
    return status;
}

enum bg_status bg_attacker_run(char *const *arguments, struct bg_error *error)
{
    char path[PATH_MAX];
    struct bg_client_config config;
    struct bg_attacker attacker = {.attack = BG_ATTACK_NONE};
    uint64_t most;
    bool abandoned = false;
    enum bg_status status = find_attack(arguments[1], error, &attacker.attack);
    if (status == BG_OK && (bg_parse_u64(arguments[2], 0, UINT64_MAX, &attacker.seed) != BG_OK ||
                            bg_parse_u64(arguments[3], 1, UINT16_MAX - 1, &most) != BG_OK))
        status = bg_fail(error, BG_INVALID, "%s %s: not a seed and a size of groups", arguments[2], arguments[3]);
    if (status == BG_OK)
        status = bg_up_path(path, arguments[0], "config.json", error);
    if (status == BG_OK)
        status = bg_options_read(bg_client_options, bg_client_option_count, path, NULL, 0, &config, error);
    if (status != BG_OK)
        return status;
    attacker.group_most = (uint32_t)most;
    struct bg_client_service_settings settings = {
        .folder = arguments[0], .config = &config, .tap = bg_attack_tap(&attacker), .json = true};
    status = bg_client_service_run(&settings, error, &abandoned);
    if (abandoned)
        _exit(status == BG_OK ? 0 : bg_status_exit_code(status));
    return status;
}
