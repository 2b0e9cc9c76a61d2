#!/bin/bash
# heft plan as a person and a script use it. Numbers are those of machines in the catalogue, so that
# they are the same everywhere.
set -u
cd "$(dirname "$0")/../.." || exit 1
heft=${HEFT_BUILD:-build}/heft
case $heft in /*) ;; *) heft=$PWD/$heft ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache HF_HOME=$work/hub HF_HUB_OFFLINE=1
passed=0 failed=0

# call STATUS ARGUMENT...: runs heft plan and expects an exit status; output in $out and $err.
call() {
    local expected=$1
    shift
    called="heft plan $*"
    "$heft" plan "$@" >"$work/out" 2>"$work/err" </dev/null
    local status=$?
    out=$(cat "$work/out") err=$(cat "$work/err")
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

contains() { case $1 in *"$2"*) return 0 ;; *) return 1 ;; esac; }
out_has() { check "standard output has \"$1\"" contains "$out" "$1"; }
err_has() {
    check "standard error has \"$1\"" contains "$err" "$1"
    check "one line of error" [ "$(wc -l <"$work/err")" -eq 1 ]
}
err_empty() { check "nothing on standard error" [ -z "$err" ]; }

# ---- verdicts ------------------------------------------------------------------------------------

call 0 llama3.1:405b --on m3-ultra-256; err_empty
out_has "fits after raising the limit"
out_has "sudo sysctl iogpu.wired_limit_mb=245760"
out_has "3.4 tokens/s at most"
out_has "published: 243.0 GB"
call 0 llama3.1:405b --on m3-ultra-96
out_has "does not fit"; out_has "--on mac-studio-m3-ultra-256"
call 0 llama3.1:405b --on m3-ultra-256 -c 40000; out_has "fits with less context"
out_has "tokens; 40000 would need"
call 0 deepseek-r1 --on mac-studio-m3-ultra-512; out_has "the largest of them after \`sudo sysctl"
call 0 llama3.1:405b --on m3-ultra-256 -c 40000 -ctk q8_0; out_has "fits after raising"
call 0 llama3.1:405b --on m3-ultra-256 -c auto; out_has "tokens of 516.1 KB (f16)"
call 0 command-r-plus --on m3-ultra-96 -c 8192 -np 8; out_has "8 sessions"
call 0 llama3.1:405b-instruct-q4_K_M --on m3-ultra-512; out_has "llama-3.1-405b, Q4_K_M"
call 0 deepseek-r1:Q2_K --on m3-ultra-256; out_has "deepseek-r1, Q2_K"; out_has "244.1 GB"
call 0 deepseek-r1:mlx-4bit --on m3-ultra-512; out_has "377.6 GB"
call 0 deepseek-r1 --quantization mlx-4bit --on m3-ultra-512; out_has "377.6 GB"
call 0 llama3.1:405b --on 2x-rtx-4090; out_has "in the host's memory: 0.40 tokens/s"
call 0 deepseek-r1 --on m3-ultra-512 --compare-api 0.55/2.19; out_has "break even"
call 0 dbrx --memory 96G --bandwidth 819; out_has "37.3 tokens/s at most"
call 0 dbrx --memory 98304M; out_has "speed is not known"
call 0 dbrx --memory 0.09375TiB --bandwidth 819; out_has "(96 GiB)"

# ---- lists ---------------------------------------------------------------------------------------

call 0 --boxes; out_has "mac-studio-m3-ultra-96"
call 0 --models; out_has "llama3.1:405b"
call 0 --table; out_has "512 GB"; out_has "deepseek-r1"; err_empty
call 0 --table --on h200 --quantization Q2_K; out_has "141 GB"
call 0 --table --json; out_has '"cells"'
call 0 --boxes --json; out_has '"bytes_per_second"'
call 0 --models --json; out_has '"aliases"'

# ---- files ---------------------------------------------------------------------------------------

call 0 tests/golden/data/deepseek-b.gguf --on m3-ultra-96 --json
out_has '"source": "file"'; out_has '"verdict": "fits"'; out_has '"scratch_is_estimate": false'
call 0 -m models/demo/demo.gguf --bandwidth 20; out_has "this machine"
mkdir "$work/folder" && cp tests/golden/data/llama-a.gguf "$work/folder/"
call 0 "$work/folder" --on m3-ultra-96; out_has "fits"
call 3 tests/cli/data/vocabulary.gguf --on m3-ultra-96; err_has "vocabulary.gguf"
printf 'no model' >"$work/text.gguf"
call 3 "$work/text.gguf" --on m3-ultra-96; err_has "text.gguf"
mkdir "$work/empty"
call 3 "$work/empty" --on m3-ultra-96; err_has "config.json"
cp tests/golden/data/llama-a.gguf "$work/folder/mmproj-F16.gguf"
call 0 "$work/folder" --on m3-ultra-96; out_has "fits"
call 1 tests/golden/data --on m3-ultra-96; err_has "GGUF models in it"

# The file says that a tensor lies where it ends.
head -c 200000 tests/golden/data/llama-a.gguf >"$work/cut.gguf"
call 3 "$work/cut.gguf" --on m3-ultra-96; err_has "cut.gguf"

# ---- what cannot be ------------------------------------------------------------------------------

call 3 llama3.1:504b; err_has "did you mean llama3.1:405b?"
call 3 nothing-like-it; err_has "--models"
call 3 ./nowhere.gguf; err_has "nowhere.gguf"
call 4 org/repo --on h200; err_has "HF_HUB_OFFLINE"
call 1 dbrx --on m3-ulta-256; err_has "did you mean m3-ultra-256?"
call 1 dbrx --on m3-ultra; err_has "m3-ultra"
call 1 dbrx --memory much; err_has "96G"
call 1 dbrx --memory 96G --on h200; err_has "--memory"
call 1 dbrx --compare-api free; err_has "0.55/2.19"
call 1 dbrx --compare-api 1/2/3; err_has "0.55/2.19"
call 1 dbrx --quantization Q9; err_has "Q4_K_M"
call 1 tests/golden/data/llama-a.gguf --quant Q4_K_M; err_has "a file has the types it has"
call 3 dbrx:Q9; err_has 'no quantization "Q9" of dbrx'
call 1 dbrx --on m3-ultra-96 -c many; err_has "-c"
call 1; err_has "a model is missing"
call 1 dbrx mixtral; err_has "one model"
call 1 dbrx --table; err_has "dbrx"

# ---- a hub ---------------------------------------------------------------------------------------

# It knows one file, and nothing of ranges; the port it has is its first line.
hub='
import http.server, json, sys
body = open(sys.argv[1], "rb").read()
files = json.dumps([{"type": "file", "path": "m-Q8_0.gguf", "size": len(body), "oid": "1"}])
class Hub(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = files.encode() if self.path.startswith("/api/") else body
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Hub)
print(server.server_port, flush=True)
server.serve_forever()'
if command -v python3 >/dev/null; then
    exec 3< <(exec python3 -c "$hub" tests/golden/data/llama-a.gguf)
    server=$!
    read -r port <&3
    export HF_ENDPOINT=http://127.0.0.1:$port HF_HUB_OFFLINE=0 no_proxy=127.0.0.1
    call 0 org/repo --on h200; out_has "org/repo, Q8_0"; err_has "sends no parts of files"
    call 0 org/repo --on h200; err_empty
    call 3 org/repo:Q2_K --on h200; err_has "there are Q8_0"
    kill $server
    exec 3<&-
    call 0 org/repo --on h200; out_has "org/repo, Q8_0"; err_has "what is kept was listed 20"
    HF_HUB_OFFLINE=1
    call 0 org/repo --on h200; err_has "HF_HUB_OFFLINE is set; what is kept was listed 20"
    call 4 org/other --on h200; err_has "nothing of it in the cache"
else
    echo "skipped: no python3 to play a hub"
fi

# ---- the same sums decide at load ----------------------------------------------------------------

demo=models/demo/demo.gguf
run() {
    called="heft run $*"
    "$heft" run --raw -m $demo -n 20 --ignore-eos --temp 0 "$@" >"$work/out" 2>"$work/err" </dev/null
    local status=$?
    out=$(cat "$work/out") err=$(cat "$work/err")
    return $status
}
check "it runs" run -c auto A
check "one line of plan" contains "$err" "fits: weights 3.7 MiB · cache of 1024 tokens"
check "it runs" run -c 64 A
check "what else would fit" contains "$err" "up to 1024 tokens fit"

# limited BYTES ARGUMENT...: heft run in a control group of so many bytes.
group=/sys/fs/cgroup/memory/heft-plan-$$
limited() {
    echo "$1" >"$group/memory.limit_in_bytes" || return 1
    shift
    (echo $BASHPID >"$group/cgroup.procs" && run "$@")
    local status=$?
    err=$(cat "$work/err")
    return $status
}

planned() {
    "$heft" plan $demo -c "$1" --bandwidth 10 --json |
        sed -n 's/.*"\(weight\|cache\|scratch\)_bytes": \([0-9]*\).*/\2/p' |
        awk '{n += $1} END {print n}'
}
refused() {
    limited 22000000 -c 8192 A
    [ $? -eq 2 ]
}
if grep -q -a '__[at]san_init' "$heft"; then
    echo "skipped: the sanitizers take memory of their own"
elif mkdir "$group" 2>/dev/null && [ -e "$group/memory.limit_in_bytes" ]; then
    for context in 512 1024; do
        check "it runs in exactly what was planned for $context tokens" \
            limited "$(planned $context)" -c $context "$(seq -s ' ' 1 40)"
    done
    check "too large a context is refused" refused
    check "with a way out" contains "$err" "(-c auto)"
    check "and another" contains "$err" "--ignore-limit"
    rmdir "$group"
else
    echo "skipped: no control group can be made here"
fi

# What was measured is kept where the other caches are, and not measured again.
deep() { XDG_CACHE_HOME=$work/not/yet/there call 0 models/demo/demo.gguf; }
if grep -q -a '__[at]san_init' "$heft"; then
    echo "skipped: the sanitizers make measuring slow"
else
    deep; err_has "measuring how fast"
    check "it is kept" [ -s "$work/not/yet/there/heft/machine.json" ]
    deep; check "and not measured again" [ -z "$err" ]
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
