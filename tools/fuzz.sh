#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzing: tools/fuzz.sh [SECONDS] [TARGET...] runs each target (default: all of tests/fuzz) for SECONDS (default: 60),
# as many at once as there are cores; FUZZ_JOBS sets another number.
#
# Built in build-fuzz with clang, address + undefined sanitizers and libFuzzer. The committed corpora are seeds and stay
# as they are; what is found on the way is kept in build-fuzz/corpus/TARGET for the next run. A finding stops its
# target; then the exit status is 1, and the input and the command that repeats it are printed.
#
# tools/fuzz.sh --keep [TARGET...] adds to the committed corpora the fewest kept inputs that reach code these do not.
set -u
cd "$(dirname "$0")/.." || exit 1

folder=build-fuzz
action=run
seconds=60
if [ "${1:-}" = --keep ]; then
	action=keep
	shift
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
	seconds=$1
	shift
fi
known=$(cd tests/fuzz && for source in fuzz_*.c; do
	source=${source#fuzz_}
	echo "${source%.c}"
done)
# shellcheck disable=SC2086 # a list of names
[ $# -gt 0 ] || set -- $known
for target in "$@"; do
	if ! grep -qx -e "$target" <<<"$known"; then
		echo "tools/fuzz.sh: there is no target \"$target\", there are:" $known >&2
		exit 2
	fi
done
for tool in clang meson ninja; do
	if ! command -v $tool >/dev/null; then
		echo "tools/fuzz.sh: $tool is needed: \"make deps\" installs it" >&2
		exit 2
	fi
done

# Address space layout that is random in too many bits breaks older sanitizer run times.
fixed_layout=
if setarch -R true 2>/dev/null; then
	fixed_layout="setarch -R"
fi
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# Lengths of inputs where the default is not right; where coverage is wide, weighing inputs by it costs more than it
# brings.
options() {
	case $1 in
	router) echo -max_len=600 -entropic=0 ;;
	stream) echo -max_len=4096 -entropic=0 ;;
	oob) echo -max_len=1600 ;;
	esac
}

# run TARGET: prints its line of the table; 1 when there is a finding
run() {
	local target=$1 scratch=$folder/corpus/$1 log=$folder/fuzz_$1.log finding
	mkdir -p "$scratch" $folder/findings
	rm -f "$folder/findings/$target-"*
	# shellcheck disable=SC2046,SC2086 # lists of words
	nice $fixed_layout $folder/tests/fuzz/fuzz_$target $(options $target) -max_total_time="$seconds" -timeout=20 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=$folder/findings/$target- \
		"$scratch" tests/fuzz/corpus/$target >"$log" 2>&1
	local result=$?
	finding=$(find $folder/findings -name "$target-*" | head -n 1)
	awk -v target="$target" -v findings="$([ $result = 0 ] && echo none || echo one)" '
		/^stat::number_of_executed_units:/ { runs = $2 }
		/^stat::new_units_added:/ { units = $2 }
		END { printf "%-10s %12d %10d  %s\n", target, runs, units, findings }' "$log"
	[ $result != 0 ] || return 0
	grep -E -m 3 'ERROR|runtime error|Assertion|SUMMARY' "$log"
	if [ -n "$finding" ]; then
		echo "    input:  $finding"
		echo "    repeat: $fixed_layout $folder/tests/fuzz/fuzz_$target $finding"
	fi
	echo "    log:    $log"
	return 1
}

# keep TARGET
keep() {
	local target=$1 chosen scratch=$folder/corpus/$1 committed=tests/fuzz/corpus/$1
	chosen=$(mktemp -d)
	mkdir -p "$scratch"
	cp "$committed"/* "$chosen"
	# Code that is reached counts, not how often.
	if ! $fixed_layout $folder/tests/fuzz/fuzz_$target -set_cover_merge=1 -use_counters=0 -use_cmp=0 \
		"$chosen" "$scratch" >$folder/keep_$target.log 2>&1; then
		cat $folder/keep_$target.log
		return 1
	fi
	# libFuzzer names a file by the hash of its bytes.
	find "$chosen" -regextype posix-extended -regex '.*/[0-9a-f]{40}' | while read -r file; do
		name=$(basename "$file")
		cp "$file" "$committed/${name:0:12}"
	done
	rm -r "$chosen"
	printf '%-10s %4d files %8d bytes\n' "$target" "$(find "$committed" -type f | wc -l)" \
		"$(cat "$committed"/* | wc -c)"
}

if [ ! -e $folder/build.ninja ]; then
	CC=clang meson setup $folder -Dfuzzers=true -Db_sanitize=address,undefined -Db_lundef=false >/dev/null || exit 1
fi
# shellcheck disable=SC2046 # a list of names
if ! nice ninja -C $folder $(printf 'tests/fuzz/fuzz_%s ' "$@") >$folder/build.log 2>&1; then
	cat $folder/build.log
	exit 1
fi

failed=0
if [ $action = keep ]; then
	for target in "$@"; do
		keep "$target" || failed=1
	done
	exit $failed
fi

running=0 jobs=${FUZZ_JOBS:-$(nproc)}
echo "each target for $seconds s, $jobs at once"
printf '%-10s %12s %10s  %s\n' target executions 'new units' findings
for target in "$@"; do
	if [ $running -ge "$jobs" ]; then
		wait -n || failed=1
		running=$((running - 1))
	fi
	run "$target" &
	running=$((running + 1))
done
while [ $running -gt 0 ]; do
	wait -n || failed=1
	running=$((running - 1))
done
exit $failed
