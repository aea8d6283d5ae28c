#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Configures a build for another processor, whose programs meson runs under an emulator:
#   package/cross.sh aarch64|armhf FOLDER [MESON OPTION]...
# Needs what `package/setup.sh cross` installs. Fetches the libraries for that processor into FOLDER-sysroot once;
# changes nothing else of this machine. Ends with status 69 where this machine or the network does not allow it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
unavailable=69

fail() {
    status=$1
    shift
    printf 'cross: %s\n' "$*" >&2
    exit "$status"
}

[ $# -ge 2 ] || fail 2 "usage: $0 aarch64|armhf FOLDER [MESON OPTION]..."
absent=
case $1 in
    aarch64) cpu=aarch64 debian=arm64 triplet=aarch64-linux-gnu ;;
    armhf) cpu=arm debian=armhf triplet=arm-linux-gnueabihf absent=libcriterion-dev ;;
    *) fail 2 "no processor $1; there are aarch64 and armhf" ;;
esac
case $2 in
    /*) folder=$2 ;;
    *) folder=$PWD/$2 ;;
esac
shift 2
sysroot=$folder-sysroot

for tool in mmdebstrap "$triplet-gcc" "qemu-$cpu-static"; do
    command -v "$tool" >/dev/null || fail $unavailable "$tool is missing; package/setup.sh cross installs it"
done

[ -e "/proc/sys/fs/binfmt_misc/qemu-$cpu" ] ||
    unshare --map-root-user --mount mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null ||
    fail $unavailable "the kernel cannot be told of qemu-$cpu: root may (binfmt_misc), or anybody from Linux 6.7 on"

# Debian's release here, or the one that this is made for.
suite() {
    (
        . /etc/os-release
        [ "$ID" = debian ] && echo "$VERSION_CODENAME" || echo bookworm
    )
}

# Libraries to link with; one that has an alternative, where this release has it.
headers() {
    awk -v absent="$absent" '/^(build|test) / && $2 ~ /-dev($|[|])/ && $2 != absent { print $2 }' \
        "$here/debian-packages.txt" | while IFS='|' read -r name other; do
        if [ -z "$other" ] || apt-cache show "$name" >/dev/null 2>&1; then
            echo "$name"
        fi
    done | paste -sd,
}

# Named in the sysroot, so that another list makes another one.
wanted="$(suite) $(headers)"
if [ -e "$sysroot" ] && [ ! -e "$sysroot/contents" ]; then
    fail 2 "$sysroot exists and is not what this makes; move it away"
fi
if [ "$(cat "$sysroot/contents" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$sysroot.part" "$sysroot"
    mmdebstrap --quiet --variant=extract --arch="$debian" --include="${wanted#* }" "${wanted% *}" "$sysroot.part" ||
        fail $unavailable "libraries for $debian cannot be fetched; is the network up?"
    echo "$wanted" >"$sysroot.part/contents"
    mv "$sysroot.part" "$sysroot"
fi

cat >"$sysroot/meson.ini" <<END
[binaries]
c = ['$triplet-gcc', '--sysroot=$sysroot']
ar = '$triplet-ar'
strip = '$triplet-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['$here/emulate.sh', '$cpu', '$sysroot']

[properties]
sys_root = '$sysroot'
pkg_config_libdir = ['$sysroot/usr/lib/$triplet/pkgconfig', '$sysroot/usr/share/pkgconfig']

[host_machine]
system = 'linux'
cpu_family = '$cpu'
cpu = '$cpu'
endian = 'little'
END
exec "$here/configure.sh" "$folder" --cross-file "$sysroot/meson.ini" "$@"
