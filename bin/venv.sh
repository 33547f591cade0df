# shellcheck shell=bash
# Sourced by the other commands: makes the Python environment of requirements.txt, once, and keeps it up to date.
# For bash 3.2 (macOS) and later.
set -euo pipefail
unset CDPATH # with it `cd` speaks

REPOSITORY=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
export PYTHONPATH=$REPOSITORY/include:$REPOSITORY/plugins
unset PYTHONDONTWRITEBYTECODE PYTHONHOME # without its bytecode Airflow starts half as fast

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# need <what for> <Debian packages> <how else to get them>: installs as root on Debian, says how to elsewhere.
need() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $2 for $1"
        # shellcheck disable=SC2086 # several packages
        apt-get update -qq && apt-get install -qq -y --no-install-recommends $2 >/dev/null && return
    fi
    fail "$1 needs something that is not here. Debian: sudo apt-get install $2$3"
}

# The state folder by its one real name, however it was written: home/, ./home, x/../home, a link to it.
find_home() {
    local given=${CHARTLINE_HOME:-$REPOSITORY/.chartline} mode=700
    [ "$(id -u)" != 0 ] || mode=711 # PostgreSQL's user passes through; what is private lies in closed folders below
    if [ ! -d "$given" ]; then
        mkdir -p -- "$(dirname -- "$given")" && mkdir -m "$mode" -- "$given" 2>/dev/null || [ -d "$given" ] ||
            fail "The state folder $given cannot be made." "Name another one with CHARTLINE_HOME."
    fi
    CHARTLINE_HOME=$(cd -P -- "$given" && pwd -P) ||
        fail "The state folder $given cannot be entered." "Name another one with CHARTLINE_HOME."
    VENV=$CHARTLINE_HOME/venv
    PYTHON=$VENV/bin/python
    export CHARTLINE_HOME
    case $REPOSITORY$CHARTLINE_HOME in
    *:*) fail "A colon in the name of a folder is taken for the end of it: $REPOSITORY, $CHARTLINE_HOME" \
        "Move or rename the folder." ;;
    esac
    # What lies there is run, and secrets are put there: it must be nobody else's.
    if [ ! -O "$CHARTLINE_HOME" ] || { [ -e "$VENV" ] && [ ! -O "$VENV" ]; }; then
        fail "The state folder $CHARTLINE_HOME, or the Python environment in it, belongs to another user." \
            "Run the command as that user, or name another folder with CHARTLINE_HOME."
    fi
}

# A Python from 3.11 to 3.14 that can make environments; in $found.
find_python() {
    local candidate answer seen="" candidates=(python3 python3.14 python3.13 python3.12 python3.11)
    [ -z "${CHARTLINE_PYTHON:-}" ] || candidates=("$CHARTLINE_PYTHON")
    for candidate in "${candidates[@]}"; do
        answer=$("$candidate" -c 'import sys
version = "%d.%d" % sys.version_info[:2]
try:
    import ensurepip, venv
except ImportError:
    version += " without-venv"
print("good" if (3, 11) <= sys.version_info[:2] <= (3, 14) and " " not in version else version)' 2>/dev/null) || continue
        if [ "$answer" = good ]; then
            found=$candidate
            return
        fi
        seen="$seen $candidate is $answer;"
    done
    case $seen in
    *without-venv*)
        fail "No Python here can make an environment:$seen" \
            "Install the missing part, on Debian: apt-get install python3-venv" ;;
    *)
        fail "Chartline needs Python 3.11 to 3.14 and found none:${seen:- there is no python3;}" \
            "Install one (Debian: apt-get install python3 python3-venv; macOS: brew install python@3.13)," \
            "or name one: CHARTLINE_PYTHON=/path/to/python3 $0" ;;
    esac
}

# Two locks keep commands that run side by side from each other's environment. venv.making is held while one is made or
# changed. venv.lock is held by all who use it, for as long as they run (also by what this process becomes), so that
# nothing is replaced below a running program. macOS has no flock(1), so Python does it, on the files open here.
MAKING=6
IN_USE=7

# lock <python> <file descriptor> <LOCK_SH or LOCK_EX> <seconds to try, -1: until it is had>; 75 when it is not had.
lock() {
    "$1" -I -S -c 'import fcntl, sys, time
number, how, patience = int(sys.argv[1]), getattr(fcntl, sys.argv[2]), float(sys.argv[3])
began = time.monotonic()
while True:
    try:
        fcntl.flock(number, how | fcntl.LOCK_NB)
        break
    except BlockingIOError:
        if patience < 0:
            print("Another command is making the Python environment; waiting for it", file=sys.stderr)
            fcntl.flock(number, how)
            break
        if time.monotonic() - began > patience:
            sys.exit(75)
        time.sleep(0.05)' "$2" "$3" "$4"
}

open_locks() {
    (umask 077 && : >>"$CHARTLINE_HOME/venv.making" && : >>"$CHARTLINE_HOME/venv.lock") ||
        fail "The state folder $CHARTLINE_HOME cannot be written." "Name another one with CHARTLINE_HOME."
    exec 6>>"$CHARTLINE_HOME/venv.making" 7>>"$CHARTLINE_HOME/venv.lock"
}

# Whether this environment works, and lies where it was made.
is_whole() {
    [ -x "$PYTHON" ] && [ -f "$VENV/made-in" ] && [ "$(cat "$VENV/made-in")" = "$VENV" ] &&
        "$PYTHON" -I -c 'import sys; sys.exit(sys.prefix != sys.argv[1])' "$VENV" 2>/dev/null
}

stamp_of() { printf '%s/installed-%s' "$VENV" "$(basename -- "$1")"; }

sum_of() { cksum <"$REPOSITORY/$1"; }

# is_installed <requirements file>...
is_installed() {
    local file stamp
    for file in "$@"; do
        stamp=$(stamp_of "$file")
        [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(sum_of "$file")" ] || return 1
    done
}

# Whether the files can be installed beside what others use: none of them is there in another version.
only_adds() {
    local file
    is_whole || return 1
    for file in "$@"; do
        [ ! -f "$(stamp_of "$file")" ] || is_installed "$file" || return 1
    done
}

make_venv() {
    printf 'Making the Python environment with %s in %s\n' "$("$found" --version)" "$VENV"
    rm -rf -- "$VENV"
    "$found" -m venv "$VENV"
    printf '%s\n' "$VENV" >"$VENV/made-in"
}

# install <requirements file>
install() {
    local file=$1
    ! is_installed "$file" || return 0
    printf 'Installing %s (once, about half a minute)\n' "$file"
    # Nothing is installed that has not the hash of the file. uv is ten times faster; pip knows settings of its own
    # (a mirror, a proxy), so it has the last word.
    local pip=("$PYTHON" -m pip --disable-pip-version-check --quiet install --require-hashes)
    "${pip[@]}" -r "$REPOSITORY/requirements-uv.txt" >"$VENV/install.log" 2>&1 || true
    if ! "$PYTHON" -m uv pip install --quiet --python "$PYTHON" --compile-bytecode --require-hashes \
        -r "$REPOSITORY/$file" >>"$VENV/install.log" 2>&1; then
        "${pip[@]}" -r "$REPOSITORY/$file" >>"$VENV/install.log" 2>&1 ||
            fail "Installing $file failed:" "$(tail -n 15 "$VENV/install.log")" "The whole log: $VENV/install.log"
    fi
    printf '%s\n' "$(sum_of "$file")" >"$(stamp_of "$file")"
}

# prepare <requirements file>...: all that the commands need, made once; from now on this process holds it.
prepare() {
    find_home
    open_locks
    if is_whole && lock "$PYTHON" $IN_USE LOCK_SH -1 && is_whole && is_installed "$@"; then
        exec 6>&-
        return
    fi
    exec 7>&- # the one who makes it waits for all who use it
    if is_whole; then found=$PYTHON; else find_python; fi
    lock "$found" $MAKING LOCK_EX -1
    exec 7>>"$CHARTLINE_HOME/venv.lock"
    if ! { is_whole && is_installed "$@"; }; then
        only_adds "$@" || lock "$found" $IN_USE LOCK_EX 5 || in_use
        # In a subshell: what is installed must be readable by PostgreSQL's user, whatever the umask of the caller.
        (
            umask 022
            is_whole || { find_python && make_venv; }
            for file in "$@"; do install "$file"; done
        )
    fi
    lock "$PYTHON" $IN_USE LOCK_SH -1
    exec 6>&-
}

in_use() {
    fail "The Python environment $VENV is not what is needed here, and cannot be changed while others use it." \
        "Stop what runs from it (bin/up, bin/test, bin/chartline), then try again."
}
