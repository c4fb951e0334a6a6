#!/usr/bin/env bash
# Trains and diagnoses the runs of a table, with several seeds, and prints what was found: planted faults that were named as a cause,
# false alarms on healthy runs, faults that nobody planted, and a confusion table.
#
# usage: campaign.sh PROGRAM TABLES SCRATCH RUNS.txt [SEEDS] [NAME_REGEX]
#
# A line of the table: name | expected code, several that are as good with commas, - for healthy | config or run | data | model | overrides | bar
#          followed by "weights IN UNITS OUT BIAS": the run starts with such weights of two layers, the biases of the first at BIAS
#          followed by "elsewhere": data.test has the same rows in other units, 1.8 x + 32
#          "run resumed": stopped after 3 epochs and gone on with; "run ranks=N"
#          "run exit=70": the record of the run says that it ended with this code
#   data   a kind of tables with rows and changes, or builtin, fashion, coads (a climatology), burgers N, heat N, bible CONTEXT
#   model  units of hidden layers and what they share: "16 16 tanh", "32 relu init=normal init_scale=3"; linear: none; or [layers]; or statistic
#          and the whole section: "statistic {type: ols}"
#   overrides of the base configuration, with semicolons between
#   bar    what a healthy run has to reach on the rows held out, such as accuracy>=0.8, or train_loss<=0.1; a run under it is counted apart
# Exit 0 when at least 90 % of the planted faults were named and at most 3 % of the healthy runs have a fault or a warning.
set -u
program=$1 tables=$2 scratch=$3 table=$4 seeds=${5:-3} only=${6:-.}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
mkdir -p "$scratch" && cd "$scratch" || exit 1
cat >base.yaml <<'YAML'
data: {train: {format: csv, file: data.csv, target: [y]}, normalize: mean_std, validation: 0.25}
optimizer: {type: adam, lr: 1.0e-2}
train: {batch: 32, epochs: 20}
log: {every: 5 steps}
checkpoint: {every: never}
YAML

cat >plain.yaml <<'YAML'
data: {train: {format: csv, file: data.csv, target: [y]}, normalize: mean_std, validation: 0.25}
YAML

outputs_of() { # data
    case $1 in
    *classes=*) grep -o 'classes=[0-9]*' <<<"$1" | cut -d= -f2 ;; builtin*digits* | fashion*) echo 10 ;; builtin*spirals*) echo 2 ;; builtin*) echo 1 ;;
    coads*) echo 3 ;; burgers*) echo 128 ;; heat*) echo 1024 ;; bible*) echo 256 ;; *) "$tables" outputs "${1%% *}" ;;
    esac
}

layers_of() { # model outputs
    local units=() activation=relu options='' last='' word
    case $1 in \[*) echo "${1//@/$2}" && return ;; esac
    for word in $1; do
        case $word in
        linear) ;;
        [0-9]*) units+=("$word") ;;
        last.*=*) last+=", ${word#last.}" && last=${last/=/: } ;;
        *=*) options+=", ${word/=/: }" ;;
        *) activation=$word ;;
        esac
    done
    local text=
    for word in "${units[@]}"; do
        text+="{dense: {units: $word, activation: $activation$options}}, "
    done
    [ ${#units[@]} -eq 0 ] && last+=$options
    [ -n "$last" ] || last=$([ ${#units[@]} -gt 0 ] && echo "$options")
    echo "[$text{dense: {units: $2$last}}]"
}

# Causes of a diagnosis.json, one "severity code" a line.
causes_of() {
    sed 's/{"code": /\n&/g' "$1" | sed -n 's/^{"code": "\([A-Z_]*\)", "severity": "\([a-z]*\)".*"consequence_of": null.*/\2 \1/p'
}

run_one() { # name seed mode data model overrides bar
    local sets=() part data=$4 outputs base=base.yaml
    outputs=$(outputs_of "$data")
    case $data in
    builtin*) sets+=(-s "data.train={format: builtin, name: ${data#builtin }}") ;;
    fashion*) sets+=(-s 'data.train={format: idx, x: /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz, y: /usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz}') ;;
    coads*) sets+=(-s 'data.train={format: netcdf, file: /usr/share/ferret-vis/data/coads_climatology.cdf, x: [TIME, COADSY, COADSX, UWND, VWND, SLP], y: [SST, AIRT, SPEH]}') ;;
    burgers* | heat*)
        [ -e "${data// /-}-$2.h5" ] || "$program" data generate "${data% *}" -o "${data// /-}-$2.h5" -n "${data#* }" --seed "$2" >/dev/null 2>text.err || return 1
        sets+=(-s "data.train={format: hdf5, file: ${data// /-}-$2.h5, x: /x, y: /y}")
        ;;
    bible*)
        [ -e bible.txt ] || bible gen1:1-gen12:20 >bible.txt || return 1
        sets+=(-s "data.train={format: text, file: bible.txt, context: ${data#* }}")
        ;;
    *)
        # shellcheck disable=SC2086
        set -- "$1" "$2" "$3" "$4" "$5" "$6" "$7" $data
        "$tables" "$8" "$9" "$(($2 + 100 * ${#1}))" "${@:10}" >data.csv || return 1
        local labels=true
        [ "$outputs" -ne 1 ] || [[ $6 == *loss=bce* ]] || labels=false
        sets+=(-s "data.train.labels=$labels")
        if [[ $3 == *elsewhere* ]]; then
            awk -F, -v OFS=, 'NR > 1 { for (i = 1; i < NF; i++) $i = 1.8 * $i + 32 } 1' data.csv >test.csv
            sets+=(-s "data.test={format: csv, file: test.csv, target: [y], labels: $labels}" -s data.validation=0)
        fi
        ;;
    esac
    case $5 in
    statistic*) base=plain.yaml && sets+=(-s "model=${5#statistic }") ;;
    *) sets+=(-s "model.layers=$(layers_of "$5" "$outputs")") ;;
    esac
    sets+=(-s "seed=$2" -s name=run)
    IFS=';'
    for part in $6; do
        part=${part#"${part%%[! ]*}"}
        [ -z "$part" ] || sets+=(-s "$part")
    done
    unset IFS
    rm -rf run && mkdir run
    if [[ $3 == *weights* ]]; then
        # shellcheck disable=SC2086
        "$tables" ${3#* } "$2" >weights.safetensors || return 1
        sets+=(-s start.from=weights.safetensors -s start.layout=native)
    fi
    if [[ $3 == run* ]]; then
        rm -rf run
        local launch=()
        [[ $3 != *ranks=* ]] || launch=(mpirun --oversubscribe --bind-to none -np "${3##*ranks=}")
        if [[ $3 == *resumed* ]]; then
            "$program" train "$base" -q -t 1 -o run "${sets[@]}" -s train.epochs=3 >train.out 2>train.err || return 1
            sets+=(--allow-change train.epochs)
        fi
        "${launch[@]}" "$program" train "$base" -q -t 1 -o run "${sets[@]}" >train.out 2>train.err </dev/null
        case $? in 0 | 3 | 4 | 75) ;; *) return 1 ;; esac
        [[ $3 != *exit=* ]] || sed -i "s/\"exit_code\": [0-9]*/\"exit_code\": ${3##*exit=}/" run/status.json
        "$program" diagnose run -t 1 >text.out 2>text.err || return 1
        cp run/diagnosis.json found.json
    else
        "$program" diagnose "$base" -t 1 --json "${sets[@]}" >found.json 2>text.err || return 1
        [ -z "$7" ] || { rm -rf run && "$program" train "$base" -q -t 1 -o run "${sets[@]}" >train.out 2>train.err </dev/null; } || return 1
    fi
}

# Whether the run that has just been made reaches a bar; says what it has reached.
reaches() { # bar
    local name=${1%%[<>]*} part found
    [ -n "$1" ] || return 0
    part=$(grep -o '"validation": {[^}]\+}' run/summary.json || cat run/summary.json)
    found=$(grep -o "\"$name\": [^,}]*" <<<"$part" | head -1 | cut -d' ' -f2)
    echo "$name ${found:-none}"
    awk -v x="${found:-none}" -v bar="${1##*=}" -v up="$([[ $1 == *'>='* ]] && echo 1 || echo -1)" 'BEGIN { exit !(x ~ /^[-0-9]/ && up * x >= up * bar) }'
}

planted=0 named=0 healthy=0 alarms=0 extra=0 broken=0 under=0 alarms_under=0
: >confusion.txt
: >misses.txt
while IFS='|' read -r name expected mode data model overrides bar; do
    name=$(echo "$name" | xargs)
    case $name in '' | '#'*) continue ;; esac
    [[ $name =~ $only ]] || continue
    expected=$(echo "$expected" | xargs) mode=$(echo "$mode" | xargs) data=$(echo "$data" | xargs) model=$(echo "$model" | sed 's/^ *//; s/ *$//') bar=$(echo "$bar" | tr -d ' ')
    for seed in $(seq 1 "$seeds"); do
        if ! run_one "$name" "$seed" "$mode" "$data" "$model" "$overrides" "$bar"; then
            broken=$((broken + 1))
            echo "broken: $name seed $seed: $(tail -1 train.err text.err 2>/dev/null | tr '\n' ' ')" | tee -a misses.txt
            continue
        fi
        causes_of found.json >causes.txt
        faults=$(awk '$1 == "fault" { print $2 }' causes.txt)
        all=$(awk '{ print $2 }' causes.txt)
        if [ "$expected" = - ]; then
            healthy=$((healthy + 1))
            loud=$(awk '$1 != "info" { print $2 }' causes.txt)
            reached=$(reaches "$bar") || { under=$((under + 1)) && alarms_under=$((alarms_under + ${loud:+1}+0)) && echo "under its bar: $name seed $seed: $reached, wanted $bar" | tee -a misses.txt; }
            [ -z "$loud" ] || { alarms=$((alarms + 1)) && echo "alarm: $name seed $seed: $loud" | tr '\n' ' ' | tee -a misses.txt && echo | tee -a misses.txt; }
            for code in ${loud:-none}; do echo "healthy $code" >>confusion.txt; done
            continue
        fi
        planted=$((planted + 1)) hit=
        for code in $all; do
            [[ ,$expected, == *,$code,* ]] && hit=$code
        done
        if [ -n "$hit" ]; then
            named=$((named + 1))
            echo "${expected%%,*} ${expected%%,*}" >>confusion.txt
        else
            echo "miss: $name seed $seed: wanted $expected, found ${all:-nothing}" | tr '\n' ' ' | tee -a misses.txt && echo | tee -a misses.txt
            [ -n "$faults" ] || echo "${expected%%,*} none" >>confusion.txt
        fi
        for code in $faults; do
            if [[ ,$expected, != *,$code,* ]]; then
                extra=$((extra + 1))
                echo "extra: $name seed $seed: $code" | tee -a misses.txt
                echo "${expected%%,*} $code" >>confusion.txt
            fi
        done
    done
done <"$table"

echo
echo 'confusion: what was planted, and what was named as its cause'
sort confusion.txt | uniq -c | awk '{ row[$2] = row[$2] sprintf("  %s %d", $3, $1) } END { for (r in row) printf "%-24s%s\n", r, row[r] }' | sort
echo
echo "planted $planted, named $named; extra faults $extra; healthy $healthy, alarms $alarms ($under under their bar, with $alarms_under alarms); broken $broken"
[ "$broken" -eq 0 ] && [ $((100 * named)) -ge $((90 * planted)) ] && [ $((100 * alarms)) -le $((3 * healthy)) ] && [ $((100 * extra)) -le $((5 * planted)) ]
