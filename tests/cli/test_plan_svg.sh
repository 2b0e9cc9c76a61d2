#!/bin/bash
# The pictures of heft plan: bars in the terminal and SVG.
set -u
cd "$(dirname "$0")/../.." || exit 1
heft=${HEFT_BUILD:-build}/heft
case $heft in /*) ;; *) heft=$PWD/$heft ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache HEFT_HUB_OFFLINE=1 LC_ALL=C
unset NO_COLOR
passed=0 failed=0
picture=$work/picture.svg

# call STATUS ARGUMENT...: runs heft plan and expects an exit status.
call() {
    local expected=$1
    shift
    called="heft plan $*"
    "$heft" plan "$@" >"$work/out" 2>"$work/err" </dev/null
    local status=$?
    check "exit status $expected, not $status" [ $status -eq "$expected" ]
}

check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: %s\n  %.300s\n' "$called" "$what" "$(head -3 "$work/err")"
    fi
}

has() { grep -qF -- "$2" "$1"; }
no_escapes() { ! grep -q $'\x1b' "$1"; }
near() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a - b < 0.1 && b - a < 0.1)}'; }

well_formed() {
    if command -v xmllint >/dev/null; then
        xmllint --noout --nonet "$1"
    elif command -v python3 >/dev/null; then
        python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$1"
    else
        echo "skipped: nothing here reads XML"
    fi
}

# length CLASS...: the widths of the rectangles of these classes inside the first bar.
length() {
    awk -v classes=" $* " '
        /<g class="bar">/ {inside = 1}
        inside && /^<rect/ {split($0, field, "\""); if (index(classes, " " field[2] " ")) n += field[8]}
        inside && /<\/g>/ {exit}
        END {print n + 0}' "$picture"
}

# The bars in which nothing is too much, and whose parts do not add up to 184 pixels.
uneven() {
    awk '/<g class="bar">/ {n = beyond = 0}
        /^<rect/ {split($0, field, "\""); n += field[8]; if (field[2] == "beyond") beyond = 1}
        /<\/g>/ && !beyond && (n < 183.9 || n > 184.1) {print}' "$picture"
}

# number NAME: the first of this name in the JSON of the last call.
number() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$work/out" | head -1; }
scaled() { awk -v pixels="$1" -v part="$2" -v all="$3" 'BEGIN {print pixels * part / all}'; }

# ---- SVG -----------------------------------------------------------------------------------------

parts="attention feed-forward experts other"
call 0 llama3.1:405b --on m3-ultra-256 --svg "$picture"
check "the text is printed as well" has "$work/out" "fits after raising"
check "it is XML" well_formed "$picture"
check "a title" has "$picture" "<title id=\"title\">llama-3.1-405b, Q4_K_M</title>"
check "a description" has "$picture" "GB of the 257.7 GB a model can have"
check "the speed" has "$picture" "3.4 tok/s at most"
check "the bar is the memory" near "$(length $parts cache scratch free reserve)" 796
call 0 llama3.1:405b --on m3-ultra-256 --json --svg "$picture"
check "weights to scale" near "$(length $parts)" \
    "$(scaled 796 "$(number weight_bytes)" "$(number memory_bytes)")"
check "cache to scale" near "$(length cache)" \
    "$(scaled 796 "$(number cache_bytes)" "$(number memory_bytes)")"
check "nothing is too much" [ "$(length beyond)" = 0 ]
check "others may read it" [ "$(find "$picture" -perm -004)" ]

call 0 llama3.1:405b --on m3-ultra-96 --json --svg "$picture"
check "it is XML" well_formed "$picture"
check "what is too much" has "$picture" "does not fit: 151."
check "drawn to the scale of what is needed" near "$(length $parts cache scratch)" 796
needed=$(($(number weight_bytes) + $(number cache_bytes) + $(number scratch_bytes)))
check "too much, to scale" near "$(length beyond)" "$(scaled 796 "$(number short_bytes)" $needed)"

call 0 --table --svg "$picture"
check "it is XML" well_formed "$picture"
check "each bar adds up" [ -z "$(uneven)" ]
check "a bar for each model and box" [ "$(grep -c '<g class="bar">' "$picture")" = \
    $((5 * $("$heft" plan --table --json | grep -c '"weight_bytes"'))) ]
check "what fits instead" has "$picture" " GB too much; Q2_K fits"
check "docs/plan-table.svg is old: $heft plan --table --svg docs/plan-table.svg" \
    cmp -s "$picture" docs/plan-table.svg
call 0 --table --svg -
check "standard output has the same and nothing else" cmp -s "$picture" "$work/out"
call 0 --table --on h200 --quantization Q2_K --json --svg "$picture"
check "JSON as well" has "$work/out" '"cells"'
check "one box" has "$picture" "weights of Q2_K"
call 0 dbrx --memory 96G --svg "$picture"
check "it is XML" well_formed "$picture"

# ---- names -----------------------------------------------------------------------------------------

name="$work/"'a<b>&"c.gguf'
cp tests/golden/data/llama-a.gguf "$name"
call 0 "$name" --on m3-ultra-96 --svg "$picture"
check "it is XML" well_formed "$picture"
check "names are escaped" has "$picture" 'a&lt;b&gt;&amp;&quot;c'
name=$work/$'not\xff\x01text'-$(printf '\xc3\xa4%.0s' $(seq 60)).gguf
cp tests/golden/data/llama-a.gguf "$name"
call 0 "$name" --on m3-ultra-96 --svg "$picture"
check "what is no text does no harm" well_formed "$picture"

# ---- what cannot be written ------------------------------------------------------------------------

mkdir "$work/there"
call 1 dbrx --on h200 --svg "$work/nowhere/picture.svg"
check "which file" has "$work/err" "nowhere/picture.svg"
check "no text without the picture" [ ! -s "$work/out" ]
call 1 dbrx --on h200 --svg "$work/there"
check "a folder" has "$work/err" "no regular file"
check "nothing is left" [ -z "$(ls -A "$work/there")" ]
call 1 dbrx --on h200 --svg /dev/null
check "a device stays" [ -c /dev/null ]
call 1 --boxes --svg "$picture"
call 1 dbrx --on h200 --json --svg -
call 1 dbrx --on h200 --bars maybe

# ---- bars ------------------------------------------------------------------------------------------

bar() { grep -m 1 -A 1 '^memory$' "$work/out" | tail -1; }
call 0 llama3.1:405b --on m3-ultra-256
check "no bars in a file" has <(bar) "weights"
call 0 llama3.1:405b --on m3-ultra-256 --bars on
check "no colours in a file" no_escapes "$work/out"
check "as wide as the screen" [ "$(bar | wc -c)" -eq 81 ]
check "weights, cache, scratch, free, limit, reserve" has <(bar | tr -s '=%+.:-') "=%@+-.|:"
check "a legend" has "$work/out" "+ cache 2.1 GB"
call 0 llama3.1:405b --on m3-ultra-96 --bars on
check "what is too much" has "$work/out" " GB beyond the limit"
check "lies behind the limit" has <(bar | tr -s '=%') "=%|%@+-"
called="heft plan in UTF-8"
LC_ALL=C.UTF-8 "$heft" plan llama3.1:405b --on m3-ultra-256 --bars on >"$work/out"
check "blocks" has <(bar) "▒▓"

# on_terminal COLUMNS ARGUMENT...
on_terminal() {
    called="heft plan ${*:2} on $1 columns"
    TERM=xterm script -qec "stty cols $1; '$heft' plan ${*:2}" /dev/null </dev/null |
        tr -d '\r' >"$work/out"
}
longest() { awk '{if (length($0) > n) n = length($0)} END {print n}' "$work/out"; }

if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    on_terminal 80 llama3.1:405b --on m3-ultra-256
    check "colours" has <(bar) $'\x1b['
    export NO_COLOR=1
    on_terminal 80 llama3.1:405b --on m3-ultra-256
    check "no colours" no_escapes "$work/out"
    check "a bar without them" has <(bar) "|:"
    on_terminal 80 llama3.1:405b --on m3-ultra-256 --bars off
    check "no bar" has <(bar) "weights"
    for columns in 40 57 80 124 130 200; do
        on_terminal $columns --table
        check "no line is longer" [ "$(longest)" -le $columns ]
        check "bars" has "$work/out" "##"
        on_terminal $columns --table --on h200
        check "no line is longer" [ "$(longest)" -le $columns ]
    done
    on_terminal 40 --table
    check "a cell" has "$work/out" "  96 GB ##########|>  -"
else
    echo "skipped: no terminal can be had here"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
