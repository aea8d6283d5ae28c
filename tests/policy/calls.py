# SPDX-License-Identifier: Apache-2.0
"""Functions of the C library that burgee does not call, each with what it calls instead."""

from policy import Rule, Tap, code_only, files, lines, run_rules

NUMBERS = 'base/number.h parses numbers and says what is wrong with them'
TEXT = 'snprintf, or a writer with a bound'
FORBIDDEN = {
    NUMBERS: 'atoi atol atoll atof strtol strtoll strtoul strtoull sscanf',
    TEXT: 'gets sprintf vsprintf strtok',
    'base/prng.h for simulations, crypto/random.h for secrets': 'rand srand random srandom drand48 rand_r',
    'malloc with a checked size, or an arena': 'alloca',
}
# Their last bits differ between C libraries, and model digests with them.
TRANSCENDENTAL = ('exp exp2 exp10 expm1 log log2 log10 log1p pow sin cos tan asin acos atan atan2 sinh cosh '
                  'tanh asinh acosh atanh cbrt hypot erf erfc tgamma lgamma')
OURS = 'base/math.h gives the same bits on every machine'


def calls(names):
    """A call of one of the names, alone or as a member of no struct."""
    return rf'(?<![\w.>])({"|".join(names)})\s*\('


def forbid(names, instead, but_in=()):
    def check(path, text):
        if not path.startswith(tuple(but_in)):
            for line, match in lines(code_only(text), calls(names)):
                yield line, f'{match[1]}(): {instead}'
    return check


libm = [name + suffix for name in TRANSCENDENTAL.split() for suffix in ('', 'f', 'l')]
RULES = [
    Rule(f'never called: {names}', forbid(names.split(), instead),
         [('base/a.c', f'int x = {name} (y);') for name in names.split()],
         [('base/a.c', f'int x = bg_{name}(y) + a->{name}(y); /* {name}(y) */ "{name}(y)";')
          for name in names.split()])
    for instead, names in FORBIDDEN.items()
] + [
    Rule('the C library computes no transcendental function outside tests', forbid(libm, OURS, ('tests/',)),
         [('base/a.c', f'double x = {name}(y);') for name in libm],
         [('base/a.c', 'double x = bg_exp(y) + sqrt(y);'), ('tests/unit/a.c', 'double x = exp(y);')]),
]

tap = Tap()
run_rules(tap, RULES, files('.c', '.h'))
tap.end()
