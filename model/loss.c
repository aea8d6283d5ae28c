/* SPDX-License-Identifier: Apache-2.0 */
#include "model/loss.h"

#include "base/math.h"

double bg_cross_entropy(const float *logits, size_t classes, uint16_t label, double weight, double scale,
                        float *ret_derivative)
{
    float largest = logits[0];
    double sum = 0;
    double others = 0; /* all but the label's: 1 − p without cancellation */
    for (size_t c = 1; c < classes; c++)
        largest = logits[c] > largest ? logits[c] : largest;
    for (size_t c = 0; c < classes; c++) {
        double power = bg_exp((double)logits[c] - largest);
        sum += power;
        others += c == label ? 0 : power;
        ret_derivative[c] = (float)power;
    }
    double factor = weight * scale / sum;
    for (size_t c = 0; c < classes; c++)
        ret_derivative[c] = (float)(factor * ret_derivative[c]);
    ret_derivative[label] = (float)(-factor * others);
    return weight * (bg_ln(sum) - ((double)logits[label] - largest));
}
