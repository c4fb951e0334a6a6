"""Reference numbers of tests/statistics/test_bayes_net.c: hill climbing over graphs of tests/statistics/asia.csv, written
by itself; scores are sums over rows and logarithms of factorials.

usage: make_bayes_net.py ../statistics/asia.csv > bayes_net.h
"""
import csv
import sys
from collections import Counter
from math import lgamma, log

rows = list(csv.DictReader(open(sys.argv[1])))
names = list(rows[0])
levels = {n: sorted({r[n] for r in rows}) for n in names}


def score(kind, node, parents):
    joint = Counter(tuple(r[p] for p in parents) + (r[node],) for r in rows)
    above = Counter(tuple(r[p] for p in parents) for r in rows)
    k = len(levels[node])
    if kind == "bic":
        q = 1
        for p in parents:
            q *= len(levels[p])
        return sum(c * log(c / above[key[:-1]]) for key, c in joint.items()) - 0.5 * log(len(rows)) * q * (k - 1)
    return sum(lgamma(k) - lgamma(c + k) for c in above.values()) + sum(lgamma(c + 1) for c in joint.values())


def acyclic(parents):
    left = set(names)
    while left:
        ready = {n for n in left if not (parents[n] & left)}
        if not ready:
            return False
        left -= ready
    return True


def climb(kind, most):
    parents = {n: frozenset() for n in names}
    own = {n: score(kind, n, ()) for n in names}
    while True:
        best = (0.0, None)
        for a in names:
            for b in names:
                if a == b:
                    continue
                changed = [{a: parents[a] ^ {b}}]
                if b in parents[a]:
                    changed.append({a: parents[a] - {b}, b: parents[b] | {a}})
                for c in changed:
                    new = {**parents, **c}
                    if any(len(v) > most for v in c.values()) or not acyclic(new):
                        continue
                    gain = sum(score(kind, n, tuple(sorted(v, key=names.index))) - own[n] for n, v in c.items())
                    if gain > best[0] + 1e-7:  # the first of equals
                        best = (gain, c)
        if best[1] is None:
            return parents, sum(own.values())
        parents.update(best[1])
        for n in best[1]:
            own[n] = score(kind, n, tuple(sorted(parents[n], key=names.index)))


print("/* Made by tests/reference/make_bayes_net.py from tests/statistics/asia.csv with Python %s. */" % sys.version.split()[0])
for kind in ("bic", "k2"):
    parents, total = climb(kind, 3)
    print("static const double %s_score = %.17g;" % (kind, total))
    print("/* bit j of entry i: node j is a parent of node i */")
    print("static const int %s_parents[] = {%s};" % (kind, ", ".join(str(sum(1 << names.index(p) for p in parents[n])) for n in names)))
