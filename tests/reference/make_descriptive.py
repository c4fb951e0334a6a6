"""Reference numbers of tests/unit/test_descriptive.c: moments and quantiles by scipy and numpy.

usage: make_descriptive.py > descriptive.h      (numpy, scipy; versions are in the output)
"""
import numpy
import scipy
from scipy import stats

rng = numpy.random.Generator(numpy.random.PCG64(5))
cases = {
    "skewed": numpy.round(rng.gamma(2.0, 3.0, 37), 6),
    "offset": 1e9 + numpy.round(rng.normal(size=50), 3),
    "ties": rng.integers(-2, 3, 64).astype(float),
}
print("/* Made by tests/reference/make_descriptive.py with numpy %s, scipy %s, PCG64 seed 5. */" % (numpy.__version__, scipy.__version__))
for name, v in cases.items():
    print("static const double %s[] = {%s};" % (name, ", ".join(repr(float(x)) for x in v)))
    q = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
    c = v - numpy.floor(v.mean())  # exact here: moments do not depend on the offset
    facts = [v.mean(), c.std(ddof=1), stats.skew(c), stats.kurtosis(c)] + list(numpy.quantile(v, q))
    print("static const double %s_facts[] = {%s};" % (name, ", ".join("%.17g" % x for x in facts)))
