/* SPDX-License-Identifier: Apache-2.0 */
#include "net/transport.h"

const char *bg_route_name(enum bg_route route)
{
    static const char *const names[BG_ROUTE_COUNT] = {
        [BG_ROUTE_PLAN] = "plan",         [BG_ROUTE_GROUPS] = "groups",
        [BG_ROUTE_TASK] = "task",         [BG_ROUTE_MODEL] = "model",
        [BG_ROUTE_UPDATE] = "update",
        [BG_ROUTE_RECEIPT] = "receipt",   [BG_ROUTE_EPOCH] = "epoch",
        [BG_ROUTE_SIGNED_PLAN] = "signed plan", [BG_ROUTE_RELEASE] = "release",
        [BG_ROUTE_SUMS] = "sums",         [BG_ROUTE_REPORT] = "report",
        [BG_ROUTE_ROSTER] = "roster",
        [BG_ROUTE_AUDIT] = "audit",
    };
    return route < BG_ROUTE_COUNT && names[route] ? names[route] : "?";
}
