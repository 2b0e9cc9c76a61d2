#!/bin/bash
# The examples, built against the public header, answer as the program does.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${HEFT_BUILD:-build}
passed=0 failed=0

check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED generate: $what"
    fi
}

same_answer() { # MODEL PROMPT
    local model=$1 prompt=$2 answer
    answer=$("$build/examples/generate" "$model" "$prompt" | base64) &&
        [ "$answer" = "$("$build/heft" run -q -m "$model" --temp 0 "$prompt" | base64)" ]
}

exits_with() { # STATUS TEXT ARGUMENT...
    local expected=$1 text=$2 err
    shift 2
    err=$("$build/examples/generate" "$@" 2>&1 >/dev/null)
    [ $? -eq "$expected" ] && [[ $err == *"$text"* ]]
}

check 'an answer' same_answer tests/cli/data/chat.gguf $'one "two"\n\\ three é'
check 'usage' exits_with 1 'usage: generate MODEL.gguf PROMPT'
check 'a file that is not there' exits_with 3 'missing.gguf' missing.gguf hello
check 'a model that cannot chat' exits_with 1 'chat template' tests/golden/data/llama-a.gguf hello
check 'a prompt too long' exits_with 1 'context' tests/cli/data/chat.gguf \
    "$(printf 'a%.0s' {1..20000})"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
