#!/bin/bash
# The examples, built against the public header, answer as the program does.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${HEFT_BUILD:-build}
export LD_LIBRARY_PATH=$build DYLD_LIBRARY_PATH=$build # for the examples that link the shared library
passed=0 failed=0

check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED examples: $what"
    fi
}

same_answer() { # MODEL PROMPT
    local model=$1 prompt=$2 answer
    answer=$("$build/examples/$example" "$model" "$prompt" | base64) &&
        [ "$answer" = "$("$build/heft" run -q -m "$model" --temp 0 "$prompt" | base64)" ]
}

exits_with() { # STATUS TEXT ARGUMENT...
    local expected=$1 text=$2 err
    shift 2
    err=$("$build/examples/$example" "$@" 2>&1 >/dev/null)
    [ $? -eq "$expected" ] && [[ $err == *"$text"* ]]
}

# The word that each of the program's own functions would replace if the library called it.
same_first_word() { # MODEL
    local word
    word=$("$build/examples/$example" "$1") && [ -n "$word" ] &&
        [ "$word" = "$("$build/heft" run -q -m "$1" --temp 0 -n 1 hello)" ]
}

# Global symbols without those of the linker and, in sanitized builds, of the compiler. macOS puts an
# underscore before each.
foreign_names() { # LIBRARY OPTION...
    nm -g "${@:2}" "$1" | awk 'NF >= 3 { print $3 }' | grep -v -E '^(_?heft_[a-z]|__(asan|odr_asan|tsan|ubsan)|_(init|fini)$|___dso_handle$|__mh_dylib_header$)'
}

heft_names() { # LIBRARY OPTION...
    nm -g "${@:2}" "$1" | awk 'NF >= 3 { print $3 }' | sed -n -E 's/^_?(heft_[a-z_]*)$/\1/p' | sort -u
}

exports_heft_alone() { # LIBRARY OPTION...
    [ -z "$(foreign_names "$@")" ] && [ "$(heft_names "$@")" = "$declared" ]
}

for example in generate generate-shared; do
    check "$example: an answer" same_answer tests/cli/data/chat.gguf $'one "two"\n\\ three é'
    check "$example: usage" exits_with 1 'usage: generate MODEL.gguf PROMPT'
    check "$example: a file that is not there" exits_with 3 'missing.gguf' missing.gguf hello
    check "$example: a model that cannot chat" exits_with 1 'chat template' \
        tests/golden/data/llama-a.gguf hello
    check "$example: a prompt too long" exits_with 1 'context' tests/cli/data/chat.gguf \
        "$(printf 'a%.0s' {1..20000})"
done
for example in own_names own_names-shared; do
    check "$example: its functions are its own" same_first_word models/demo/demo.gguf
done

declared=$(grep -o -E '\bheft_[a-z_]+\(' include/heft.h | tr -d '(' | sort -u)
check 'the archive exports heft_ alone' exports_heft_alone "$build/libheft.a" --defined-only
if [ -e "$build/libheft.dylib" ]; then
    check 'the shared library, too' exports_heft_alone "$build/libheft.dylib" --defined-only
else
    check 'the shared library, too' exports_heft_alone "$build/libheft.so" -D --defined-only
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
