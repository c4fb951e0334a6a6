# docs/from-sklearn.md: every configuration in it trains, describes itself and predicts; every kind of estimator is there; every
# attribute that it names is in the file.
. "$(dirname "$0")/expect.sh"
page=$source_dir/docs/from-sklearn.md
awk -v dir=../in '/^```(sh|yaml)$/ { kind = substr($0, 4); n += kind == "yaml"; open = 1; file = sprintf("%s/%02d.%s", dir, n, kind); next }
    /^```$/ { open = 0; next }
    open { print > file }' "$page"
. ../in/00.sh
count=0
for config in ../in/*.yaml; do
    count=$((count + 1))
    kind=$(sed -n 's/^name: //p' "$config")
    expect 0 'steps? in ' train "$config" -q -o "../$kind"
    ! grep -q 'before its tolerance' ../err || complain "$kind did not converge"
    expect 0 '\{.*"model"' info "../$kind" --json
    expect 0 '.' info "../$kind"
    awk '/^$/ { table = 1 } table && length > 80 { exit 1 }' ../out || complain "$kind: its table is wider than 80 columns"
done
for kind in $(sed -n 's/^AS_ESTIMATOR(\(.*\))$/\1/p' "$source_dir/src/estimator/estimator.def" | grep -v -e '^network$' -e '^bayes_net$'); do
    [ -d "../$kind" ] || complain "no example of $kind"
done
[ "$count" -ge 19 ] || complain "expected 19 examples or more, found $count"
expect 0 'coef_' info ../ols/final.h5 --json
head -n 21 plants.csv | cut -d, -f1-3 >new.csv
expect 0 '/output \(20, 1\)' predict ../ols --in new.csv --out ../p.h5
if command -v h5dump >/dev/null; then
    attributes() { # KIND: names with a trailing underscore in its section
        awk -v kind="name: $1" '$0 == kind { on = 1 } /^## / { on = 0 } on && /^- attributes/' "$page" | sed 's/`[a-zA-Z_()]*` ->//g' | grep -oE '`[a-z_]+_`' | tr -d '`' | sort -u
    }
    for kind in gaussian_nb gmm kmeans pca lda qda hmm logistic poisson covariance bayes_linear categorical_nb; do
        h5dump -n "../$kind/final.h5" >../names
        for name in $(attributes $kind); do
            grep -q "/params/$name\$" ../names || complain "$kind: no /params/$name"
        done
    done
fi
finish
