#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing from the named sets of debian-packages.txt:
#   package/setup.sh build demo
# Changes nothing and needs no network when all of them are there.
set -eu

list=$(dirname "$0")/debian-packages.txt

say() { printf '%s\n' "$*"; }

fail() {
    printf 'setup: %s\n' "$1" >&2
    shift
    for line; do printf '       %s\n' "$line" >&2; done
    exit 1
}

packages_of() {
    while read -r set package purpose; do
        case " $* " in *" $set "*) say "$package" ;; esac
    done <"$list"
}

alternatives() { say "$1" | tr '|' '\n'; }

is_installed() {
    for alternative in $(alternatives "$1"); do
        if [ "$(dpkg-query -W -f='${db:Status-Status}' "$alternative" 2>/dev/null)" = installed ]; then
            return 0
        fi
    done
    return 1
}

# The first alternative that this release has; the last one otherwise, and apt-get says what is wrong.
available() {
    for alternative in $(alternatives "$1"); do
        if apt-cache show "$alternative" >/dev/null 2>&1; then
            break
        fi
    done
    say "$alternative"
}

[ $# -gt 0 ] || fail "name the sets to install, for example: $0 build test"
wanted=$(packages_of "$@")
[ -n "$wanted" ] || fail "no package in $list belongs to: $*"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    fail "this system has no apt-get, so nothing was installed." \
        "Install the equivalents of these Debian packages and build with meson (CONTRIBUTING.md):" $wanted
fi

missing=
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    say "setup: all $(say "$wanted" | wc -l) packages are installed"
    exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
        fail "packages are missing and there is no sudo. As root, run:" "apt-get install$missing"
    as_root=sudo
fi

say "setup: installing with apt-get${as_root:+ (through sudo)}:$missing"
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" </dev/null; }
apt update || fail "apt-get update failed; see its message above. Is the network up?"
apt install --no-install-recommends $(for package in $missing; do available "$package"; done) ||
    fail "apt-get install failed; see its message above"

for package in $missing; do
    is_installed "$package" || fail "apt-get ended well, yet $package is not installed"
done
say "setup: done"
