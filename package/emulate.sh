#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a program for another processor, one like a Raspberry Pi's, with the libraries of package/cross.sh:
#   package/emulate.sh aarch64|arm SYSROOT PROGRAM [ARGUMENT]...
# A program that starts programs, as Criterion's tests do, needs a kernel that knows the emulator. It is told in a
# namespace that ends with the program and of which nothing else sees anything.
set -eu

emulator=qemu-$1
case $1 in
    aarch64) QEMU_CPU=${QEMU_CPU:-cortex-a72} ;;
    arm) QEMU_CPU=${QEMU_CPU:-cortex-a7} ;;
esac
QEMU_LD_PREFIX=$2
export QEMU_CPU QEMU_LD_PREFIX
shift 2

if [ -e "/proc/sys/fs/binfmt_misc/$emulator" ]; then
    exec "$@"
fi
exec unshare --map-root-user --mount sh -ec '
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
    cat "/usr/lib/binfmt.d/$0.conf" >/proc/sys/fs/binfmt_misc/register
    exec "$@"' "$emulator" "$@"
