#!/usr/bin/env bash
# The work on levantwatch, as commands that run. CI calls the same words.
#
#   ./run.sh demo            the whole road on the bundled newsroom; needs no network once set up
#   ./run.sh test [ARG ...]  the test suite (arguments go to pytest)
#   ./run.sh lint            ruff, formatting, the import arrows
#   ./run.sh types           mypy --strict
#   ./run.sh gate            the judge's floors (bench/gate.py), where ../shared is
#   ./run.sh lock            writes the three lock files anew from pyproject.toml (needs uv)
#   ./run.sh replay          polling policies over recorded and synthetic timelines (bench/replay.py)
#   ./run.sh fuzz            coverage-guided fuzzing of feeds, pages and URLs (bench/fuzz.py; installs atheris first)
#   ./run.sh chaos           forty times kill -9 in one crawl, and every other fault, on both databases (bench/chaos.py)
#   ./run.sh soak            144 rounds in fast-forward, and the memory of a hostile round (bench/soak.py)
#   ./run.sh real            the captured feeds of ../shared through the real spider (bench/real.py)
#   ./run.sh similar         near-duplicates and stories: precision, recall, time of an article (bench/similar.py)
#   ./run.sh quick [FOLDER]  the short way of reading feeds beside feedparser, field by field (bench/quick.py)
#   ./run.sh queries URL     every documented question in a full store, timed (bench/queries.py; bench/million.py fills one)
#   ./run.sh weights URL     how much each view of the page weighs there (bench/weights.py)
#   ./run.sh bench           every phase of a round beside its floor, lemon24/reader beside ours (bench/regress.py)
#   ./run.sh cluster         1, 2 and 4 daemons that share one Postgres database (bench/cluster.py)
#   ./run.sh simulate        how many crawlers a million feeds need (bench/simulate.py; docs/scale.md)
#   ./run.sh recording       what parsing and recording a poll cost (bench/recording.py)
#   ./run.sh extras          every optional part into .venv (alerts, archive, cluster, Parquet …), and the tools of the tests
#   ./run.sh levantwatch …   the command itself, in the environment that this script made
#
# Set-up is part of every word: .venv is made with uv if there is one, else with the newest
# Python >= 3.11 on PATH, always at the locked versions, and left alone while the lock is unchanged.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH
unset PYTHONDONTWRITEBYTECODE  # else each of the hundreds of commands that the suite starts compiles the whole program

if ! command -v sha256sum >/dev/null; then
    sha256sum() { shasum -a 256; }  # macOS
fi

say() { printf 'run.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The newest Python >= 3.11 that really starts (a pyenv shim may exist and refuse).
find_python() {
    local name
    for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
        if "$name" -c 'import sys, venv; sys.exit(not ((3, 11) <= sys.version_info < (3, 15)))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

make_venv() {
    local python
    rm -rf .venv
    if command -v uv >/dev/null; then
        uv venv --quiet --python "$(find_python || echo '>=3.11,<3.15')" .venv || die "uv could not make .venv"
        return
    fi
    python=$(find_python) || die "no Python 3.11 or newer on PATH; install python3.11 and run this again"
    # Debian ships venv without ensurepip: then the outer pip installs into the bare environment.
    if "$python" -m venv .venv >/dev/null 2>&1; then return; fi
    rm -rf .venv
    "$python" -m venv --without-pip .venv || die "$python cannot make a virtual environment"
    "$python" -m pip --version >/dev/null 2>&1 || die "$python has neither ensurepip nor pip; install python3-venv or python3-pip and run this again"
    printf '%s\n' "$python" >.venv/outer-python
}

pip_install() {
    if command -v uv >/dev/null; then
        uv pip install --quiet --compile-bytecode --python .venv/bin/python "$@"
    elif [ -f .venv/outer-python ]; then
        "$(cat .venv/outer-python)" -m pip --python .venv/bin/python install --quiet --disable-pip-version-check --no-input "$@"
    else
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@"
    fi
}

# set_up runtime|all: at most one set of packages is installed, and only when its lock changed.
set_up() {
    local lock=requirements.lock want log
    [ "$1" = runtime ] && lock=requirements-runtime.lock
    want=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
    if .venv/bin/python -c '' 2>/dev/null && [ -f .venv/set-up ]; then
        # "all" holds what "runtime" needs
        if grep -qx "$1 $want" .venv/set-up; then return; fi
        if [ "$1" = runtime ] && grep -qx "all $(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)" .venv/set-up; then return; fi
    else
        say "making .venv"
        make_venv
    fi
    say "installing the locked packages ($lock), once"
    log=$(mktemp)
    if ! pip_install --require-hashes -r "$lock" >"$log" 2>&1 \
        || ! PATH="$PWD/.venv/bin:$PATH" pip_install --no-deps --no-build-isolation -e . >>"$log" 2>&1; then
        if grep -qiE 'connection|resolve|network|timed out|unreachable|no matching distribution|dns error|could not find a version' "$log"; then
            die "no package index answers, so the locked packages cannot be installed; connect once and run this again (full log: $log)"
        fi
        tail -n 15 "$log" >&2
        die "the locked packages could not be installed (full log: $log)"
    fi
    rm -f "$log"
    # where PYTHONDONTWRITEBYTECODE is set, as in many containers, every command would compile the program anew: 0.3 s of its start
    .venv/bin/python -m compileall -q crawler storage
    printf '%s %s\n' "$1" "$want" >>.venv/set-up
}

# Hundreds of databases are made and thrown away: in memory, where there is plenty, which takes half of the time.
keep_in_memory() {
    local room free
    room=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }') || return 0
    free=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null) || return 0
    if [ "${room:-0}" -lt 2000000 ] || [ "${free:-0}" -lt 8000000 ] || [ ! -w /dev/shm ]; then return 0; fi
    TMPDIR=$(mktemp -d /dev/shm/lw.XXXX)
    export TMPDIR
    trap 'rm -rf "$TMPDIR"' EXIT
    chmod 711 "$TMPDIR"  # root's Postgres runs as another user
}

word=${1:-help}
[ $# -gt 0 ] && shift
case "$word" in
    demo)
        set_up runtime
        exec .venv/bin/levantwatch demo "$@"
        ;;
    test)
        set_up all
        # many tests wait for a server that is slow on purpose: one worker more than there are cores
        export PYTEST_XDIST_AUTO_NUM_WORKERS=${PYTEST_XDIST_AUTO_NUM_WORKERS:-$(($(getconf _NPROCESSORS_ONLN) + 1))}
        keep_in_memory
        .venv/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder "$@"
        ;;
    lint)
        set_up all
        .venv/bin/ruff check .
        .venv/bin/ruff format --check .
        .venv/bin/lint-imports
        ;;
    types)
        set_up all
        exec .venv/bin/mypy
        ;;
    gate)
        set_up all
        exec .venv/bin/python bench/gate.py
        ;;
    fuzz)
        set_up all
        .venv/bin/python -c 'import atheris' 2>/dev/null || pip_install --require-hashes -r requirements-fuzz.lock
        exec .venv/bin/python bench/fuzz.py "$@"
        ;;
    bench)
        set_up all
        exec .venv/bin/python bench/regress.py "$@"
        ;;
    chaos | cluster | queries | quick | real | recording | replay | similar | simulate | soak | weights)
        set_up all
        exec .venv/bin/python "bench/$word.py" "$@"
        ;;
    levantwatch)
        set_up runtime
        exec .venv/bin/levantwatch "$@"
        ;;
    extras)
        set_up all
        ;;
    lock)
        command -v uv >/dev/null || die "the lock files are written by uv; install it and run this again"
        uv lock --quiet --upgrade
        uv export --quiet --no-emit-project --no-header --all-groups --no-group fuzz --all-extras -o requirements.lock
        uv export --quiet --no-emit-project --no-header --no-default-groups --group build --extra postgres --extra web -o requirements-runtime.lock
        uv export --quiet --no-emit-project --no-header --only-group fuzz -o requirements-fuzz.lock
        rm -f uv.lock  # it names the registry's hosts; the exports do not
        ;;
    *)
        sed -n '2,26p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'
        [ "$word" = help ] || exit 2
        ;;
esac
