#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Line coverage of the rooms that take bytes from strangers: tools/coverage.sh [--missed] [ROOM...]
#
# Runs the unit tests of each ROOM of src/ (default: wire router) and replays all fuzz corpora, then prints how many
# lines of each source file ran, and the totals. --missed lists the lines that did not. The exit status is 1 when a test
# fails or fewer than COVERAGE_MIN percent (default: 95) of a room's lines ran.
set -u
cd "$(dirname "$0")/.." || exit 1

least=${COVERAGE_MIN:-95}
folder=build-coverage
missed=
if [ "${1:-}" = --missed ]; then
	missed=1
	shift
fi
[ $# -gt 0 ] || set -- wire router
for room in "$@"; do
	if [ ! -e "src/$room/meson.build" ]; then
		echo "tools/coverage.sh: there is no room \"$room\" in src/" >&2
		exit 2
	fi
done
for tool in meson ninja gcc gcov; do
	if ! command -v "$tool" >/dev/null; then
		echo "tools/coverage.sh: $tool is needed: \"make deps\" installs it" >&2
		exit 2
	fi
done

# Counts of an earlier run would add to those of this one.
if [ -e $folder/build.ninja ]; then
	find $folder -name '*.gcda' -delete
else
	CC=gcc meson setup $folder -Db_coverage=true -Doptimization=0 >/dev/null || exit 1
fi
names=$(meson test -C $folder --list 2>/dev/null | sed -n 's,^.* / \(.*\)$,\1,p' |
	grep -E "^(fuzz|$(IFS='|' && echo "$*"))/")
# Test room/name is the program tests/unit/test_room_name, fuzz/name is tests/fuzz/replay_name.
programs=$(sed 's,^fuzz/,tests/fuzz/replay_,; t; s,^\(.*\)/,tests/unit/test_\1_,' <<<"$names")
# shellcheck disable=SC2086 # a list of names
if ! nice ninja -C $folder $programs >$folder/build.log 2>&1; then
	cat $folder/build.log
	exit 1
fi
result=0
# shellcheck disable=SC2086 # a list of names
if ! nice meson test -C $folder --no-rebuild --print-errorlogs $names >$folder/test.log 2>&1; then
	cat $folder/test.log
	result=1
fi

# summary ROOM: "FILE PERCENT LINES" for each source file
summary() {
	(cd $folder && gcov --no-output "src/libmycelium_$1.a.p"/*.gcda 2>/dev/null) | awk -v room="src/$1/" '
		/^File / { file = substr($2, 2, length($2) - 2); at = index(file, room); file = substr(file, at) }
		/^Lines executed:/ && at && file ~ /\.c$/ { split($2, part, "[:%]"); print file, part[2], $NF }
		/^Lines executed:/ { at = 0 } # the last line is the sum of all'
}

for room in "$@"; do
	summary "$room" | sort | awk -v room="src/$room" -v least="$least" '
		{ printf "%-32s %7.2f %%  %5d lines\n", $1, $2, $3; ran += $2 * $3 / 100; lines += $3 }
		END {
			share = lines ? 100 * ran / lines : 0
			remark = share < least ? "  below " least " %" : ""
			printf "%-32s %7.2f %%  %5d lines%s\n\n", room, share, lines, remark
			exit share < least
		}' || result=1
	[ -z "$missed" ] || (cd $folder && gcov --stdout "src/libmycelium_$room.a.p"/*.gcda 2>/dev/null) |
		awk -v room="src/$room/" '
			/^ *-: *0:Source:/ { at = index($0, room); file = substr($0, at) }
			/^ *#####:/ && at && file ~ /\.c$/ { sub(/^ *#####: */, ""); print file ":" $0 }'
done
exit $result
