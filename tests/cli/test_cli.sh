#!/bin/bash
# Every subcommand as a person uses it: what it prints where, and its exit status. Models are small
# and random, so that texts mean nothing; with the demo model a few more tests run.
set -u
cd "$(dirname "$0")/../.." || exit 1
heft=${HEFT_BUILD:-build}/heft
case $heft in /*) ;; *) heft=$PWD/$heft ;; esac
chat=tests/cli/data/chat.gguf
vocabulary=tests/cli/data/vocabulary.gguf
golden=tests/golden/data/llama-a.gguf
demo=models/demo/demo.gguf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state
unset HEFT_DEMO
passed=0 failed=0

# call STATUS ARGUMENT...: runs heft and expects an exit status; output in $out and $err.
call() {
    local expected=$1
    shift
    called="heft $*"
    "$heft" "$@" >"$work/out" 2>"$work/err" <"${input:-/dev/null}"
    local status=$?
    out=$(tr -d '\0' <"$work/out") err=$(cat "$work/err")
    check "exit status $expected, not $status" [ $status -eq "$expected" ]
}

check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: %s\n  stdout: %.300s\n  stderr: %.300s\n' "$called" "$what" "$out" "$err"
    fi
}

# on_terminal ARGUMENT...: runs heft on a pseudo terminal; what it shows in $out.
on_terminal() {
    called="heft $* (on a terminal)"
    local words
    printf -v words '%q ' "$heft" "$@"
    out=$(SHELL=/bin/bash script -qec "$words" /dev/null <"${input:-/dev/null}" 2>&1 | tr -d '\r\0') err=
}

out_has() { check "standard output has \"$1\"" contains "$out" "$1"; }
err_has() { check "standard error has \"$1\"" contains "$err" "$1"; }
out_is() { check "standard output is \"$1\"" [ "$out" = "$1" ]; }
err_empty() { check "nothing on standard error" [ -z "$err" ]; }
lacks() { ! contains "$@"; }
contains() { case $1 in *"$2"*) return 0 ;; *) return 1 ;; esac; }

# One sentence "heft: ..." and nothing else.
err_is_sentence() {
    check "one line of error" [ "$(wc -l <"$work/err")" -eq 1 ]
    check "the error begins with heft:" contains "$err" "heft: "
}

# json EXPRESSION TEXT: the template language reads $out as x and prints an expression of it.
json() {
    local text=$out
    printf '{{ %s }}' "$1" >"$work/expression.jinja"
    call 0 template --file "$work/expression.jinja" --set "x=$text" "$work/none.json"
    local result=$out
    out=$text
    called="json $1"
    check "$1 is $2, not $result" [ "$result" = "$2" ]
}

say() { printf "$@" >"$work/input"; input=$work/input; }

# ---- the program itself --------------------------------------------------------------------------

call 0 --version; out_has "heft 0."; err_empty
call 0 --help; err_empty
for command in run chat show tokenize template perplexity bench plan; do
    out_has "  $command "
done
call 1; err_has "a command is missing"
call 1 rum; err_is_sentence; err_has 'did you mean `heft run`'
call 1 ppl; err_has 'heft perplexity'
call 1 frobnicate; err_is_sentence
call 1 models/some.gguf; err_is_sentence; err_has 'heft run -m models/some.gguf'
call 1 -m some.gguf run hello; err_is_sentence; err_has 'a command comes before'
for command in run chat show tokenize template perplexity bench plan; do
    call 0 $command --help; out_has "Usage: heft $command"; out_has "Examples:"; err_empty
    call 0 help $command; out_has "Usage: heft $command"
    call 1 $command --frobnicate; err_is_sentence; err_has "--frobnicate"
done

called="heft --help to a full disk"
"$heft" --help >/dev/full 2>"$work/err"
status=$? out= err=$(cat "$work/err")
check "exit status 3, not $status" [ $status -eq 3 ]
err_is_sentence

# ---- options -------------------------------------------------------------------------------------

call 1 run --tempp 1 x; err_has "did you mean --temp?"
call 1 run -ngl 99 x; err_is_sentence; err_has "-ngl"
call 1 run --mlock x; err_has "mapped"
call 1 run --temp; err_has "--temp needs a value"
call 1 run --temp hot x; err_has 'not "hot"'
call 1 run --temp -1 x; err_has "from 0 to 100"
call 1 run -n 1.5 x; err_has "whole number"
call 1 run --quiet=1 x; err_has "takes no value"
call 1 run -ctk q3 x; err_has "f16, q8_0, f32"
call 1 run -m $chat --logit-bias 7 x; err_has "--logit-bias"
call 1 run -m $chat -q --logit-bias 100000+1 x; err_has "100000"
call 1 run -m $chat -q --stop "" x; err_has "--stop"
call 1 run -m $chat --raw -sys x y; err_has "--raw"
call 1 run -m $chat --logprobs 3 x; err_has "--json"
call 1 run -m $chat -p a b; err_has "twice"
call 1 show $chat $chat; err_is_sentence

# ---- bad files -----------------------------------------------------------------------------------

printf 'this is no model' >"$work/text.gguf"
head -c 3000 $golden >"$work/short.gguf"
head -c 100000 $golden >"$work/cut.gguf"
: >"$work/empty.gguf"
echo '[]' >"$work/none.json"
for file in missing text short cut empty; do
    model=$work/$file.gguf
    for command in "run -q -m $model x" "chat -q -m $model" "tokenize -m $model x" "show $model" \
        "template -m $model $work/none.json" "perplexity -q $model $work/none.json" "bench --json $model"; do
        call 3 $command; err_is_sentence; err_has "$file.gguf"
    done
done
for command in "run -q -m org/repo x" "chat -q -m org/repo" "tokenize -m org/repo x" "show org/repo" \
    "template -m org/repo $work/none.json" "perplexity -q org/repo $work/none.json" "bench --json org/repo:Q4_K_M"; do
    call 3 $command; err_is_sentence; err_has 'looks like the name of a repository'; err_has '`heft plan org/repo'
done
call 3 run -q -m $work -n 1 x; err_is_sentence
# A first word that looks like a model never becomes a prompt for the demo model.
for word in llama3.1:405b LLAMA3.1:405b nosuchmodel:8b mistral:latest org/repo org/repo:Q4_K_M ./nothing \
    /not/there ~/not/there a/b/c "$work" missing.GGUF missing.Gguf missing.safetensors; do
    for command in "run -q $word hi" "chat -q $word" "tokenize $word hi" "show $word" "bench --json $word" \
        "template $word $work/none.json" "perplexity -q $word $work/none.json"; do
        call 3 $command; err_is_sentence; err_has "$word"
    done
done
cp $chat "$work/copy.GGUF"
call 0 run -q -n 1 "$work/copy.GGUF" hello; err_empty
HEFT_DEMO=$chat call 0 run -q -n 1 "What is model.gguf"; err_has "this is the demo model"
HEFT_DEMO=$chat call 0 run -q -n 1 -p org/repo; err_has "this is the demo model"
call 3 run -q -m $chat -f "$work/missing.txt"; err_is_sentence; err_has missing.txt

# ---- run -----------------------------------------------------------------------------------------

call 0 run -m $chat -n 5 --temp 0 hello there; first=$out
err_has "tok/s"; err_has "weights"
call 0 run -m $chat -q -n 5 --temp 0 "hello there"; out_is "$first"; err_empty
call 0 run -m $chat -q -n 5 --temp=0 --prompt "hello there"; out_is "$first"
say 'hello there\n'
call 0 run -m $chat -q -n 5 --temp 0; out_is "$first"
call 0 run -m $chat -q -n 5 --temp 0 -; out_is "$first"
call 0 run -m $chat -q -n 5 --temp 0 -f "$work/input"; out_is "$first"
input=
call 0 run $chat -q -n 5 --temp 0 "hello there"; out_is "$first"
call 3 run -q missing.gguf hello; err_has missing.gguf
call 1 run -m $chat; err_has "empty"
call 1 run -q -m $chat ""; err_has "empty"
call 0 run -m $chat -q -n 20 -s 5 hello; sampled=$out
call 0 run -m $chat -q -n 20 -s 5 hello; out_is "$sampled"
call 0 run -m $chat -q -n 20 -s 6 hello; check "another seed, another answer" [ "$out" != "$sampled" ]
call 0 run -m $chat -q -n 5 --temp 0 -t 1 -b 3 "hello there"; out_is "$first"
call 1 run -m $chat -q -ctk q8_0 hello; err_is_sentence; err_has "q8_0"
call 0 run -m $golden -n 2 hello; err_has "no chat template"
call 1 run -m $golden -q -sys a hello; err_has "no chat template"
call 1 run -m $chat -q -c 8 "a prompt of many more tokens than eight"; err_has "the context holds 8"
head -c 1000000 /dev/zero | tr '\0' a >"$work/long.txt"
input=$work/long.txt; call 1 run -m $chat -q; err_is_sentence; err_has "the context holds 256"; input=
export LC_ALL=C
call 0 run -m $chat -q --json -n 1 --raw $'caf\xe9'; json "x.timings.prompt_tokens" 5
unset LC_ALL
call 0 run -m $chat -c 24 --raw --ignore-eos hello; err_has "the context of 24 tokens is full"
call 0 run -m $chat -q -n 30 -s 1 --repeat-penalty 1.2 --presence-penalty 1 --frequency-penalty 1 \
    --dry-multiplier 0.8 --dry-breaker none --xtc-probability 0.5 --typical 0.9 --min-p 0.1 hello

call 0 run -m $chat -q --json -n 4 --temp 0 --logprobs 3 hello
json "x.tokens | length" 4
json "x.finish_reason" length
json "x.logprobs | length" 4
json "x.logprobs[0].top | length" 3
json "x.logprobs[0].top[0].token == x.tokens[0]" True
json "x.timings.answer_tokens" 4
json "x.text is string" True
call 0 run -m $chat -q --json --raw -n 3 --logit-bias 104+1000 --temp 0 x
json "x.text" hhh
call 0 run -m $chat -q --json --raw -n 9 --logit-bias 104+1000 --temp 0 --stop hhh x
json "x.finish_reason ~ x.text" stop
call 0 run -m $chat -q --json --raw -n 9 --logit-bias 104+1000 --temp 0 --stop hhi x
json "x.text" hhhhhhhhh
call 0 run -m $chat -q --json --raw -n 9 --logit-bias 269+1000 --temp 0 x
json "x.finish_reason ~ x.tokens | length" stop0
call 0 run -m $chat -q --json --raw -n 3 --logit-bias 269+1000 --temp 0 --ignore-eos x
json "x.tokens | length" 3

# A stop text may be a control token, which is not shown, or part of it and of what is around it.
call 0 run -m $chat -q --json --raw -n 9 --logit-bias 268+1000 --temp 0 --stop "<|bos|>" x
json "x.finish_reason ~ x.text ~ x.tokens | length" stop1
call 0 run -m $chat -q --json --raw -n 9 --logit-bias 268+1000 --temp 0 --stop "s|><|b" x
json "x.finish_reason ~ x.text ~ x.tokens | length" stop2
call 0 run -m $chat -q --json --raw -n 9 --logit-bias 268+1000 --temp 0 --stop "s|>x" x
json "x.finish_reason ~ x.text ~ x.tokens | length" length9

# A prompt that is to be continued has no eos behind it, though the file wants one behind a text; the
# answer keeps a space that it begins with. Token 259 of this model is " Rome".
spm=tests/cli/data/sentencepiece.gguf
call 0 tokenize -m $spm --json ab; json "x.tokens[0].id ~ '-' ~ x.tokens[-1].id ~ '-' ~ x.n_tokens" 1-2-7
call 0 run -m $spm -q --json -n 1 --logit-bias 259+1000 --raw ab; json "x.timings.prompt_tokens" 6
json "x.text" " Rome"
call 0 run -m $spm -q --json -n 1 --logit-bias 259+1000 ab; json "x.text" " Rome"

# What a person writes never becomes a control token; with --raw it does.
call 0 run -m $chat -q --json -n 1 --temp 0 "1234567"; json "x.timings.prompt_tokens" 25
call 0 run -m $chat -q --json -n 1 --temp 0 "<|bos|>"; json "x.timings.prompt_tokens" 25
call 0 run -m $chat -q --json -n 1 --raw "<|bos|>"; json "x.timings.prompt_tokens" 2

# Thoughts and tool calls. Token 270 of this model is a call, 271 the end of a thought.
tools=tests/cli/data/tools.gguf
offer=$work/tools.json
echo '[{"function": {"name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}}}]' \
    >"$offer"
call 0 run -m $tools -n 3 --temp 0 --logit-bias 104+1000 x; out_is ""; err_has hhh
call 0 run -m $tools -n 3 --temp 0 --logit-bias 104+1000 --reasoning hide x; out_is ""
check "the thought is hidden" [ "$(grep -c hhh "$work/err")" -eq 0 ]
call 0 run -m $tools -q -n 3 --temp 0 --logit-bias 104+1000 x; out_is ""; err_empty
call 0 run -m $tools -q -n 3 --temp 0 --logit-bias 104+1000 --reasoning off x; out_is hhh
call 0 run -m $tools -q -n 3 --temp 0 --logit-bias 104+1000 --dialect none x; out_is hhh
call 0 run -m $tools -q -n 3 --temp 0 --logit-bias 104+1000 --raw x; out_is hhh
call 0 run -m $tools -q -n 3 --temp 0 --logit-bias 104+1000 --json x
json "x.reasoning ~ '|' ~ x.text" "hhh|"
call 0 run -m $tools -q -n 1 --temp 0 --logit-bias 270+1000 --reasoning off --tools "$offer" x
out_is '{"name": "weather", "arguments": {"city": "Bern"}}'
call 0 run -m $tools -q -n 2 --temp 0 --logit-bias 270+1000 --reasoning off --tools "$offer" --json x
json "x.tool_calls[1].function.arguments.city ~ x.tool_calls[0].type ~ x.text" Bernfunction
call 1 run -m $tools --dialect klingon x; err_is_sentence; err_has "hermes"
call 1 run -m $tools --raw --tools "$offer" x; err_is_sentence
call 1 run -m $chat -q --tools "$offer" x; err_is_sentence; err_has "no place for tools"
call 1 run -m $golden -q --tools "$offer" x; err_is_sentence; err_has "no chat template"
call 3 run -m $tools --tools "$work/none" x; err_is_sentence
echo '{}' >"$work/none-array.json"
call 3 run -m $tools --tools "$work/none-array.json" x; err_has "not a JSON array"
say 'x\n/tool sunny\n/save %s/calls.json\n' "$work"
call 0 chat -m $tools -c 512 -q -n 1 --temp 0 --logit-bias 270+1000 --reasoning off --tools "$offer"
input=
call 0 template -m $tools --set enable_thinking=false "$work/calls.json"
out_has "[assistant] weather city=Bern[tool] sunny[assistant] weather city=Bern[assistant]"
echo '{"messages": [{"role": "user", "content": "x"}], "tools": [{"name": "f"}]}' >"$work/offer.json"
call 0 template -m tests/cli/data/two-templates.gguf "$work/offer.json"; out_has "<tool_call>"
say '/tool sunny\n'; call 1 chat -m $tools -q; err_has "waits for a result"; input=

# Ctrl-C: the answer ends at once, the text so far stays, the status is that of an interrupted program.
called="heft run and Ctrl-C"
"$heft" run -m $chat -c 100000 --ignore-eos --raw hello >"$work/out" 2>"$work/err" </dev/null &
process=$!
for _ in $(seq 100); do
    sleep 0.1
    [ -s "$work/out" ] && break
done
kill -INT $process
wait $process
status=$?
out=$(head -c 300 "$work/out" | tr -d '\0') err=$(cat "$work/err")
check "exit status 130, not $status" [ $status -eq 130 ]
check "there is text" [ -s "$work/out" ]
err_has interrupted

# ---- chat ----------------------------------------------------------------------------------------

say 'hello\nand again\n/stats\n/retry\n'
call 0 chat -m $chat -n 4 --temp 0 -c 200; err_has "of 200 tokens"
check "three answers" [ "$(printf '%s' "$err" | grep -c '^prompt ')" -eq 3 ]
check "the second answer keeps what the first has computed" \
    [ "$(printf '%s' "$err" | sed -n 's/^last answer: \([0-9]*\) tokens.*/\1/p')" -gt 10 ]
say '"""first\nsecond"""\nthird\\\nfourth\n/system be brief\n/save %s/chat.json\n' "$work"
call 0 chat -m $chat -q -n 2 --temp 0; err_empty
out=$(cat "$work/chat.json")
json "x | length" 5
json "x[0].role ~ x[0].content" "systembe brief"
json "x[1].content" $'first\nsecond'
json "x[3].content" $'third\nfourth'
say '/load %s/chat.json\n/clear\nhello\n/set temp 0\n/set predict 3\n/save %s/again.json\n/help\n/quit\nx\n' \
    "$work" "$work"
call 0 chat -m $chat -q -n 2; err_has "/retry"
out=$(cat "$work/again.json")
json "x | length" 3
say '/frobnicate\n'; call 1 chat -m $chat -q; err_is_sentence
say '/save %s/private.json\n' "$work"; call 0 chat -m $chat -q
check "a saved chat is private" [ "$(stat -c %a "$work/private.json")" = 600 ]
ln -s private.json "$work/link.json"; mkfifo "$work/pipe.json"; ln -s nowhere "$work/dangling.json"
for special in link pipe dangling; do
    say "/save %s/$special.json\n" "$work"; call 1 chat -m $chat -q; err_has "$special.json: cannot be written"
    check "$special.json is not replaced" [ ! -f "$work/$special.json" -o -L "$work/$special.json" ]
done
say '/save\n'; call 1 chat -m $chat -q; err_has "FILE"
say '/load %s/missing.json\n' "$work"; call 3 chat -m $chat -q; err_is_sentence
say '/set temp hot\n'; call 1 chat -m $chat -q; err_is_sentence
say '/set logit-bias 1+1\n'; call 1 chat -m $chat -q; err_has "at the start"
say '/retry\n'; call 1 chat -m $chat -q; err_has "no answer"
say 'one\ntwo\nthree\nfour\nfive\n'; call 1 chat -m $chat -q -n 4 -c 60; err_has "/clear"
input=
call 0 chat -m $chat; out_is ""
call 0 chat $chat; out_is ""
call 1 chat -m $golden; err_has "no chat template"
call 1 chat -m $chat hello; err_has "heft run"

# Ctrl-C ends the answer, not the program; the next message is answered.
called="heft chat and Ctrl-C"
mkfifo "$work/lines"
"$heft" chat -m $chat -c 100000 --ignore-eos <"$work/lines" >"$work/out" 2>"$work/err" &
process=$!
exec 9>"$work/lines"
echo hello >&9
for _ in $(seq 100); do
    sleep 0.1
    [ -s "$work/out" ] && break
done
kill -INT $process
printf '/set predict 2\nagain\n/stats\n' >&9
exec 9>&-
wait $process
status=$?
out=$(head -c 300 "$work/out" | tr -d '\0') err=$(cat "$work/err")
check "exit status 0, not $status" [ $status -eq 0 ]
err_has interrupted
err_has "4 messages"

# ---- show ----------------------------------------------------------------------------------------

for file in tests/golden/data/*.gguf $chat; do
    call 0 show "$file"; out_has "tensors by type"; out_has "where the bytes are"; err_empty
done
call 0 show --tensors $golden; out_has "blk.0.attn_q.weight"
call 0 show --json --tensors $golden
json "x.architecture" llama
json "x.n_layers" 3
json "x.runs" True
json "x.tensors | length == x.tensor_types.F32.n_tensors" True
json "x.tokenizer.special.bos.id" 268
call 0 show --template $chat; out_has "{{ bos_token }}"
call 3 show --template $golden; err_has "no chat template"
call 0 show $vocabulary; out_has "272 tokens"; out_has "a vocabulary only"

# ---- tokenize ------------------------------------------------------------------------------------

for text in "Hello world" "  two  spaces " "Ünïcödé 🙂 and the rest" $'lines\n\nand\ttabs' "<|bos|>"; do
    call 0 tokenize -m $vocabulary --no-parse-special "$text"; ids=$out
    call 0 tokenize -m $vocabulary --decode $ids; out_is "$text"
done
call 0 tokenize -m $vocabulary --no-bos "hi"; out_is "104 105"
call 0 tokenize -m $vocabulary "hi"; out_is "268 104 105"
call 0 tokenize -m $vocabulary "<|bos|>hi"; out_is "268 268 104 105"
call 0 tokenize -m $vocabulary --decode --special 268 104,105; out_is "<|bos|>hi"
call 0 tokenize -m $vocabulary --json "hi"; json "x.n_tokens" 3; json "x.tokens[1].text" h
call 0 tokenize -m $vocabulary --decode --json "[104, 105]"; json "x.text" hi
say 'hi'; call 0 tokenize -m $vocabulary --no-bos; out_is "104 105"
call 0 tokenize -m $vocabulary --no-bos -f "$work/input"; out_is "104 105"
input=
call 1 tokenize -m $vocabulary --decode 999999; err_has "999999"
call 1 tokenize -m $vocabulary --decode abc; err_is_sentence
call 3 run -q -m $vocabulary hello; err_is_sentence

# ---- template ------------------------------------------------------------------------------------

echo '[{"role": "user", "content": "Hi"}]' >"$work/chat.json"
call 0 template -m $chat "$work/chat.json"; out_is $'<|bos|>[user] Hi\n[assistant]'
call 0 template -m $chat --no-generation-prompt "$work/chat.json"; out_is "<|bos|>[user] Hi"
call 0 template -m $chat --set 'bos_token="<s>"' "$work/chat.json"; out_has "<s>[user]"
echo '{{ tools | length }} {{ mood }} {{ messages[0].content }}' >"$work/t.jinja"
echo '{"messages": [{"role": "user", "content": "Hi"}], "tools": [1, 2], "mood": "bad"}' >"$work/o.json"
call 0 template --file "$work/t.jinja" --set 'mood="good"' "$work/o.json"; out_is "2 good Hi"
input=$work/chat.json; call 0 template -m $chat -; out_has "[user] Hi"; input=
echo '{{ raise_exception("no such role") }}' >"$work/r.jinja"
call 1 template --file "$work/r.jinja" "$work/chat.json"; err_is_sentence; err_has "no such role"
echo '{% if %}' >"$work/b.jinja"
call 3 template --file "$work/b.jinja" "$work/chat.json"; err_is_sentence
echo '[{"role"' >"$work/bad.json"
call 3 template -m $chat "$work/bad.json"; err_is_sentence; err_has bad.json
call 1 template -m $chat --set nothing "$work/chat.json"; err_has "NAME=JSON"
call 3 template -m $golden "$work/chat.json"; err_has "no chat template"
call 1 template -m $chat; err_is_sentence

# ---- a model that was not written whole --------------------------------------------------------------

# As an interrupted copy leaves it: the length is right, and a quarter of the bytes is not there.
size=$(wc -c <$golden)
head -c $((size / 4)) $golden >"$work/holes.gguf"
truncate -s $((size / 2 / 4096 * 4096)) "$work/holes.gguf" 2>/dev/null ||
    dd if=/dev/null of="$work/holes.gguf" bs=4096 seek=$((size / 2 / 4096)) 2>/dev/null
tail -c +$((size / 2 / 4096 * 4096 + 1)) $golden >>"$work/holes.gguf"
check "the length is that of the model" [ "$(wc -c <"$work/holes.gguf")" -eq "$size" ]
call 3 run --raw -q -n 1 "$work/holes.gguf" A; err_is_sentence
err_has "holes.gguf: tensor '"; err_has "a hole from byte "; err_has "--allow-holes"
call 3 bench -p 0 -n 1 -r 1 "$work/holes.gguf"; err_has "--allow-holes"
call 0 show "$work/holes.gguf"
call 0 run --raw -q -n 1 --allow-holes "$work/holes.gguf" A
cp --sparse=never "$work/holes.gguf" "$work/zeros.gguf" 2>/dev/null &&
    call 0 run --raw -q -n 1 "$work/zeros.gguf" A # zeros that were written are weights

# ---- perplexity ----------------------------------------------------------------------------------

seq 1 150 >"$work/text.txt"
call 0 perplexity -q -c 64 -ctk f32 --save-logits "$work/base.npy" $golden "$work/text.txt"; out_has "perplexity "
call 0 perplexity -q -c 64 -ctk f32 -b 7 --json --kl-base "$work/base.npy" $golden "$work/text.txt"
json "x.kl_divergence.same_top_token" 1.0
json "x.kl_divergence.max < 1e-6" True
call 0 perplexity -q -c 64 -ctk f16 --json --kl-base "$work/base.npy" $golden "$work/text.txt"
json "x.kl_divergence.mean > 0 and x.kl_divergence.mean < 0.5" True
call 0 perplexity -q -c 64 --stride 16 --json $golden "$work/text.txt"; counted=$out
json "x.n_counted > 400" True
echo 1 2 3 4, 5 6 7 8 >"$work/ids.txt"
call 0 perplexity -q --json --tokens "$work/ids.txt" $golden; json "x.n_counted" 7
call 3 perplexity -q -c 32 --kl-base "$work/base.npy" $golden "$work/text.txt"; err_has base.npy
call 3 perplexity -q --kl-base "$work/text.txt" $golden "$work/text.txt"; err_is_sentence
call 3 perplexity -q --save-logits "$work/no/where.npy" $golden "$work/text.txt"; err_is_sentence
echo 5 999999 >"$work/ids.txt"
call 3 perplexity -q --tokens "$work/ids.txt" $golden; err_has 999999
echo 5 >"$work/ids.txt"
call 1 perplexity -q --tokens "$work/ids.txt" $golden; err_is_sentence
call 1 perplexity -q $golden; err_is_sentence

# ---- bench ---------------------------------------------------------------------------------------

call 0 bench --json -p 16 -n 4 -r 2 -d 0,8 $golden
json "x.rows | length" 4
json "x.peaks.read_gb_per_second[1] > 0 and x.rows[1].tokens_per_second > 0" True
call 0 bench --json -p 0 -n 4 -r 1 -d 3 -u 1,3 $golden
json "x.rows | length" 2
json "x.rows[0].n_users == 1 and x.rows[0].step_times == 0" True
json "x.rows[0].limit_gb_per_second > 0 and x.rows[0].bandwidth_share > 0" True
json "x.rows[1].n_users == 3 and x.rows[1].step_times > 0" True
call 1 bench -d a $golden; err_is_sentence
call 1 bench -u 0 $golden; err_is_sentence
call 1 bench -u 4,65 $golden; err_has 64
call 1 bench -p 0 -n 0 $golden; err_is_sentence

# ---- the demo model ------------------------------------------------------------------------------

if [ -e $demo ]; then
    call 0 run -n 40 --temp 0 -q "What is heft?"
    check "there is an answer" [ -n "$out" ]
    HEFT_DEMO=$chat call 0 run -q -n 1 hello
else
    echo "skipped: the demo model is not there"
    call 1 run hello; err_has "no model is given"
fi


# What files say commands no terminal: controls, those of Latin-1 and marks of direction are shown
# as escapes there. In a pipe bytes stay as they are.
printf 'a\x1b]52;c;QUFB\x07\tb\xc2\x9b2J\xe2\x80\xae\xc3\xa9\xf0\x9f\x98\x80' >"$work/controls.jinja"
shown='a\x1b]52;c;QUFB\x07'$'\t''b\u009b2J\u202e'$'\xc3\xa9\xf0\x9f\x98\x80'
echo '[{"role": "user", "content": "hi"}]' >"$work/hi.json"
call 0 template --file "$work/controls.jinja" "$work/hi.json"
check "a pipe gets the bytes" cmp -s "$work/controls.jinja" "$work/out"
printf '{{ raise_exception("stop \x1b[2J\xc2\x9b") }}' >"$work/raises.jinja"
call 1 template --file "$work/raises.jinja" "$work/hi.json"; err_has $'stop \x1b[2J\xc2\x9b'
if command -v script >/dev/null; then
    on_terminal template --file "$work/controls.jinja" "$work/hi.json"
    check "controls are visible" contains "$out" "$shown"
    check "no control is sent" lacks "$out" $'\x1b'
    on_terminal template --file "$work/raises.jinja" "$work/hi.json"
    check "controls of an error are visible" contains "$out" 'stop \x1b[2J\u009b'
    check "an error sends no control" lacks "$out" $'\x1b'
    on_terminal show $'\x1b[2J.gguf'
    check "controls of a name are visible" contains "$out" '\x1b[2J.gguf'
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
