#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Configures a build folder of this checkout; afresh where it is broken or belongs to another checkout:
#   package/configure.sh FOLDER [MESON OPTION]...
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder=$1
shift

fail() {
    printf 'configure: %s\n' "$1" >&2
    exit 1
}

# Where meson's own record says that the folder was configured from.
recorded_root() {
    sed -n 's/.*"source": "\([^"]*\)".*/\1/p' "$folder/meson-info/meson-info.json" 2>/dev/null
}

if [ -e "$folder/build.ninja" ] && [ "$(recorded_root)" = "$root" ] &&
    meson setup --reconfigure "$@" "$folder" "$root" >/dev/null 2>&1 </dev/null; then
    exit 0
fi
if [ -e "$folder/meson-private" ]; then
    printf 'configure: %s cannot be used as it is; starting it afresh\n' "$folder"
    rm -rf "$folder"
elif [ -d "$folder" ] && [ -n "$(ls -A "$folder")" ]; then
    fail "$folder exists and is no build folder; move it away"
fi
if ! log=$(meson setup "$@" "$folder" "$root" 2>&1 </dev/null); then
    printf '%s\n' "$log" >&2
    fail "meson could not configure the build; see above"
fi
