#!/bin/bash
# heft bench --peers against a program that only says what llama-bench would.
set -u
build=${HEFT_BUILD:-build}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0

check() {
    if eval "$2"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $1"; fi
}

cat >"$folder/peer" <<'EOF'
#!/bin/sh
echo "$@" >>"$(dirname "$0")/calls"
echo '[{"n_prompt": 8, "avg_ts": 2.5}]'
EOF
printf '#!/bin/sh\nexit 3\n' >"$folder/failing"
printf '#!/bin/sh\necho nonsense\n' >"$folder/talking"
chmod +x "$folder/peer" "$folder/failing" "$folder/talking"
model=tests/golden/data/llama-a.gguf

run() {
    "$build/heft" bench -p 4 -n 2 -r 2 -d 0,3 "$@" "$model" >"$folder/out" 2>"$folder/err"
}

run --json --peers "one=$folder/peer -rtr 1,two=$folder/peer"
check 'a run with peers succeeds' "[ $? -eq 0 ]"
check 'every row has both peers' "[ \$(grep -o '\"heft_times\"' $folder/out | wc -l) -eq 8 ]"
check 'peers are called once a round, a row and a peer' "[ \$(wc -l <$folder/calls) -eq 16 ]"
check 'own options come first' "grep -q -- '^-rtr 1 -m $model .* -p 4 -n 0 -r 1 -o json\$' $folder/calls"
check 'the depth is passed on' "grep -q -- '-p 0 -n 2 -r 1 -o json -d 3\$' $folder/calls"
for bad in "$folder/peer" "=$folder/peer" "x=" "x=$folder/failing" "x=$folder/talking" "x=$folder/none"; do
    run --peers "$bad"
    check "--peers $bad is refused" "[ $? -eq 1 ]"
    check "--peers $bad gives a sentence" "grep -q '^heft: ' $folder/err"
done

run --peers "x=$folder/failing -rtr 1"
check 'the command of a peer that fails is given' "grep -q -- 'failing -rtr 1 -m $model -t .* -o json' $folder/err"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
