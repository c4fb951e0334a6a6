"""The models of sklearn_fits.py: for each of ours that others have too, data, our configuration and their code."""
import gzip

import numpy as np


class Row:
    """x, y: arrays (y None: no labels); model: text of the section; peer: Python that sets `fit`, a function that fits arrays x
    and y and returns m; note: what is compared; same: an array of ours -> a Python expression of m that is the same there;
    steps: passes, or None."""

    def __init__(self, x, y, model, peer, note, same=None, steps=None):
        self.x, self.y, self.model, self.peer, self.note, self.same, self.steps = x, y, model, peer, note, same or {}, steps


def numbers(a):
    return "[" + ", ".join(repr(float(v)) for v in np.ravel(a)) + "]"


def clusters(rows, d, k, seed):
    rng = np.random.default_rng(seed)
    center = rng.normal(size=(k, d)) * 3
    label = rng.integers(0, k, rows)
    return rng.normal(size=(rows, d)) + center[label], label, center


def sklearn(module, name, arguments="", labels=True):
    return f"from sklearn.{module} import {name} as M\nfit = lambda: M({arguments}).fit(x{', y' if labels else ''})"


# Regression

COEF = {"/params/coef_": "m.coef_", "/params/intercept_": "m.intercept_"}


def regression(rows, d, model, peer, note, same=None):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, d)) + rng.normal(size=d)
    return Row(x, x @ rng.normal(size=d) + rng.normal(size=rows), model, peer, note, same or COEF)


def sparse_regression(rows, d, model, peer, note):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, d)) + 0.5 * rng.normal(size=(rows, 1))
    beta = np.where(np.arange(d) % 5 == 0, rng.normal(size=d), 0)
    return Row(x, x @ beta + rng.normal(size=rows), model, peer, note, COEF)


def ols(rows, d):
    return regression(rows, d, "{type: ols, robust: false}", sklearn("linear_model", "LinearRegression"),
                      "LinearRegression; ours with errors, tests, intervals")


def ols_table(rows, d):
    return regression(rows, d, "{type: ols}", "import statsmodels.api as sm\ndef fit():\n    m = sm.OLS(y, sm.add_constant(x)).fit()\n"
                      "    m.all = [m.bse, m.HC0_se, m.HC1_se, m.HC2_se, m.HC3_se]\n    return m",
                      "statsmodels OLS with HC0 to HC3", {"/inference/params": "m.params", "/inference/bse": "m.bse", "/inference/HC3_se": "m.HC3_se"})


def ridge(rows, d):
    return regression(rows, d, "{type: ridge, alpha: 10}", sklearn("linear_model", "Ridge", "10"), "Ridge (normal equations); ours by QR")


def ridge_path(rows, d):
    return regression(rows, d, "{type: ridge, alpha: [0.1, 1, 10, 100]}", sklearn("linear_model", "RidgeCV", "[0.1, 1, 10, 100]"),
                      "RidgeCV, 4 penalties by cross-validation")


def lasso(rows, d):
    return sparse_regression(rows, d, "{type: lasso, alpha: 0.05}", sklearn("linear_model", "Lasso", "0.05, tol=1e-8, max_iter=100000, precompute=True"),
                             "Lasso on the Gram matrix")


def lasso_path(rows, d):
    row = sparse_regression(rows, d, "{type: lasso, n_alphas: 100}", "from sklearn.linear_model import lasso_path\n"
                            "fit = lambda: lasso_path(x - x.mean(0), y - y.mean(), n_alphas=100, eps=1e-3, precompute=True, tol=1e-8, max_iter=100000)",
                            "lasso_path, 100 penalties")
    row.same = {}
    return row


def elastic_net(rows, d):
    return sparse_regression(rows, d, "{type: elastic_net, alpha: 0.05, l1_ratio: 0.5}",
                             sklearn("linear_model", "ElasticNet", "0.05, l1_ratio=0.5, tol=1e-8, max_iter=100000, precompute=True"),
                             "ElasticNet on the Gram matrix")


def bayes_linear(rows, d):
    return regression(rows, d, "{type: bayes_linear}",
                      sklearn("linear_model", "BayesianRidge", "alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0, tol=1e-12, max_iter=1000"), "BayesianRidge")


# Generalised linear models


def two_classes(rows, d, seed=4):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, d))
    return x, x @ rng.normal(size=d) * 2 / np.sqrt(d) - 0.5, rng


def logistic_row(rows, d, model, peer, note, same=None):
    x, eta, rng = two_classes(rows, d)
    return Row(x, (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(np.int64), model, peer, note, COEF if same is None else same)


def logistic_newton(rows, d):
    return logistic_row(rows, d, "{type: logistic, penalty: l2, C: 1, solver: newton, tol: 1.0e-8}",
                        sklearn("linear_model", "LogisticRegression", "C=1, solver='newton-cholesky', tol=1e-6, max_iter=100"), "2 classes, L2, newton-cholesky")


def logistic_lbfgs(rows, d):
    return logistic_row(rows, d, "{type: logistic, penalty: l2, C: 1, solver: lbfgs, tol: 1.0e-6}",
                        sklearn("linear_model", "LogisticRegression", "C=1, tol=1e-6, max_iter=1000"), "2 classes, L2, lbfgs")


def logistic_table(rows, d):
    return logistic_row(rows, d, "{type: logistic, tol: 1.0e-10}", "import statsmodels.api as sm\n"
                        "def fit():\n    m = sm.Logit(y, sm.add_constant(x)).fit(disp=0)\n    m.all = m.bse\n    return m",
                        "statsmodels Logit with errors", {"/params/coef_": "m.params[1:]", "/inference/bse": "m.bse"})


def logistic_l1(rows, d):
    return logistic_row(rows, d, "{type: logistic, penalty: l1, C: 0.01, tol: 1.0e-6, fit_intercept: false}",
                        sklearn("linear_model", "LogisticRegression", "C=0.01, l1_ratio=1, solver='liblinear', tol=1e-6, max_iter=1000, fit_intercept=False"),
                        "2 classes, L1, liblinear", {"/params/coef_": "m.coef_[0]"})


def multinomial_row(rows, d, model, peer, note):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(rows, d))
    score = x @ rng.normal(size=(d, 5)) * 2 / np.sqrt(d) + rng.gumbel(size=(rows, 5))
    return Row(x, np.argmax(score, 1).astype(np.int64), model, peer, note, COEF)


def multinomial_newton(rows, d):
    return multinomial_row(rows, d, "{type: logistic, penalty: l2, C: 1, solver: newton, tol: 1.0e-8}",
                           sklearn("linear_model", "LogisticRegression", "C=1, solver='newton-cholesky', tol=1e-6, max_iter=100"),
                           "5 classes, L2, newton-cholesky")


def multinomial_lbfgs(rows, d):
    return multinomial_row(rows, d, "{type: logistic, penalty: l2, C: 1, solver: lbfgs, tol: 1.0e-6}",
                           sklearn("linear_model", "LogisticRegression", "C=1, tol=1e-6, max_iter=1000"), "5 classes, L2, lbfgs")


def logistic_fashion(rows, d):
    """Debian package dataset-fashion-mnist; the same 60,000 rows whatever --rows says."""
    place = "/usr/share/datasets/fashion-mnist/train-"
    x = np.frombuffer(gzip.open(place + "images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(60000, 784) / 255.0
    y = np.frombuffer(gzip.open(place + "labels-idx1-ubyte.gz").read(), np.uint8, offset=8).astype(np.int64)
    return Row(x, y, "{type: logistic, penalty: l2, C: 1, solver: lbfgs, tol: 1.0e-3}",
               sklearn("linear_model", "LogisticRegression", "C=1, tol=1e-3, max_iter=10000"),
               "Fashion-MNIST, L2, L-BFGS until the largest slope of the same objective is 1e-3")


def poisson_row(rows, d, model, peer, note, same=None):
    x, eta, rng = two_classes(rows, d)
    return Row(x, rng.poisson(np.exp(np.minimum(eta, 3))).astype(float), model, peer, note, same or COEF)


def poisson_newton(rows, d):
    return poisson_row(rows, d, "{type: poisson, alpha: 0.001, solver: newton, tol: 1.0e-8}",
                       sklearn("linear_model", "PoissonRegressor", "alpha=0.001, solver='newton-cholesky', tol=1e-6, max_iter=100"), "L2, newton-cholesky")


def poisson_lbfgs(rows, d):
    return poisson_row(rows, d, "{type: poisson, alpha: 0.001, solver: lbfgs, tol: 1.0e-5}",
                       sklearn("linear_model", "PoissonRegressor", "alpha=0.001, tol=1e-5, max_iter=1000"), "L2, lbfgs")


def poisson_table(rows, d):
    return poisson_row(rows, d, "{type: poisson, tol: 1.0e-10}", "import statsmodels.api as sm\n"
                       "def fit():\n    m = sm.GLM(y, sm.add_constant(x), family=sm.families.Poisson()).fit()\n    m.all = m.bse\n    return m",
                       "statsmodels GLM with errors", {"/params/coef_": "m.params[1:]", "/inference/bse": "m.bse"})


def linear_svm(rows, d):
    return logistic_row(rows, d, "{type: linear_svm, C: 0.01, fit_intercept: false, tol: 1.0e-8}",
                        sklearn("svm", "LinearSVC", "C=0.01, dual=False, fit_intercept=False, tol=1e-6, max_iter=1000"), "LinearSVC, squared hinge, primal",
                        {"/params/coef_": "m.coef_"})


# Bayes


def gaussian_nb(rows, d):
    x, y, _ = clusters(rows, d, 10, 1)
    return Row(x, y, "{type: gaussian_nb, var_smoothing: 1.0e-9}", sklearn("naive_bayes", "GaussianNB"), "10 classes",
               {"/params/theta_": "m.theta_", "/params/var_": "m.var_"})


def multinomial_nb(rows, d):
    x, y, _ = clusters(rows, d, 10, 1)
    return Row(np.floor(np.abs(x)), y, "{type: multinomial_nb}", sklearn("naive_bayes", "MultinomialNB"), "10 classes",
               {"/params/feature_log_prob_": "m.feature_log_prob_"})


def bernoulli_nb(rows, d):
    x, y, _ = clusters(rows, d, 10, 1)
    return Row(x, y, "{type: bernoulli_nb}", sklearn("naive_bayes", "BernoulliNB"), "10 classes", {"/params/feature_log_prob_": "m.feature_log_prob_"})


def categorical_nb(rows, d):
    x, y, _ = clusters(rows, d, 10, 1)
    return Row(np.minimum(np.floor(np.abs(x)), 9), y, "{type: categorical_nb, max_categories: 10, min_categories: 10}",
               sklearn("naive_bayes", "CategoricalNB", "min_categories=10"), "10 classes, 10 values",
               {"/params/feature_log_prob_": "np.swapaxes(m.feature_log_prob_, 0, 1)"})


def lda(rows, d):
    x, y, _ = clusters(rows, d, 10, 1)
    return Row(x, y, "{type: lda}", sklearn("discriminant_analysis", "LinearDiscriminantAnalysis"), "10 classes, svd", COEF)


def qda(rows, d):
    x, y, _ = clusters(rows, d, 10, 1)
    return Row(x, y, "{type: qda}", sklearn("discriminant_analysis", "QuadraticDiscriminantAnalysis", "store_covariance=True"), "10 classes",
               {"/params/means_": "m.means_", "/params/covariance_": "np.array(m.covariance_)"})


# Latent variables


def kmeans(rows, d):
    x, _, _ = clusters(rows, d, 8, 2)
    start = x[:8]
    return Row(x, None, f"{{type: kmeans, n_clusters: 8, tol: 0, max_iter: 20, init: {numbers(start)}}}",
               sklearn("cluster", "KMeans", "8, init=x[:8].copy(), n_init=1, tol=0, max_iter=20", False), "8 clusters, lloyd from the first rows, at most 20 moves",
               {"/params/cluster_centers_": "m.cluster_centers_"})


def kmeans_many(rows, d):
    x, _, _ = clusters(rows, d, 100, 2)
    start = x[:100]
    return Row(x, None, f"{{type: kmeans, n_clusters: 100, tol: 0, max_iter: 10, init: {numbers(start)}}}",
               sklearn("cluster", "KMeans", "100, init=x[:100].copy(), n_init=1, tol=0, max_iter=10", False), "100 clusters, lloyd, at most 10 moves",
               {"/params/cluster_centers_": "m.cluster_centers_"})


def kmeans_seeded(rows, d):
    x, _, _ = clusters(rows, d, 8, 2)
    return Row(x, None, "{type: kmeans, n_clusters: 8, max_iter: 20}", sklearn("cluster", "KMeans", "8, n_init=1, max_iter=20, random_state=0", False),
               "8 clusters, with seeding, defaults")


def mixture(kind):
    def make(rows, d):
        x, _, center = clusters(rows, d, 8, 3)
        mean = center + 0.3
        weight, eye = np.full(8, 1 / 8), np.eye(d)
        precision = {"full": np.tile(eye, (8, 1, 1)), "diag": np.ones((8, d)), "tied": eye, "spherical": np.ones(8)}[kind]
        name = {"diag": "diagonal"}.get(kind, kind)
        return Row(x, None,
                   f"{{type: gmm, n_components: 8, covariance_type: {name}, tol: 0, max_iter: 10, means_init: {numbers(mean)}, "
                   f"weights_init: {numbers(weight)}, precisions_init: {numbers(precision)}}}",
                   "from sklearn.mixture import GaussianMixture as M\n"
                   f"mean, precision = np.array({numbers(mean)}).reshape(8, {d}), np.array({numbers(precision)}).reshape({precision.shape})\n"
                   f"fit = lambda: M(8, covariance_type='{kind}', tol=0, max_iter=10, init_params='random_from_data', means_init=mean, "
                   "weights_init=np.full(8, 1 / 8), precisions_init=precision).fit(x)",
                   f"8 components, {name}, 10 steps of EM from the same start", {"/params/means_": "m.means_", "/params/covariances_": "m.covariances_"})
    return make


# Linear algebra


def spectrum(rows, d):
    rng = np.random.default_rng(5)
    return rng.normal(size=(rows, d)) * np.geomspace(1, 30, d) @ np.linalg.qr(rng.normal(size=(d, d)))[0]


def pca_kind(model, arguments, note):
    return lambda rows, d: Row(spectrum(rows, d), None, model, sklearn("decomposition", "PCA", arguments, False), note,
                               {"/params/explained_variance_": "m.explained_variance_"})


def covariance(rows, d):
    return Row(spectrum(rows, d), None, "{type: covariance, ddof: 0}", sklearn("covariance", "EmpiricalCovariance", "", False), "EmpiricalCovariance",
               {"/params/covariance_": "m.covariance_", "/params/precision_": "m.precision_"})


SMALL = (1000, 10)


def shapes(tall, wide=None, small=SMALL):
    """Columns of the tall shape; rows and columns of the others."""
    return {"tall": tall, **({"small": small} if small else {}), **({"wide": wide} if wide else {})}


# name: function of rows and columns, its shapes
KINDS = {
    "ols": (ols, shapes(100, (8000, 2000))),
    "ols_table": (ols_table, shapes(50)),
    "ridge": (ridge, shapes(100, (8000, 2000))),
    "ridge_path": (ridge_path, shapes(100)),
    "lasso": (lasso, shapes(100, (8000, 2000))),
    "lasso_path": (lasso_path, shapes(100)),
    "elastic_net": (elastic_net, shapes(100, (8000, 2000))),
    "bayes_linear": (bayes_linear, shapes(100)),
    "logistic_newton": (logistic_newton, shapes(50, (8000, 500))),
    "logistic_lbfgs": (logistic_lbfgs, shapes(50, (8000, 2000))),
    "logistic_table": (logistic_table, shapes(50)),
    "logistic_l1": (logistic_l1, shapes(50)),
    "multinomial_newton": (multinomial_newton, shapes(50)),
    "multinomial_lbfgs": (multinomial_lbfgs, shapes(50, (8000, 2000))),
    "logistic_fashion": (logistic_fashion, shapes(784, None, None)),
    "poisson_newton": (poisson_newton, shapes(50, (8000, 500))),
    "poisson_lbfgs": (poisson_lbfgs, shapes(50, (8000, 2000))),
    "poisson_table": (poisson_table, shapes(50)),
    "linear_svm": (linear_svm, shapes(50, (8000, 2000))),
    "gaussian_nb": (gaussian_nb, shapes(100, (8000, 2000))),
    "multinomial_nb": (multinomial_nb, shapes(100, (8000, 2000))),
    "bernoulli_nb": (bernoulli_nb, shapes(100, (8000, 2000))),
    "categorical_nb": (categorical_nb, shapes(100, (8000, 2000))),
    "lda": (lda, shapes(100, (8000, 2000))),
    "qda": (qda, shapes(100, (8000, 300))),
    "kmeans": (kmeans, shapes(16, (8000, 2000))),
    "kmeans_many": (kmeans_many, shapes(16, None, None)),
    "kmeans_seeded": (kmeans_seeded, shapes(16)),
    "gmm": (mixture("full"), shapes(16)),
    "gmm_diagonal": (mixture("diag"), shapes(16, (8000, 2000))),
    "gmm_tied": (mixture("tied"), shapes(16)),
    "gmm_spherical": (mixture("spherical"), shapes(16)),
    "covariance": (covariance, shapes(100, (8000, 2000))),
    "pca": (pca_kind("{type: pca}", "", "all components"), shapes(100, (8000, 2000))),
    "pca_qr": (pca_kind("{type: pca, solver: qr}", "svd_solver='full'", "all components, QR and SVD"), shapes(100)),
    "pca_randomized": (pca_kind("{type: pca, solver: randomized, n_components: 10, n_iter: 4}",
                                "10, svd_solver='randomized', iterated_power=4, random_state=0", "10 components, 4 power iterations"),
                       shapes(100, (8000, 2000))),
}
