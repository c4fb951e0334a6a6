# Sourced by launch/check and launch/quickstart: installs what is missing, configures, builds. Each command is printed as it
# is run, so that it can be typed instead. Expects the working directory to be the top of the tree.
# shellcheck shell=bash

packages=(build-essential cmake pkg-config openmpi-bin libopenmpi-dev libhdf5-dev hdf5-tools libyaml-dev zlib1g-dev libcmocka-dev
    dataset-fashion-mnist)

run() { # prints a command, runs it, and stops with its exit code if it fails
    echo "+ $*" >&2
    "$@" || exit $?
}

# Debian's packages; nothing is done, and no network or superuser is needed, when all are there already.
install_packages() {
    local missing=() package as=()
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        echo "$0: this is no Debian system: install the equivalents of" >&2
        echo "  ${packages[*]}" >&2
        echo "yourself, then run $0 --no-install" >&2
        exit 69
    fi
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || {
            echo "$0: these packages are missing, and there is no sudo: ${missing[*]}" >&2
            echo "ask for: apt-get install --no-install-recommends ${missing[*]}" >&2
            exit 69
        }
        as=(sudo)
    fi
    run "${as[@]}" apt-get update -q
    run "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# Names everything that is missing at once, each with the Debian package that holds it.
check_tools() {
    local missing=() pair
    for pair in cc:build-essential make:build-essential cmake:cmake pkg-config:pkg-config mpirun:openmpi-bin mpicc:libopenmpi-dev; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair%%:*} (${pair##*:})")
    done
    if command -v pkg-config >/dev/null; then
        for pair in yaml-0.1:libyaml-dev zlib:zlib1g-dev cmocka:libcmocka-dev; do
            pkg-config --exists "${pair%%:*}" || missing+=("library ${pair%%:*} (${pair##*:})")
        done
    fi
    if [ ${#missing[@]} -gt 0 ]; then
        printf '%s: missing:\n' "$0" >&2
        printf '  %s\n' "${missing[@]}" >&2
        echo "(in brackets: the Debian package; run $0 without --no-install to install them)" >&2
        exit 69
    fi
}

# prepare [--no-install] [cmake options...]: everything up to a built tree in build/.
prepare() {
    if [ "${1:-}" = --no-install ]; then
        shift
    else
        install_packages
    fi
    check_tools
    run cmake -S . -B build -DCMAKE_BUILD_TYPE=Release "$@"
    run cmake --build build -j "$(nproc)"
}

# Reads the options of both scripts into `install` (empty or --no-install).
# shellcheck disable=SC2034 # the caller reads it
read_options() {
    install=''
    while [ $# -gt 0 ]; do
        case $1 in
        --no-install) install=--no-install ;;
        -h | --help)
            sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
            exit 0
            ;;
        *)
            echo "$0: unknown option '$1' (see $0 --help)" >&2
            exit 64
            ;;
        esac
        shift
    done
}
