#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian or Ubuntu packages that are missing: tools/deps.sh [build] [lab] [test] [guest] [guest]
#
#   build   what `make` needs
#   lab     what network namespaces full of nodes need: `make demo`, `make bench`
#   test    what `make test` needs besides the other two
#   guest   what tests/guest/run.py needs besides `lab`: a virtual machine
#
# As root, or with sudo that asks for no password, it installs; otherwise it prints the command to run and stops.
set -eu

packages_of() {
	case $1 in
	build)
		echo meson ninja-build gcc libc6-dev pkg-config libuv1-dev libgnutls28-dev nettle-dev libngtcp2-dev \
			libngtcp2-crypto-gnutls-dev liburcu-dev libmnl-dev libmicrohttpd-dev libjansson-dev libcurl4-gnutls-dev
		[ "$(dpkg --print-architecture)" != amd64 ] || echo libipsec-mb-dev
		;;
	lab)
		echo python3 iproute2 iputils-ping iperf3 util-linux
		;;
	test)
		echo clang libcmocka-dev nftables
		# The sanitizers' run-time libraries of clang are a package of their own, named by clang's version.
		version=$(apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
		[ -z "$version" ] || echo "libclang-rt-$version-dev"
		;;
	guest)
		# Its kernel is not here: installed, it would change how this machine boots. tests/guest/kernel.py only unpacks it.
		echo qemu-system-x86 busybox-static
		;;
	*)
		echo "tools/deps.sh: unknown group \"$1\", there are: build lab test guest" >&2
		exit 2
		;;
	esac
}

installed() {
	# Any package that provides the name will do: pkgconf for pkg-config.
	dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed$' ||
		dpkg-query -W -f '${Status} ${Provides}\n' 2>/dev/null | grep -q "ok installed.*[ ,]$1[ ,(]"
}

# Where apt has package lists, a name without a candidate does not exist in this release: the build decides what that
# means.
may_exist() {
	! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt-cache policy "$1" | grep -q 'Candidate: [^(]'
}

missing_packages() {
	for group in "$@"; do
		for package in $(packages_of "$group"); do
			installed "$package" || ! may_exist "$package" || printf '%s ' "$package"
		done
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

install_packages() {
	echo "Installing: $*"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >"$log" 2>&1 && return
	cat "$log"
	echo "Installing packages failed, see above."
	exit 1
}

[ $# -gt 0 ] || set -- build
# Elsewhere the build names what it does not find.
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0

missing=$(missing_packages "$@")
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
	echo "Packages are missing. Install them, then try again:" >&2
	echo "    sudo apt-get update && sudo apt-get install $missing" >&2
	exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
as_root apt-get update -q >"$log" 2>&1 || cat "$log"
missing=$(missing_packages "$@")
# shellcheck disable=SC2086 # a list of words
[ -z "$missing" ] || install_packages $missing
