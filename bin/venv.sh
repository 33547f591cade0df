# Sourced by the other commands: makes the Python environment of requirements.txt, once, and keeps it up to date.
# For bash 3.2 (macOS) and later.
set -euo pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
CHARTLINE_HOME=${CHARTLINE_HOME:-$REPOSITORY/.chartline}
case $CHARTLINE_HOME in /*) ;; *) CHARTLINE_HOME=$PWD/$CHARTLINE_HOME ;; esac
VENV=$CHARTLINE_HOME/venv
PYTHON=$VENV/bin/python
UV=uv==0.13.8
export CHARTLINE_HOME
export PYTHONPATH=$REPOSITORY/include:$REPOSITORY/plugins
unset PYTHONDONTWRITEBYTECODE PYTHONHOME # without its bytecode Airflow starts half as fast

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# A Python from 3.11 to 3.14 that can make environments; in $found.
find_python() {
    local candidate answer seen=""
    for candidate in ${CHARTLINE_PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
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

make_venv() {
    if [ -x "$PYTHON" ] && "$PYTHON" -c "import sys; sys.exit(sys.prefix != '$VENV')" 2>/dev/null; then
        return
    fi
    find_python
    printf 'Making the Python environment with %s in %s\n' "$("$found" --version)" "$VENV"
    mkdir -p "$CHARTLINE_HOME"
    rm -rf "$VENV"
    "$found" -m venv "$VENV"
}

# install <requirements file>: nothing to do when the same file was installed before.
install() {
    local file=$1 stamp sum
    stamp=$VENV/installed-$(basename "$file")
    sum=$(cksum <"$REPOSITORY/$file")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
        return
    fi
    printf 'Installing %s (once, about half a minute)\n' "$file"
    "$PYTHON" -m pip --disable-pip-version-check --quiet install "$UV" >"$VENV/install.log" 2>&1 || true
    # uv is ten times faster; pip knows settings of its own (a mirror, a proxy), so it has the last word.
    if ! "$PYTHON" -m uv pip install --quiet --python "$PYTHON" --compile-bytecode -r "$REPOSITORY/$file" \
        >>"$VENV/install.log" 2>&1; then
        "$PYTHON" -m pip --disable-pip-version-check --quiet install -r "$REPOSITORY/$file" >>"$VENV/install.log" 2>&1 ||
            fail "Installing $file failed:" "$(tail -n 15 "$VENV/install.log")" "The whole log: $VENV/install.log"
    fi
    printf '%s\n' "$sum" >"$stamp"
}

# In a subshell: what is installed must be readable by PostgreSQL's user, whatever the umask of the caller.
prepare() {
    (
        umask 022
        make_venv
        for file in "$@"; do install "$file"; done
    )
}
