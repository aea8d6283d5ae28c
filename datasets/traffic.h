/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of traffic that synthetic flows are drawn from. */
#pragma once

#include "base/prng.h"

#include <stdbool.h>
#include <stddef.h>

/* A quantity exp(centre + spread · normal). */
struct bg_lognormal {
    double centre; /* natural logarithm of the median */
    double spread;
};

struct bg_traffic {
    const char *label; /* as CIC-IDS2017 writes it */
    double weight;     /* share of flows, relative */
    double stealthy;   /* share of these flows that behave like benign browsing */
    int ports[3];      /* destination ports, equally likely; 0 ends the list; none: any port */
    bool udp;
    struct bg_lognormal duration;    /* µs between first and last packet */
    struct bg_lognormal requests;    /* forward packets */
    struct bg_lognormal answers;     /* backward packets per forward packet */
    struct bg_lognormal request_size; /* payload bytes of a forward packet */
    struct bg_lognormal answer_size;
    double variety;   /* coefficient of variation of payloads within a flow */
    double burst;     /* coefficient of variation of gaps between packets */
    double handshake; /* probability of SYN and of FIN, for TCP */
    double reset;     /* probability of RST */
    double push;      /* share of packets with data that carry PSH */
    int windows[2];   /* initial windows, forward and backward; −1 where there is none */
};

/* The kinds, and how many. The first is benign browsing. */
const struct bg_traffic *bg_traffic_kinds(size_t *ret_count);

double bg_lognormal_draw(const struct bg_lognormal *quantity, struct bg_prng *prng);
