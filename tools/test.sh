#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# All tests: tools/test.sh [STEP...], steps: gcc clang thread release nodes soak guest interop (default: all). STEP+STEP runs
# two at the same time.
#
#   gcc      unit tests, vectors, fuzz corpora, simulation and source layout: gcc, address + undefined sanitizers
#   clang    the same without simulation and layout, which the compiler does not change: clang, same sanitizers
#   thread   what runs in several threads, and a line of real nodes: thread sanitizer
#   release  unit tests as users get them: optimized and hardened; simulation at its full size
#   nodes    real nodes in network namespaces: all tests under the address sanitizer, throughput as users get it
#   soak     a dozen real nodes for some minutes with churn, cuts and floods, under the address sanitizer
#   guest    real nodes in a small virtual machine: vsock, links with delay and loss; skipped where there is no qemu
#   interop  real nodes beside deployed ones; needs MYCELIUM_REFERENCE, the path of such a program, and for private networks
#            MYCELIUM_REFERENCE_PRIVATE
#
# Ends with one line "N passed, N failed[, N skipped]"; the exit status is 0 when nothing failed.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0
outputs=$(mktemp -d)
tally="$outputs/tally"
trap 'rm -r "$outputs"' EXIT

# Address space layout that is random in too many bits breaks older sanitizer run times.
fixed_layout=
if setarch -R true 2>/dev/null; then
	fixed_layout="setarch -R"
fi
as_root=
if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then
	as_root="sudo -n --preserve-env=ASAN_OPTIONS,UBSAN_OPTIONS,TSAN_OPTIONS,MYCELIUM_INTEROP_SECONDS,MYCELIUM_REFERENCE_PRIVATE"
fi
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

# add PASSED FAILED SKIPPED
add() {
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# attempt FOLDER COMMAND...: shows the output of a command that fails, and counts a failure
attempt() {
	local folder=$1
	shift
	"$@" >"$tally" 2>&1 && return 0
	cat "$tally"
	echo "FAILED  build $folder"
	add 0 1 0
	return 1
}

# configure FOLDER COMPILER OPTION...
configure() {
	local folder=$1 compiler=$2
	shift 2
	[ -e "$folder/build.ninja" ] || attempt "$folder" env CC="$compiler" meson setup "$folder" "$@"
}

# compile FOLDER TARGET...: no target means all
compile() {
	local folder=$1
	echo "== build $folder"
	shift
	attempt "$folder" ninja -C "$folder" --quiet "$@"
}

# unit FOLDER ARGUMENT...: meson test in a folder that was built
unit() {
	local folder=$1
	shift
	echo "== tests of $folder"
	$fixed_layout meson test -C "$folder" --no-rebuild --print-errorlogs "$@" 2>&1 | tee "$tally" | grep -v '^ninja: '
	# shellcheck disable=SC2046 # three numbers
	add $(awk '/^Ok:|^Expected Fail:/ { ok += $NF }
		/^Fail:|^Unexpected Pass:|^Timeout:/ { bad += $NF }
		/^Skipped:/ { skip += $NF }
		END { if (ok + bad + skip == 0) bad = 1; print ok + 0, bad + 0, skip + 0 }' "$tally")
}

# nodes FOLDER LABEL ARGUMENT...: tests with real nodes, the program from a folder that was built
nodes() {
	local folder=$1 label=$2
	shift 2
	echo "== real nodes, $label"
	: >"$tally"
	# shellcheck disable=SC2086 # prefixes of several words
	$as_root $fixed_layout tests/netns/run.py --program "$folder/src/mycelium" --label "$label" --tally "$tally" "$@"
	# shellcheck disable=SC2046 # three numbers
	add $([ -s "$tally" ] && cat "$tally" || echo 0 1 0)
}

build_gcc() {
	configure build-gcc-asan gcc -Db_sanitize=address,undefined && compile build-gcc-asan
}

build_release() {
	configure build-release gcc -Db_lto=true && compile build-release
}

step_gcc() {
	build_gcc && unit build-gcc-asan
}

step_clang() {
	configure build-clang-asan clang -Db_sanitize=address,undefined -Db_lundef=false && compile build-clang-asan &&
		unit build-clang-asan --no-suite sim --no-suite style
}

step_thread() {
	configure build-tsan gcc -Db_sanitize=thread || return
	local threaded
	threaded=$(meson test -C build-tsan --list 2>/dev/null |
		sed -En 's,^\S*threads / (.*)$,\1,p; s,^.* / (base/(log|loop|ring))$,\1,p')
	# Test room/name is the program tests/unit/test_room_name.
	# shellcheck disable=SC2046,SC2086 # lists of names
	compile build-tsan src/mycelium $(printf 'tests/unit/test_%s\n' $threaded | sed 's,_\([a-z0-9]*\)/,_\1_,') || return
	# shellcheck disable=SC2086 # a list of names
	unit build-tsan $threaded
	nodes build-tsan thread --sanitized --seconds 4 --filter 'lines/three|failures/killed_relay|hostile/data' tests/netns
}

step_release() {
	build_release && unit build-release --suite unit --suite sim
}

step_nodes() {
	build_gcc && nodes build-gcc-asan address --sanitized --seconds 3 tests/netns
	build_release && nodes build-release release --jobs 1 --filter '^lines/' tests/netns
}

step_soak() {
	build_gcc || return
	echo "== soak"
	: >"$tally"
	# shellcheck disable=SC2086 # prefixes of several words
	$as_root $fixed_layout tests/netns/soak.py --program build-gcc-asan/src/mycelium --sanitized --nodes 12 \
		--minutes 2 --rest-every 45 --tally "$tally"
	# shellcheck disable=SC2046 # three numbers
	add $([ -s "$tally" ] && cat "$tally" || echo 0 1 0)
}

step_guest() {
	# Where qemu or its kernel cannot be had the tests are skipped with the reason.
	tools/deps.sh guest || :
	build_release || return
	echo "== real nodes in a virtual machine"
	: >"$tally"
	tests/guest/run.py --program build-release/src/mycelium --label release --tally "$tally" --cache build-guest
	# shellcheck disable=SC2046 # three numbers
	add $([ -s "$tally" ] && cat "$tally" || echo 0 1 0)
}

step_interop() {
	build_release || return
	# Throughput alone on the machine; the rest waits most of the time, and does so together.
	nodes build-release interop --deployed "${MYCELIUM_REFERENCE:-}" --jobs 1 --filter '^lines/' tests/interop
	nodes build-release interop --deployed "${MYCELIUM_REFERENCE:-}" --filter '^(errors|repair|transports)/' tests/interop
}

# side_by_side STEP...: each in a process of its own, shown when all have ended
side_by_side() {
	local step
	for step in "$@"; do
		tools/test.sh "$step" >"$outputs/$step" 2>&1 &
	done
	wait
	for step in "$@"; do
		sed '$d' "$outputs/$step"
		# shellcheck disable=SC2046 # three numbers
		add $(tail -n 1 "$outputs/$step" | awk '/ passed, / { count = $1 + 0 " " $3 + 0 " " $5 + 0 } END { print count ? count : "0 1 0" }')
	done
}

tools/deps.sh build lab test || exit 1
# The soak leaves most of the machine to others, and the guest has clocks of its own.
[ $# -gt 0 ] || set -- gcc clang thread release nodes soak+guest interop
for step in ${*//+/ }; do
	if ! declare -F "step_$step" >/dev/null; then
		echo "tools/test.sh: unknown step \"$step\", there are: gcc clang thread release nodes soak guest interop" >&2
		exit 2
	fi
done
for step in "$@"; do
	case $step in
	*+*)
		# shellcheck disable=SC2086 # a list of names
		side_by_side ${step//+/ }
		;;
	*)
		"step_$step"
		;;
	esac
done

if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
