/* SPDX-License-Identifier: Apache-2.0 */
#include "model/loss.h"

#include "base/math.h"

static double shifted(const struct bg_loss *loss, const float *logits, size_t c)
{
    return loss && loss->shifts ? (double)logits[c] + (double)loss->shifts[c] : (double)logits[c];
}

double bg_cross_entropy(const struct bg_loss *loss, const float *logits, size_t classes, uint16_t label, double scale,
                        float *ret_derivative)
{
    double weight = loss && loss->weights ? (double)loss->weights[label] : 1;
    double largest = shifted(loss, logits, 0);
    double sum = 0;
    double others = 0; /* all but the label's: 1 − p without cancellation */
    for (size_t c = 1; c < classes; c++) {
        double logit = shifted(loss, logits, c);
        largest = logit > largest ? logit : largest;
    }
    for (size_t c = 0; c < classes; c++) {
        double power = bg_exp(shifted(loss, logits, c) - largest);
        sum += power;
        others += c == label ? 0 : power;
        ret_derivative[c] = (float)power;
    }
    double factor = weight * scale / sum;
    for (size_t c = 0; c < classes; c++)
        ret_derivative[c] = (float)(factor * ret_derivative[c]);
    ret_derivative[label] = (float)(-factor * others);
    return weight * (bg_ln(sum) - (shifted(loss, logits, label) - largest));
}
