# Distributions on the command line: numbers, quantiles, draws, and what is refused.
. "$(dirname "$0")/expect.sh"

expect 0 '^38 .* 2\.88542835e-316 ' distribution normal --x 38
mapfile -t many < <(for i in $(seq 70); do printf -- '--x\n%d\n' "$i"; done)
expect 0 '^70 ' distribution normal "${many[@]}"
expect 0 '^1e-60 +-748845410\.[0-9]+ +748845410\.' distribution student_t df=7 --p 1e-60
expect 0 '"probability": 0\.26682793' distribution binomial n=10 p=0.3 --x 3 --json
expect 0 '^1\.66666' distribution f dfn=2 dfd=5
expect 0 '^undefined +undefined +undefined +0 +-inf +inf$' distribution student_t df=1
expect 0 'log_density' distribution multivariate_normal 'mean=[0,0]' 'covariance=[1,0.5,0.5,1]' --x 0,0,1,1
expect 0 '^\[[0-9]' distribution poisson mean=3 --sample 5 --json
"$program" distribution gamma shape=2 --sample 3 >../three
"$program" distribution gamma shape=2 --sample 5 >../five
cmp -s ../three <(head -3 ../five) || complain 'a draw depends on how many are drawn'
"$program" distribution gamma shape=2 --sample 3 --seed 2 | cmp -s - ../three && complain 'the seed changes nothing'
expect 64 "unknown distribution 'poison'; did you mean 'poisson'" distribution poison
expect 64 "missing key 'shape'" distribution gamma
expect 64 "normal\.sd: expected a number" distribution normal sd=0
expect 64 'sum to 1, found 2 with the sum 0.9' distribution categorical 'probabilities=[0.5,0.4]'
expect 64 "expected PARAM=VALUE, found 'mean'" distribution normal mean
expect 64 "expected a number, found 'abc'" distribution normal --x abc
expect 64 'from 0 to 1' distribution normal --p 2
expect 64 'has no quantiles' distribution multivariate_normal 'mean=[0]' 'covariance=[1]' --p 0.5
expect 64 'vectors of 2 numbers, found 3' distribution multivariate_normal 'mean=[0,0]' 'covariance=[1,0,0,1]' --x 1,2,3
finish
