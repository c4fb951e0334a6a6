"""The coefficients of src/kernels/math.h: minimax polynomials by the exchange algorithm of Remez in 200-bit arithmetic.

Run:  python math_coefficients.py        (mpmath 1.3.0; about 15 seconds)
Prints each polynomial, constant term first, rounded to float or double, with the largest error before rounding.
"""
import struct

import mpmath as m
from mpmath import mpf

m.mp.prec = 200
ONE = mpf(1)


def minimax(f, a, b, degree, weight=lambda x: ONE):
    """Coefficients and max of |weight (p - f)| on [a, b]."""
    n = degree + 2
    a, b = mpf(a), mpf(b)
    points = [(a + b) / 2 - (b - a) / 2 * m.cos(m.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    grid = [a + (b - a) * (1 - m.cos(m.pi * i / (60 * n))) / 2 for i in range(60 * n + 1)]
    for _ in range(30):
        A, y = m.matrix(n, n), m.matrix(n, 1)
        for i, x in enumerate(points):
            for j in range(degree + 1):
                A[i, j] = x**j
            A[i, degree + 1] = (-1)**i / weight(x)
            y[i] = f(x)
        solution = m.lu_solve(A, y)
        c, level = [solution[i] for i in range(degree + 1)], abs(solution[degree + 1])
        error = [weight(x) * (m.polyval(c[::-1], x) - f(x)) for x in grid]
        runs, start = [], 0
        for i in range(1, len(grid) + 1):
            if i == len(grid) or (error[i] > 0) != (error[start] > 0):
                runs.append(max(range(start, i), key=lambda k: abs(error[k])))
                start = i
        while len(runs) > n:
            runs.pop(0 if abs(error[runs[0]]) < abs(error[runs[-1]]) else -1)
        worst = max(abs(e) for e in error)
        if len(runs) < n or worst - level < level * mpf("0.005"):
            break
        points = [grid[k] for k in runs]
    return c, worst


def text(x, bits):
    value = float(x)
    if bits == 32:
        value = struct.unpack("f", struct.pack("f", value))[0]
    mantissa, exponent = value.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}" + ("f" if bits == 32 else "")


def show(name, degrees, f, a, b, weight=lambda x: ONE, scale=ONE):
    for bits, degree in degrees.items():
        top = b[bits] if isinstance(b, dict) else b
        c, error = minimax(f, a, top, degree, weight)
        print(f"{name}, {'float' if bits == 32 else 'double'}, error 2^{m.nstr(m.log(error * scale, 2), 4)}")
        print("   ", ", ".join(text(x, bits) for x in c))


def series(f, near, below=mpf(10)**-20):
    """f, or its value `near` 0 where the formula cancels."""
    return lambda x: f(x) if abs(x) > below else near(x)


half_ln2 = m.log(2) / 2 * mpf("1.002")
show("exp: (e^r - 1 - r) / r^2, whose first coefficient is 1/2", {32: 5, 64: 10},
     series(lambda r: (m.expm1(r) - r) / r**2, lambda r: mpf(1) / 2 + r / 6), -half_ln2, half_ln2, scale=half_ln2**2)

z_log = ((m.sqrt(2) - 1) / (m.sqrt(2) + 1))**2 * mpf("1.001")
show("log: R(z)", {32: 3, 64: 6},
     series(lambda z: (2 * m.atanh(m.sqrt(z)) / m.sqrt(z) - 2) / z, lambda z: mpf(2) / 3), 0, z_log, scale=z_log)
show("pow: R2(z)", {32: 3, 64: 7},
     series(lambda z: ((2 * m.atanh(m.sqrt(z)) / m.sqrt(z) - 2) / z - mpf(2) / 3) / z,
            lambda z: mpf(2) / 5 + mpf(2) / 7 * z + mpf(2) / 9 * z**2, mpf(10)**-10), 0, z_log, scale=z_log**2)

z_trig = (m.pi / 4 * mpf("1.01"))**2
show("sin: (sin r / r - 1) / z, z = r^2", {32: 3, 64: 5},
     series(lambda z: (m.sin(m.sqrt(z)) / m.sqrt(z) - 1) / z, lambda z: -mpf(1) / 6), 0, z_trig, scale=z_trig)
show("cos: (cos r - 1 + z / 2) / z^2", {32: 2, 64: 5},
     series(lambda z: (m.cos(m.sqrt(z)) - 1 + z / 2) / z**2, lambda z: mpf(1) / 24), 0, z_trig, scale=z_trig**2)

split = mpf("0.875")
show("erf: erf(x) / x - 1 in z = x^2, below 7/8", {32: 6, 64: 11},
     series(lambda z: m.erf(m.sqrt(z)) / m.sqrt(z) - 1, lambda z: 2 / m.sqrt(m.pi) - 1), 0, split**2)
show("erf: -log(erfc(7/8 + u)), error weighted by erfc", {32: 7, 64: 18}, lambda u: -m.log(m.erfc(split + u)), 0,
     {32: 4 - split, 64: 6 - split}, weight=lambda u: m.erfc(split + u))

print("ln 2 in two parts:", end="")
for bits, leading in ((32, 14), (64, 41)):
    scale = mpf(2)**leading
    high = m.floor(m.log(2) * scale) / scale
    print(f"  {text(high, bits)} {text(m.log(2) - high, bits)}", end="")
print("\npi / 2 in three parts:", end="")
for bits in (32, 64):
    rest = m.pi / 2
    for _ in range(3):
        part = mpf(float.fromhex(text(rest, bits).rstrip("f")))
        print(f"  {text(part, bits)}", end="")
        rest -= part
print()
