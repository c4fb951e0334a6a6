"""Reference values of the special functions: python3 make_special.py > special.h

mpmath 1.3.0 with 60 digits (640 where a tail is subtracted from one); no random numbers."""
import itertools

import mpmath
from mpmath import mp, mpf

assert mpmath.__version__ == "1.3.0"
mp.dps = 60


def text(v):
    v = mpf(v)
    if v == 0 or abs(v) < mpf("1e-307"):
        return "0"
    return mpmath.nstr(v, 20, min_fixed=-1, max_fixed=1)


def positive_series(ratio, digits):
    """1 + r(0) + r(0) r(1) + ...: all terms positive, so nothing cancels."""
    term, total, n = mpf(1), mpf(1), 0
    while term > total * mpf(10) ** -digits:
        term *= ratio(n)
        total += term
        n += 1
    return total


def log_lower_gamma(a, x):
    return a * mp.log(x) - x - mp.loggamma(a + 1) + mp.log(positive_series(lambda n: x / (a + 1 + n), 620))


def gamma_logs(a, x):
    """log P and log Q, the smaller one directly."""
    a, x = mpf(a), mpf(x)
    with mp.workdps(640):
        lp = log_lower_gamma(a, x)
        p = mp.exp(lp)
        return lp, mp.log(1 - p)


def beta_log(a, b, x):
    with mp.workdps(40):
        a, b, x = map(mpf, (a, b, x))
        y = 1 - x
        f = positive_series(lambda n: x * (a + b + n) / (a + 1 + n), 30)
        return a * mp.log(x) + b * mp.log(y) - mp.log(a) - (mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)) + mp.log(f)


rows = {}


def add(function, *values):
    rows.setdefault(function, []).append(values)


for x in ["1e-300", "1e-10", "1e-3", "0.25", "0.5", "0.75", "0.9999999", "1.0000001", "1.25", "1.5", "1.75", "1.99999",
          "2.00001", "2.5", "3.7", "7.3", "9.99", "10", "10.5", "33.3", "170.6", "1e4", "1e9", "1e15", "1e100"]:
    v = mpf(float(x))
    add("log_gamma", float(x), mp.loggamma(v))
    if float(x) < 1e14:
        add("digamma", float(x), mp.digamma(v))
for a, b in itertools.product([1e-8, 1e-3, 0.5, 1.0, 3.7, 9.5, 12.0, 150.5, 1e6, 1e11], repeat=2):
    if a <= b:
        add("log_beta", a, b, mp.loggamma(mpf(a)) + mp.loggamma(mpf(b)) - mp.loggamma(mpf(a) + mpf(b)))
for x in [-30.0, -3.5, -1.0, -1e-5, -1e-12, 1e-20, 1e-8, 0.1, 0.4999, 0.5, 0.9, 1.5, 1.999, 2.0, 2.5, 3.7, 5.0, 8.0, 12.5, 20.0,
          26.0, 100.0, 1e4, 1e8]:
    add("log_erfc", x, mp.log(mp.erfc(mpf(x))) if x < 1e5 else -mpf(x) ** 2 - mp.log(mpf(x) * mp.sqrt(mp.pi)))
    add("erfc", x, mp.erfc(mpf(x)) if x < 1e5 else 0)
for p in [5e-324, 1e-300, 1e-200, 1e-100, 1e-60, 1e-30, 1e-10, 1e-5, 0.01, 0.1, 0.3, 0.39999, 0.4, 0.45, 0.499999, 0.5, 0.500001, 0.55,
          0.6, 0.7, 0.9, 0.999, 0.9999999]:
    with mp.workdps(400):
        v = mpf(p)
        if p < 0.5:
            t = mp.sqrt(-2 * mp.log(v))
            z = mp.findroot(lambda z: mp.log(mp.erfc(-z / mp.sqrt(2)) / 2) - mp.log(v), -t if p < 0.01 else mpf(p) * 2 - 1, tol=mpf(10)**-80)
        else:
            z = mp.sqrt(2) * mp.erfinv(2 * v - 1)
    add("normal_inverse", p, z)
for a in [1e-8, 1e-3, 0.1, 0.5, 1.0, 2.5, 9.9, 10.0, 57.0, 1000.0, 1e6]:
    for r in [1e-30, 1e-4, 0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 10.0, 100.0]:
        x = a * r
        if a >= 1e6 and not 0.9 <= r <= 1.1:
            continue
        if a >= 1000 and r > 10:
            continue
        lp, lq = gamma_logs(a, x)
        if lq > -1200:  # what the digits allow
            add("log_gamma_pq", a, x, lp, lq)
for a in [0.1, 0.5, 1.0, 7.5]:
    for x in [1.2, 1.4999, 50.0, 140.0, 600.0, 690.0]:
        lp, lq = gamma_logs(a, x)
        add("log_gamma_pq", a, x, lp, lq)
for a in [1e6]:  # deep tails of a large shape
    for s in [-15.0, -3.0, -0.1, 0.1, 3.0, 15.0]:
        x = a + s * a**0.5
        lp, lq = gamma_logs(a, x)
        add("log_gamma_pq", a, x, lp, lq)
for a, b in itertools.product([1e-3, 0.5, 1.0, 3.5, 20.0, 500.0, 1e5], repeat=2):
    mean = a / (a + b)
    for r in [1e-30, 1e-3, 0.3, 0.9, 1.0]:
        x = float(int(mean * r * 2**53)) / 2**53 if mean * r > 1e-6 else mean * r
        y = 1 - x
        if x <= 0 or x > 0.99:  # the series would need too many terms
            continue
        add("log_beta_i", a, b, x, y, beta_log(a, b, x))

print("/* Made by tests/reference/make_special.py with mpmath 1.3.0. */")
for name, values in rows.items():
    width = len(values[0])
    print(f"static const double reference_{name}[][{width}] = {{")
    for row in values:
        inner = ", ".join(repr(v) if isinstance(v, float) else text(v) for v in row)
        print(f"    {{{inner}}},")
    print("};")
