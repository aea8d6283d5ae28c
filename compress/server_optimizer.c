/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/server_optimizer.h"

#include <math.h>

double bg_server_optimizer_move(const struct bg_server_optimizer *o, double d, float *m, float *v)
{
    if (o->kind == BG_SERVER_NONE)
        return d;
    if (o->kind == BG_SERVER_MOMENTUM) {
        *m = (float)(o->beta1 * (double)*m + d);
        return o->step * (double)*m;
    }
    if (o->kind == BG_SERVER_NESTEROV) {
        *m = (float)(o->beta1 * (double)*m + d);
        return o->step * (d + o->beta1 * (double)*m);
    }
    double square = d * d, second = (double)*v;
    double sign = second > square ? 1 : second < square ? -1 : 0;
    *m = (float)(o->beta1 * (double)*m + (1 - o->beta1) * d);
    *v = (float)(o->kind == BG_SERVER_ADAM ? o->beta2 * second + (1 - o->beta2) * square
                                           : second - (1 - o->beta2) * square * sign);
    return o->step * (double)*m / (sqrt((double)*v) + o->epsilon);
}
