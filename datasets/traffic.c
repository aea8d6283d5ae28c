/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/traffic.h"

#include "base/math.h"

static const struct bg_traffic kinds[] = {
    {.label = "BENIGN", .weight = 26, .ports = {80, 443},
     .duration = {14.2, 2.4}, .requests = {2.2, 0.9}, .answers = {0.0, 0.45},
     .request_size = {4.6, 0.9}, .answer_size = {6.2, 0.9}, .variety = 1.2, .burst = 1.8,
     .handshake = 0.85, .reset = 0.12, .push = 0.4, .windows = {29200, 28960}},
    {.label = "BENIGN", .weight = 18, .ports = {53}, .udp = true,
     .duration = {9.8, 1.8}, .requests = {0.5, 0.5}, .answers = {0.0, 0.15},
     .request_size = {3.7, 0.3}, .answer_size = {4.7, 0.5}, .variety = 0.1, .burst = 0.6,
     .windows = {-1, -1}},
    {.label = "BENIGN", .weight = 4, .ports = {22, 21},
     .duration = {15.2, 1.6}, .requests = {2.6, 0.7}, .answers = {0.1, 0.3},
     .request_size = {3.8, 0.7}, .answer_size = {4.6, 0.7}, .variety = 1.3, .burst = 1.6,
     .handshake = 0.9, .reset = 0.05, .push = 0.6, .windows = {29200, 28960}},
    {.label = "BENIGN", .weight = 5,
     .duration = {17.2, 1.0}, .requests = {2.4, 0.8}, .answers = {-0.2, 0.5},
     .request_size = {3.2, 1.2}, .answer_size = {3.6, 1.2}, .variety = 0.8, .burst = 2.2,
     .handshake = 0.5, .reset = 0.2, .push = 0.5, .windows = {8192, 14480}},
    {.label = "BENIGN", .weight = 4,
     .duration = {4.2, 1.2}, .requests = {0.2, 0.3}, .answers = {-0.1, 0.3},
     .request_size = {0.8, 1.0}, .answer_size = {0.6, 1.0}, .variety = 0.3, .burst = 0.4,
     .handshake = 0.3, .reset = 0.25, .push = 0.2, .windows = {1024, 229}},
    {.label = "DoS Hulk", .weight = 9, .stealthy = 0.01, .ports = {80},
     .duration = {11.2, 0.8}, .requests = {1.4, 0.25}, .answers = {-0.1, 0.15},
     .request_size = {4.6, 0.2}, .answer_size = {6.9, 0.25}, .variety = 1.4, .burst = 1.5,
     .handshake = 0.8, .reset = 0.15, .push = 0.35, .windows = {29200, 28960}},
    {.label = "DoS GoldenEye", .weight = 3, .stealthy = 0.01, .ports = {80},
     .duration = {16.2, 0.3}, .requests = {1.9, 0.2}, .answers = {-0.4, 0.15},
     .request_size = {4.3, 0.25}, .answer_size = {6.6, 0.25}, .variety = 1.6, .burst = 2.0,
     .handshake = 0.9, .reset = 0.1, .push = 0.3, .windows = {29200, 28960}},
    {.label = "DoS Slowloris", .weight = 2, .stealthy = 0.01, .ports = {80},
     .duration = {18.2, 0.5}, .requests = {1.7, 0.5}, .answers = {-0.6, 0.4},
     .request_size = {3.0, 0.8}, .answer_size = {1.4, 1.4}, .variety = 1.0, .burst = 1.8,
     .handshake = 0.7, .reset = 0.2, .push = 0.4, .windows = {29200, 28960}},
    {.label = "DoS Slowhttptest", .weight = 1, .stealthy = 0.01, .ports = {80},
     .duration = {17.9, 0.7}, .requests = {2.0, 0.5}, .answers = {-1.2, 0.5},
     .request_size = {4.1, 0.7}, .answer_size = {1.2, 1.5}, .variety = 0.8, .burst = 1.6,
     .handshake = 0.6, .reset = 0.3, .push = 0.4, .windows = {29200, 28960}},
    {.label = "DDoS", .weight = 10, .stealthy = 0.01, .ports = {80},
     .duration = {14.4, 1.2}, .requests = {1.5, 0.3}, .answers = {0.15, 0.25},
     .request_size = {1.9, 0.5}, .answer_size = {7.2, 0.4}, .variety = 1.2, .burst = 1.5,
     .handshake = 0.8, .reset = 0.08, .push = 0.25, .windows = {8192, 229}},
    {.label = "PortScan", .weight = 9, .stealthy = 0.01,
     .duration = {3.9, 0.8}, .requests = {0.1, 0.25}, .answers = {0.0, 0.1},
     .request_size = {0.3, 0.6}, .answer_size = {1.3, 0.5}, .variety = 0.1, .burst = 0.3,
     .handshake = 0.15, .reset = 0.75, .push = 0.1, .windows = {1024, 0}},
    {.label = "FTP-Patator", .weight = 2.5, .stealthy = 0.02, .ports = {21},
     .duration = {15.6, 0.7}, .requests = {2.2, 0.2}, .answers = {0.45, 0.15},
     .request_size = {2.5, 0.3}, .answer_size = {3.3, 0.3}, .variety = 0.7, .burst = 2.0,
     .handshake = 0.9, .reset = 0.05, .push = 0.7, .windows = {29200, 227}},
    {.label = "SSH-Patator", .weight = 2, .stealthy = 0.02, .ports = {22},
     .duration = {16.1, 0.4}, .requests = {2.9, 0.25}, .answers = {0.35, 0.15},
     .request_size = {4.5, 0.2}, .answer_size = {4.5, 0.25}, .variety = 1.4, .burst = 1.8,
     .handshake = 0.95, .reset = 0.03, .push = 0.6, .windows = {29200, 247}},
    {.label = "Web Attack - Brute Force", .weight = 0.9, .stealthy = 0.02, .ports = {80},
     .duration = {15.6, 0.3}, .requests = {3.7, 0.35}, .answers = {-0.35, 0.2},
     .request_size = {5.6, 0.25}, .answer_size = {6.3, 0.25}, .variety = 1.8, .burst = 2.2,
     .handshake = 0.9, .reset = 0.04, .push = 0.5, .windows = {29200, 28960}},
    {.label = "Web Attack - XSS", .weight = 0.5, .stealthy = 0.02, .ports = {80},
     .duration = {17.0, 0.4}, .requests = {4.2, 0.5}, .answers = {-0.4, 0.2},
     .request_size = {5.5, 0.3}, .answer_size = {6.5, 0.4}, .variety = 1.8, .burst = 2.0,
     .handshake = 0.9, .reset = 0.04, .push = 0.5, .windows = {29200, 28960}},
    {.label = "Web Attack - SQL Injection", .weight = 0.1, .stealthy = 0.03, .ports = {80},
     .duration = {15.4, 0.4}, .requests = {1.6, 0.3}, .answers = {0.0, 0.2},
     .request_size = {5.6, 0.4}, .answer_size = {7.2, 0.5}, .variety = 1.4, .burst = 1.6,
     .handshake = 0.95, .reset = 0.02, .push = 0.5, .windows = {29200, 28960}},
    {.label = "Bot", .weight = 2.4, .stealthy = 0.03, .ports = {8080},
     .duration = {11.4, 1.4}, .requests = {1.5, 0.3}, .answers = {-0.1, 0.2},
     .request_size = {4.0, 0.5}, .answer_size = {4.4, 0.6}, .variety = 1.2, .burst = 1.2,
     .handshake = 0.85, .reset = 0.1, .push = 0.6, .windows = {8192, 237}},
    {.label = "Infiltration", .weight = 0.3, .stealthy = 0.05, .ports = {444},
     .duration = {18.0, 0.6}, .requests = {4.5, 0.9}, .answers = {0.3, 0.3},
     .request_size = {5.5, 0.8}, .answer_size = {3.5, 0.8}, .variety = 2.0, .burst = 2.5,
     .handshake = 0.6, .reset = 0.1, .push = 0.5, .windows = {8192, 8192}},
    {.label = "Heartbleed", .weight = 0.1, .ports = {444},
     .duration = {18.5, 0.1}, .requests = {7.9, 0.1}, .answers = {-0.3, 0.1},
     .request_size = {1.2, 0.2}, .answer_size = {8.2, 0.1}, .variety = 1.0, .burst = 3.0,
     .handshake = 0.2, .reset = 0.02, .push = 0.3, .windows = {29200, 28960}},
};

const struct bg_traffic *bg_traffic_kinds(size_t *ret_count)
{
    *ret_count = sizeof kinds / sizeof *kinds;
    return kinds;
}

double bg_lognormal_draw(const struct bg_lognormal *quantity, struct bg_prng *prng)
{
    return bg_exp(quantity->centre + quantity->spread * bg_prng_normal(prng));
}
