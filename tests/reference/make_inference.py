"""Reference values of inference and calibration: python3 make_inference.py > inference.h

mpmath 1.3.0, scipy 1.17.1, statsmodels 0.15.0, scikit-learn 1.9.1; data from numpy's default_rng(11), printed beside the values."""
import mpmath
import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import stats
from scipy.special import logsumexp
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

assert (scipy.__version__, statsmodels.__version__, sklearn.__version__) == ("1.17.1", "0.15.0", "1.9.1")
rng = np.random.default_rng(11)


def num(v):
    v = float(v)
    return "HUGE_VAL" if v == np.inf else "(double)NAN" if np.isnan(v) else repr(v)


def table(name, rows):
    print(f"static const double reference_{name}[][{len(rows[0])}] = {{")
    for r in rows:
        print("    {" + ", ".join(num(v) for v in r) + "},")
    print("};")


def exact_ks(n, d):
    """P(D >= d) by Marsaglia, Tsang and Wang's matrix with 60 digits: scipy approximates from n = 141 on."""
    with mpmath.workdps(60):
        d = mpmath.mpf(d)
        k = int(n * d) + 1
        m, h = 2 * k - 1, k - n * d
        a = mpmath.matrix(m, m)
        for i in range(m):
            for j in range(m):
                a[i, j] = 1 if i - j + 1 >= 0 else 0
        for i in range(m):
            a[i, 0] -= h ** (i + 1)
            a[m - 1, i] -= h ** (m - i)
        a[m - 1, 0] += (2 * h - 1) ** m if 2 * h - 1 > 0 else 0
        for i in range(m):
            for j in range(m):
                if i - j + 1 > 0:
                    a[i, j] /= mpmath.factorial(i - j + 1)
        q = a**n
        return 1 - q[k - 1, k - 1] * mpmath.factorial(n) / mpmath.mpf(n) ** n


def array(name, v, kind="double"):
    text = ", ".join(str(int(x)) if kind != "double" else num(x) for x in np.ravel(v))
    print(f"static const {kind} {name}[] = {{{text}}};")


print("/* Made by tests/reference/make_inference.py with scipy 1.17.1, statsmodels 0.15.0, scikit-learn 1.9.1. */")
table("wilson", [(k, n, 1 - a) + tuple(proportion_confint(k, n, a, "wilson"))
                 for k, n, a in [(0, 10, .05), (10, 10, .05), (3, 10, .1), (9712, 10000, .05), (1, 1, .01), (50, 1000, .001)]])
table("clopper", [(k, n, 1 - a) + tuple(proportion_confint(k, n, a, "beta"))
                  for k, n, a in [(0, 10, .05), (10, 10, .05), (3, 10, .1), (9712, 10000, .05), (1, 1, .01), (50, 1000, .001)]])
table("mcnemar", [(b, c, mcnemar([[5, b], [c, 5]], exact=True).pvalue, mcnemar([[5, b], [c, 5]], exact=False, correction=True).statistic,
                   mcnemar([[5, b], [c, 5]], exact=False, correction=True).pvalue)
                  for b, c in [(0, 3), (6, 1), (10, 10), (25, 40), (400, 250), (1000, 200)]])
groups = [rng.normal(m, 1, n) for m, n in [(0, 12), (0.4, 30), (1.1, 7), (0.2, 51)]]
f = stats.f_oneway(*groups)
table("anova_groups", [(len(g), g.mean(), ((g - g.mean()) ** 2).sum()) for g in groups])
table("anova", [(f.statistic, f.pvalue)])
count = rng.integers(1, 40, (4, 3))
chi = stats.chi2_contingency(count, correction=False)
array("reference_counts", count)
table("chi2", [(chi.statistic, chi.dof, chi.pvalue)])
rows = []
for n, shift in [(1, 0.0), (5, 0.1), (20, 0.05), (100, 0.3), (400, 0.02), (1500, 0.06)]:
    u = np.sort(rng.random(n) ** (1 + shift * 5))
    d = stats.kstest(u, "uniform", method="exact")
    rows.append((n, d.statistic, exact_ks(n, d.statistic) if n == 400 else d.pvalue))
    array(f"reference_ks_{n}", u)
table("ks_one", rows)
rows = []
for i, (n, m, shift) in enumerate([(4, 5, 0.5), (30, 21, 0.4), (120, 80, 0.8)]):
    x, y = np.sort(rng.normal(0, 1, n)), np.sort(rng.normal(shift, 1, m))
    d = stats.ks_2samp(x, y, method="exact")
    rows.append((n, m, d.statistic, d.pvalue))
    array(f"reference_ks_x{i}", x)
    array(f"reference_ks_y{i}", y)
table("ks_two", rows)
p = np.array([0.01, 0.04, 0.03, 0.5, 0.01, 0.002, 0.9, 1.0, 1e-9, 0.04])
table("multiple", list(zip(p, multipletests(p, method="holm")[1], multipletests(p, method="fdr_bh")[1])))
t = rng.normal(0.3, 1, 25)
z = t.mean() / (t.std(ddof=1) / 5)
array("reference_differences", t)
s = t[:10].std(ddof=1) * np.sqrt(1 / 10 + 1 / 9)
table("paired", [(t.mean(), t.std(ddof=1), z, 2 * stats.norm.sf(abs(z)), t[:10].mean() / s, 2 * stats.t.sf(abs(t[:10].mean() / s), 9))])

n, k = 120, 4
logit = rng.normal(0, 1.5, (n, k))
label = np.array([rng.choice(k, p=np.exp(0.6 * l - logsumexp(0.6 * l))) for l in logit])
prob = np.exp(logit - logsumexp(logit, axis=1, keepdims=True))
weight = rng.integers(0, 4, n).astype(float)
array("reference_probability", prob)
array("reference_label", label, "int32_t")
array("reference_weight", weight)
said = prob.argmax(1)


def nll(beta):
    l = beta * np.log(prob)
    return (weight * (logsumexp(l, axis=1) - l[np.arange(n), label])).sum()


beta = scipy.optimize.minimize_scalar(nll, bracket=(0.5, 1), tol=1e-14).x
bins = np.clip(np.ceil(prob.max(1) * 15) - 1, 0, 14).astype(int)
ece = sum(abs((weight * ((said == label) - prob.max(1)))[bins == b].sum()) for b in range(15)) / weight.sum()
table("calibration", [(ece, 1 / beta, metrics.matthews_corrcoef(label, said, sample_weight=weight))])
score = np.round(prob, 1)  # ties
table("ranking", [(metrics.roc_auc_score(label == c, score[:, c], sample_weight=weight),
                   metrics.average_precision_score(label == c, score[:, c], sample_weight=weight)) for c in range(k)])
array("reference_score", score)
