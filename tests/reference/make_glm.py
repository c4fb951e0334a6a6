"""Reference tables of generalised linear models by statsmodels and scikit-learn, and data with them: glm.h.
Run: python make_glm.py > glm.h

cancer (Wolberg, Street, Mangasarian 1995; four columns of all 569 rows) : Logit. wine (Forina and others 1991; five columns of 178 rows):
MNLogit, multinomial logistic regression with L2, one class against the rest by linear SVM. ships (McCullagh and Nelder 1989, table 6.2;
34 rows): Poisson GLM with exposures. L1: scikit-learn's saga on centred columns. The support vector machine is Newton's method in numpy,
because LinearSVC penalises the intercept; statsmodels' null likelihoods of Logit and MNLogit stop at 1e-10, so they are written out."""
import warnings

import numpy as np
import sklearn
import statsmodels
import statsmodels.api as sm
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from scipy.stats import chi2

warnings.filterwarnings("ignore")


def array(name, values):
    flat = np.asarray(values, dtype=float).ravel()
    print("static const double %s[] = {%s};" % (name, ", ".join("%.17g" % v for v in flat)))


def table(name, head, rows):
    print("static const char *const %s_table[] = {\n    \"%s\\n\"," % (name, head))
    for start in range(0, len(rows), 6):
        print('    "%s",' % "".join(",".join("%.10g" % v for v in r) + "\\n" for r in rows[start:start + 6]))
    print("    NULL};")


print("/* Made by make_glm.py with statsmodels %s, scikit-learn %s, numpy %s. */" % (statsmodels.__version__, sklearn.__version__, np.__version__))
print("/* clang-format off */")


def inference(name, fit, robust):
    for key in ("params", "bse", "tvalues", "pvalues"):
        array("%s_%s" % (name, key), np.transpose(getattr(fit, key)))
    array(name + "_HC0_se", np.transpose(robust.bse))
    array(name + "_HC0_pvalues", np.transpose(robust.pvalues))
    conf = np.asarray(fit.conf_int())
    array(name + "_conf_int", conf)


def null_of(y):
    count = np.bincount(y)
    return float(np.sum(count * np.log(count / len(y))))


cancer = load_breast_cancer()
x, y = cancer.data[:, [1, 4, 8, 9]] * [1, 100, 100, 1000], cancer.target
table("cancer", "texture,smoothness,symmetry,fractal,y", np.c_[x, y])
design = sm.add_constant(x)
fit = sm.Logit(y, design).fit(disp=0, tol=1e-14, maxiter=100)
inference("logit", fit, sm.Logit(y, design).fit(disp=0, tol=1e-14, maxiter=100, cov_type="HC0"))
null = null_of(y)
array("logit_scalars", [fit.llf, null, 1 - fit.llf / null, 2 * (fit.llf - null), chi2.sf(2 * (fit.llf - null), 4), fit.aic, fit.bic, -2 * fit.llf,
                        -2 * null])
l1 = LogisticRegression(C=0.02, tol=1e-15, solver="saga", l1_ratio=1, max_iter=400000).fit((x - x.mean(0)), y)
array("l1_coef", l1.coef_)
array("l1_intercept", l1.intercept_ - l1.coef_ @ x.mean(0))

wine = load_wine()
x, y = wine.data[:, [1, 2, 3, 4, 8]], wine.target
table("wine", "acid,ash,alcalinity,magnesium,proanthocyanins,y", np.c_[x, y])
design = sm.add_constant(x)
fit = sm.MNLogit(y, design).fit(disp=0, tol=1e-14, maxiter=100)
inference("mnlogit", fit, sm.MNLogit(y, design).fit(disp=0, tol=1e-14, maxiter=100, cov_type="HC0"))
null = null_of(y)
array("mnlogit_scalars", [fit.llf, null, 1 - fit.llf / null, 2 * (fit.llf - null), chi2.sf(2 * (fit.llf - null), 10), fit.aic, fit.bic,
                          -2 * fit.llf, -2 * null])
l2 = LogisticRegression(C=0.5, tol=1e-14, solver="newton-cholesky", max_iter=1000).fit(x, y)
array("l2_coef", l2.coef_)
array("l2_intercept", l2.intercept_)
one = np.c_[x, np.ones(len(y))]
weights = []
for k in range(3):
    s, w = np.where(y == k, 1.0, -1.0), np.zeros(6)
    for _ in range(100):
        gap = 1 - s * (one @ w)
        inside = one[gap > 0]
        gradient = np.r_[w[:5], 0] - 2 * 0.3 * inside.T @ (s * gap)[gap > 0]
        step = np.linalg.solve(np.diag([1.0] * 5 + [0.0]) + 2 * 0.3 * inside.T @ inside, gradient)
        w = w - step
    weights.append(w)
array("svm_coef", [w[:5] for w in weights])
array("svm_intercept", [w[5] for w in weights])

ships = [line.split(",") for line in open("../../configs/ships.csv").read().split()[1:]]
ships = np.array(ships, dtype=float)
x, months, y = ships[:, :8], ships[:, 8], ships[:, 9]
design = sm.add_constant(x)


def poisson(**how):
    return sm.GLM(y, design, family=sm.families.Poisson(), exposure=months).fit(tol=1e-15, maxiter=100, method="newton", **how)


fit = poisson()
inference("poisson", fit, poisson(cov_type="HC0"))
array("poisson_scalars", [fit.llf, fit.llnull, 1 - fit.llf / fit.llnull, 2 * (fit.llf - fit.llnull), chi2.sf(2 * (fit.llf - fit.llnull), 8), fit.aic,
                          fit.bic_llf, fit.deviance, fit.null_deviance, fit.pearson_chi2])
alpha = PoissonRegressor(alpha=0.5, tol=1e-13, solver="newton-cholesky", max_iter=1000).fit(x, y)
array("alpha_coef", alpha.coef_)
array("alpha_intercept", alpha.intercept_)
