#!/usr/bin/env bash
# launch/local with a stand-in for the program: exit codes, one USR1 for a TERM, restarts with back-off, the end of fruitless restarts.
# usage: local.sh LAUNCHER SCRATCH
set -uo pipefail
launcher=$1 scratch=$2

rm -rf "$scratch"
mkdir -p "$scratch"
bad=0
complain() {
    echo "FAILED: $1"
    bad=1
}

# The stand-in: `train -o DIR`. Each start takes its behaviour from one line of DIR/plan: "step N" writes a checkpoint's name,
# "exit N" ends, "wait" runs until a USR1, counts them, and ends with 75.
cat >"$scratch/program" <<'END'
#!/usr/bin/env bash
directory=$3
starts=$(($(cat "$directory/starts" 2>/dev/null || echo 0) + 1))
echo $starts >"$directory/starts"
signals=0
trap 'signals=$((signals + 1)); echo $signals >"$directory/signals"' USR1
for word in $(sed -n "${starts}p" "$directory/plan"); do
    case $word in
    step=*) mkdir -p "$directory/checkpoints" && touch "$directory/checkpoints/step-$(printf %012d "${word#step=}").h5" ;;
    exit=*) exit "${word#exit=}" ;;
    kill) kill -KILL $$ ;;
    wait)
        touch "$directory/ready"
        for _ in $(seq 100); do
            sleep 0.1 &
            wait $!
            [ $signals -gt 0 ] && sleep 0.3 && exit 75
        done
        exit 99
        ;;
    esac
done
END
chmod +x "$scratch/program"

case_number=0
# expect CODE STARTS VERB LINE...: a plan of lines gives this exit code after this many starts
expect() {
    local code=$1 starts=$2 verb=$3 directory found
    shift 3
    case_number=$((case_number + 1))
    directory=$scratch/$case_number
    mkdir "$directory"
    printf '%s\n' "$@" >"$directory/plan"
    "$launcher" -n 1 -q -- "$scratch/program" "$verb" -o "$directory" 2>"$directory/err"
    found=$?
    [ "$found" = "$code" ] || complain "plan '$*': exit code $found, expected $code"
    found=$(cat "$directory/starts")
    [ "$found" = "$starts" ] || complain "plan '$*': $found starts, expected $starts"
}

for code in 0 3 4 64 65 66 70 71 73 75 78; do # final: passed on, no restart
    expect $code 1 train "exit=$code"
done
expect 1 1 eval 'exit=1'                                       # only a training goes on from a checkpoint
expect 0 2 train 'step=5 exit=74' 'exit=0'                     # the watchdog ended it
expect 75 2 train 'step=5 kill' 'step=7 exit=75'               # a killed rank
expect 1 4 train 'exit=1' 'exit=1' 'exit=1' 'exit=1' 'exit=0'  # 3 restarts without a step: enough
expect 0 3 train 'step=10 exit=1' 'step=20 exit=1' 'exit=0'

"$launcher" -n 1 -q -- "$scratch/no-such-program" 2>/dev/null
[ $? = 66 ] || complain 'a missing program should give 66'
"$launcher" -n 0 -q -- "$scratch/program" 2>/dev/null
[ $? = 64 ] || complain '-n 0 should give 64'
"$launcher" 2>/dev/null
[ $? = 64 ] || complain 'no command should give 64'

for signal in TERM INT HUP USR1; do # three signals to the launcher are one USR1 to the job, and 75 comes back
    directory=$scratch/$signal
    mkdir "$directory"
    echo wait >"$directory/plan"
    set -m # as in a terminal: a background job that can receive SIGINT
    "$launcher" -n 1 -q -- "$scratch/program" train -o "$directory" 2>/dev/null &
    job=$!
    set +m
    for _ in $(seq 100); do
        [ -e "$directory/ready" ] && break
        sleep 0.05
    done
    kill -s "$signal" $job
    sleep 0.05
    [ "$signal" = INT ] || kill -s "$signal" $job # a second INT has a meaning of its own
    wait $job
    code=$?
    [ $code = 75 ] || complain "SIG$signal: exit code $code, expected 75"
    [ "$(cat "$directory/signals")" = 1 ] || complain "SIG$signal: the job saw $(cat "$directory/signals") USR1, expected 1"
done

# mpirun: the line that is run, threads, oversubscription, the code of the ranks.
code=0
# shellcheck disable=SC2016 # for the inner shell
"$launcher" -n 3 -t 2 -- bash -c 'echo "threads $OMP_NUM_THREADS"; exit 78' >"$scratch/out" 2>"$scratch/err" || code=$?
[ $code = 78 ] || complain "mpirun: exit code $code, expected 78"
grep -q '^+ OMP_NUM_THREADS=2 mpirun -np 3 --bind-to none' "$scratch/err" || complain "unexpected command line: $(head -1 "$scratch/err")"
grep -q '^threads 2$' "$scratch/out" || complain 'the ranks do not see OMP_NUM_THREADS=2'

[ $bad = 0 ] && echo "launch/local: $case_number plans, 4 signals and an mpirun went as they should"
exit $bad
