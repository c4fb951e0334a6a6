"""Singular values of graded matrices to 30 digits by mpmath: dense.h. Run: python make_dense.py > dense.h
Element (i, j) is sin(1 + 3 i + 7 j + 5 i j), rounded to 20 bits, times 2^(-16 j) (columns graded), 2^(-16 i) (rows
graded) or 1."""
import mpmath
from mpmath import mp, mpf

mp.dps = 60


def values(m, n, grade):
    a = mpmath.matrix(m, n)
    for i in range(m):
        for j in range(n):
            # The doubles that the test makes: the sine as a fraction of 2^20, times an exact power of two.
            x = mpf(int(mpmath.nint(mpmath.sin(1 + 3 * i + 7 * j + 5 * i * j) * 2**20))) / 2**20
            a[i, j] = x * mpf(2) ** (-grade * (j if grade > 0 else -i))
    return mpmath.svd_r(a, compute_uv=False)


print("/* Made by make_dense.py with mpmath", mpmath.__version__, "*/")
for name, m, n, grade in (("columns", 9, 6, 16), ("rows", 6, 6, -16), ("plain", 7, 5, 0)):
    s = values(m, n, grade)
    print("static const double graded_%s[] = {%s};" % (name, ", ".join(mpmath.nstr(v, 20) for v in s)))
