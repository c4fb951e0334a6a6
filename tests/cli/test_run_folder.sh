# Folders of runs, where another thing was expected, or nothing has come of them.
. "$(dirname "$0")/expect.sh"

"$program" train -q -s 'optimizer={type: sgd, lr: 1e6}' -o ../diverged >../out 2>../err
expect 0 'status: diverged, step [0-9]+, .*, checkpoint none$' info ../diverged
finish
