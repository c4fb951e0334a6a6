"""Classifiers by Bayes' rule, k-means and Gaussian mixtures by scikit-learn: mixtures.h. Run: python make_mixtures.py > mixtures.h
The tables are made of whole numbers by a congruential generator, so that the test makes the same ones; see `table`."""
import warnings

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB

warnings.simplefilter("ignore")
ROWS, D, K = 240, 4, 3


def table():
    """Row i has class i % 3 (or (i + 1) % 3 where i % 7 == 0) and columns of 16ths between 0 and 12, which depend on class and column."""
    state, x, y = 12345, np.zeros((ROWS, D)), np.zeros(ROWS, int)
    for i in range(ROWS):
        y[i] = (i + (i % 7 == 0)) % K
        for j in range(D):
            total = 0
            for _ in range(3):
                state = (state * 1103515245 + 12345) % 2**31
                total += state // 2**16 % 64
            x[i, j] = total / 16 + (y[i] * (j + 1) % 4) / 4 * 2 + (x[i, j - 1] / 4 if j > 0 else 0)
    return x, y


def show(name, a):
    a = np.atleast_1d(np.asarray(a, float)).ravel()
    text = ", ".join("%.17g" % v if np.isfinite(v) else "-HUGE_VAL" for v in a)
    print("static const double %s[] = {%s};" % (name, text))


x, y = table()
print("/* Made by make_mixtures.py with scikit-learn", sklearn.__version__, "and numpy", np.__version__, "*/")
show("table_check", [x.sum(), (x * np.arange(1, D + 1)).sum(), y.sum()])
first = x[:5]

m = GaussianNB().fit(x, y)
for name in ("theta_", "var_", "class_prior_", "epsilon_"):
    show("gaussian_" + name, getattr(m, name))
show("gaussian_proba", m.predict_proba(first))
m = GaussianNB(priors=[0.5, 0.25, 0.25], var_smoothing=1e-3).fit(x, y)
show("gaussian_smooth_var_", m.var_)
show("gaussian_smooth_proba", m.predict_proba(first))
m = MultinomialNB(alpha=0.5).fit(x, y)
for name in ("feature_log_prob_", "class_log_prior_", "feature_count_"):
    show("multinomial_" + name, getattr(m, name))
show("multinomial_proba", m.predict_proba(first))
m = BernoulliNB(alpha=0.5, binarize=6, fit_prior=False).fit(x, y)
for name in ("feature_log_prob_", "class_log_prior_", "feature_count_"):
    show("bernoulli_" + name, getattr(m, name))
show("bernoulli_proba", m.predict_proba(first))
whole = np.floor(x).astype(int)
m = CategoricalNB(alpha=0.5).fit(whole, y)
most = 24
for j in range(D):
    show("categorical_%d" % j, m.feature_log_prob_[j])
show("categorical_n", m.n_categories_)
show("categorical_proba", m.predict_proba(whole[:5]))

m = LinearDiscriminantAnalysis(store_covariance=True).fit(x, y)
show("lda_means_", m.means_)
show("lda_covariance_", m.covariance_)
show("lda_coef_", m.coef_)
show("lda_intercept_", m.intercept_)
show("lda_proba", m.predict_proba(first))
show("lda_ratio", m.explained_variance_ratio_)
show("lda_transform", np.abs(m.transform(first)))
m = QuadraticDiscriminantAnalysis(store_covariance=True).fit(x, y)
show("qda_covariance_", np.array(m.covariance_))
show("qda_proba", m.predict_proba(first))
m = QuadraticDiscriminantAnalysis(reg_param=0.1, priors=[0.2, 0.3, 0.5]).fit(x, y)
show("qda_reg_proba", m.predict_proba(first))

start = x[:K]
show("kmeans_path", [KMeans(K, init=start, n_init=1, max_iter=i, tol=0).fit(x).inertia_ for i in range(1, 9)])
m = KMeans(K, init=start, n_init=1, max_iter=300, tol=0).fit(x)
show("kmeans_centers", m.cluster_centers_)
show("kmeans_inertia", m.inertia_)
show("kmeans_labels", m.labels_)
show("kmeans_distances", m.transform(first))

means = x[[0, 1, 2]]
for kind, precision in (("full", np.tile(np.eye(D) / 4, (K, 1, 1))), ("diag", np.full((K, D), 0.25)), ("tied", np.eye(D) / 4),
                        ("spherical", np.full(K, 0.25))):
    path = []
    m = GaussianMixture(K, covariance_type=kind, tol=0, max_iter=1, warm_start=True, means_init=means, precisions_init=precision,
                        weights_init=np.full(K, 1 / K), init_params="random_from_data", random_state=0)
    for i in range(100):
        m.fit(x)  # one step more
        path.append(m.lower_bound_)
    show("gmm_%s_path" % kind, path)
    show("gmm_%s_weights" % kind, m.weights_)
    show("gmm_%s_means" % kind, m.means_)
    show("gmm_%s_covariances" % kind, m.covariances_)
    show("gmm_%s_bic" % kind, [m.bic(x), m.aic(x)])
    show("gmm_%s_proba" % kind, m.predict_proba(first))
