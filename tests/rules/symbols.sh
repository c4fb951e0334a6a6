#!/usr/bin/env bash
# The library's undefined symbols: no transcendental function of libm (its bits change between processors), nothing that prints,
# ends the process or reads the environment.
set -euo pipefail
library=$1

names='exp exp2 exp10 expm1 log log2 log10 log1p pow sin cos sincos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh
    erf erfc tgamma lgamma gamma cbrt hypot j0 j1 jn y0 y1 yn'
pattern=''
for name in $names; do
    pattern+="|$name|${name}f|${name}l"
done
bad=0
undefined=$(nm -A --undefined-only "$library" 2>/dev/null | awk '{print $(NF - 2) " " $NF}')
hits=$(grep -E " (${pattern#|}|_ZGV[a-zA-Z0-9]*_[a-z0-9]*|__(exp|log|pow)[0-9]*f?_finite)$" <<<"$undefined" || true)
if [ -n "$hits" ]; then
    echo "libm functions whose bits differ between machines (use kernels/math.h):"
    echo "$hits"
    bad=1
fi
hits=$(grep -E ' (printf|puts|putchar|vprintf|perror|stdout|stderr|exit|quick_exit|getenv|secure_getenv|setenv|rand|srand|random|drand48|__printf_chk|setlocale)$' <<<"$undefined" || true)
if [ -n "$hits" ]; then
    echo "the library never prints, exits, reads the environment or draws from a hidden state:"
    echo "$hits"
    bad=1
fi
# The check itself must see symbols: an empty list would pass everything.
[ "$(wc -l <<<"$undefined")" -gt 50 ] || { echo "nm found no symbols in $library" && bad=1; }

[ "$bad" = 0 ] && echo "$(wc -l <<<"$undefined") undefined symbols, none forbidden"
exit $bad
