"""Reference tables of regression by statsmodels, and data with them: regression.h. Run: python make_regression.py > regression.h

diabetes (Efron, Hastie, Johnstone, Tibshirani 2004; 442 rows, unscaled as scikit-learn ships it): ordinary least squares, robust errors,
influence, and weighted least squares with weights 1 + row mod 3. Coefficients of statsmodels come from the pseudo-inverse.
ridge, lasso, elastic net, Bayesian ridge: scikit-learn on the columns scaled to unit variance. pca: numpy's SVD of the centred columns."""
import warnings

import numpy as np
import sklearn
import statsmodels
import statsmodels.api as sm
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from statsmodels.stats.outliers_influence import variance_inflation_factor

warnings.filterwarnings("ignore")
data = load_diabetes(scaled=False)
x, y = data.data, data.target
weight = 1.0 + np.arange(len(y)) % 3


def array(name, values):
    flat = np.asarray(values, dtype=float).ravel()
    text = ", ".join("%.17g" % v for v in flat)
    print("static const double %s[] = {%s};" % (name, text))


print("/* Made by make_regression.py with statsmodels %s, scikit-learn %s, numpy %s. */" % (statsmodels.__version__, sklearn.__version__, np.__version__))
print("/* clang-format off */")
print("static const char diabetes_head[] = \"%s,target,weight\\n\";" % ",".join(data.feature_names))
print("static const char *const diabetes_rows[] = {")
for start in range(0, len(y), 4):
    lines = ["%s,%g,%g\\n" % (",".join("%.10g" % v for v in x[i]), y[i], weight[i]) for i in range(start, min(start + 4, len(y)))]
    print('    "%s",' % "".join(lines))
print("    NULL};")

design = sm.add_constant(x)
for name, fit in (("ols", sm.OLS(y, design).fit()), ("wls", sm.WLS(y, design, weights=weight).fit())):
    for key in ("params", "bse", "tvalues", "pvalues", "HC0_se", "HC1_se", "HC2_se", "HC3_se"):
        array("%s_%s" % (name, key), getattr(fit, key))
    array(name + "_conf_int", fit.conf_int())
    array(name + "_scalars", [fit.rsquared, fit.rsquared_adj, fit.fvalue, fit.f_pvalue, fit.llf, fit.aic, fit.bic, fit.scale, fit.ssr, fit.condition_number])
fit = sm.OLS(y, design).fit()
array("ols_vif", [variance_inflation_factor(design, j + 1) for j in range(x.shape[1])])
influence = fit.get_influence()
order = np.argsort(-influence.cooks_distance[0], kind="stable")[:5]
array("ols_influential_row", order)
array("ols_cooks_distance", influence.cooks_distance[0][order])
array("ols_leverage", influence.hat_matrix_diag[order])
array("ols_resid_studentized", influence.resid_studentized_internal[order])
hc3 = fit.get_robustcov_results("HC3", use_t=False)
array("hc3_pvalues", hc3.pvalues)
array("hc3_f", [fit.get_robustcov_results("HC3").fvalue, fit.get_robustcov_results("HC3").f_pvalue])

scaled = (x - x.mean(0)) / x.std(0)
for alpha in (0.1, 10.0, 1000.0):
    ridge = Ridge(alpha=alpha, solver="svd").fit(scaled, y)
    array("ridge_coef_%g" % (alpha * 10), ridge.coef_)
lasso = Lasso(alpha=1.0, tol=1e-14, max_iter=1000000).fit(scaled, y)
array("lasso_coef", np.append(lasso.coef_, lasso.intercept_))
net = ElasticNet(alpha=0.5, l1_ratio=0.3, tol=1e-14, max_iter=1000000).fit(scaled, y)
array("elastic_net_coef", np.append(net.coef_, net.intercept_))

u, s, vt = np.linalg.svd(x - x.mean(0), full_matrices=False)
signs = np.sign(vt[np.arange(len(s)), np.abs(vt).argmax(1)])
array("pca_singular_values", s)
array("pca_explained_variance", s**2 / (len(y) - 1))
array("pca_components", vt * signs[:, None])
array("pca_scores", ((x - x.mean(0)) @ (vt * signs[:, None]).T)[:3])
array("covariance", np.cov(x, rowvar=False))
array("correlation", np.corrcoef(x, rowvar=False))

# Evidence of Bayesian regression with noise precision a and weight precision l: log density of centred y.
centred, target = scaled, y - y.mean()
from sklearn.linear_model import BayesianRidge

bayes = BayesianRidge(tol=1e-13, max_iter=100000, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0).fit(scaled, y)
array("bayes_coef", bayes.coef_)
array("bayes_alpha_lambda", [bayes.alpha_, bayes.lambda_])
cov = np.eye(len(y)) / bayes.alpha_ + centred @ centred.T / bayes.lambda_
sign, logdet = np.linalg.slogdet(cov)
array("bayes_evidence", [-0.5 * (logdet + target @ np.linalg.solve(cov, target) + len(y) * np.log(2 * np.pi))])
array("bayes_sigma", np.sqrt(np.diag(bayes.sigma_)))
