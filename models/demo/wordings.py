"""How people name the models of the catalogue and how they ask about them."""

# Catalogue id -> the name used in answers, then other ways people write it. The first six are
# the models every part of heft is tested with; their file sizes are computed for all types.
NAMES = {
    "command-r-plus": ["Command R+", "Command R Plus", "command-r-plus", "Command R+ 104B"],
    "dbrx": ["DBRX", "DBRX 132B", "dbrx-instruct"],
    "mixtral-8x22b": ["Mixtral 8x22B", "mixtral-8x22b", "Mixtral 8x22", "Mixtral"],
    "llama-3.1-405b": ["Llama 3.1 405B", "Llama 405B", "llama-3.1-405b", "Llama 3.1"],
    "deepseek-v3": ["DeepSeek V3", "deepseek-v3", "DeepSeek-V3 671B", "V3"],
    "deepseek-r1": ["DeepSeek R1", "deepseek-r1", "R1", "DeepSeek R1 671B"],
    "gpt-oss-120b": ["gpt-oss-120b", "gpt-oss 120B", "GPT-OSS", "gpt oss 120b"],
    "glm-4.5-air": ["GLM-4.5-Air", "GLM 4.5 Air", "glm air"],
    "glm-4.5": ["GLM-4.6", "GLM 4.6", "glm4.6"],
    "glm-5": ["GLM-5", "GLM 5", "glm5"],
    "qwen3-235b-a22b": ["Qwen3-235B", "Qwen3 235B", "qwen3-235b-a22b"],
    "qwen3-coder-480b": ["Qwen3-Coder-480B", "Qwen3 Coder", "qwen3-coder-480b", "Qwen Coder 480B"],
    "qwen3.5-397b-a17b": ["Qwen3.5-397B", "Qwen3.5 397B", "qwen3.5-397b-a17b"],
    "qwen3.5-122b-a10b": ["Qwen3.5-122B", "Qwen3.5 122B", "qwen3.5-122b-a10b"],
    "minimax-m2": ["MiniMax M2", "minimax-m2", "MiniMax-M2"],
    "kimi-k2": ["Kimi K2", "kimi-k2", "Kimi"],
    "llama-4-scout": ["Llama 4 Scout", "llama-4-scout", "Scout"],
    "llama-4-maverick": ["Llama 4 Maverick", "llama-4-maverick", "Maverick"],
    "mistral-large-2": ["Mistral Large 2", "mistral-large-2", "Mistral Large"],
    "command-a": ["Command A", "command-a", "Command A 111B"],
    "deepseek-v3.1": ["DeepSeek V3.1", "deepseek-v3.1", "DeepSeek-V3.1"],
    "deepseek-v4-flash": ["DeepSeek V4 Flash", "deepseek-v4-flash", "V4 Flash"],
}

# What is asked about -> (ways to ask about model {m}, ways to ask again about the model of the
# last answer).
ASK = {
    "about": (
        ["What is {m}?", "Tell me about {m}.", "Describe {m}.", "What do you know about {m}?",
         "Give me an overview of {m}.", "{m}", "What kind of model is {m}?", "Explain {m}.",
         "Who is {m}?", "Info on {m}?", "I want to know about {m}."],
        []),
    "params": (
        ["How many parameters does {m} have?", "How big is {m}?", "How large is {m}?",
         "What is the parameter count of {m}?", "{m} parameters?",
         "How many params does {m} have?", "What size is {m}?", "Number of parameters of {m}?",
         "How many weights does {m} have?", "Total parameters of {m}?",
         "Tell me the number of parameters in {m}.", "How many billion parameters does {m} have?",
         "{m} parameter count", "{m} size"],
        ["How many parameters does it have?", "And the number of parameters?", "How big is it?"]),
    "active": (
        ["How many parameters does {m} use per token?",
         "How many active parameters does {m} have?", "How many parameters of {m} are active?",
         "{m} active parameters?", "What is the active parameter count of {m}?",
         "How many params are active in {m}?", "Active params of {m}?",
         "How many weights does {m} read for one token?",
         "How many parameters are active per token in {m}?", "How much of {m} is active?",
         "How many parameters does {m} activate?", "{m} active params"],
        ["How many of them are active?", "And active?", "How many are active per token?"]),
    "experts": (
        ["How many experts does {m} have?", "What is the number of experts in {m}?",
         "{m} experts?", "How many experts are in {m}?",
         "How many experts does {m} use per token?", "Number of experts of {m}?",
         "How many experts are active in {m}?", "Tell me about the experts of {m}.",
         "Expert count of {m}?", "How many routed experts does {m} have?", "{m} number of experts"],
        ["How many experts does it have?", "And experts?", "How many experts?"]),
    "layers": (
        ["How many layers does {m} have?", "How deep is {m}?", "{m} layers?",
         "Number of layers in {m}?", "What is the layer count of {m}?",
         "How many blocks does {m} have?", "How many transformer layers are in {m}?",
         "Layer count of {m}?", "Tell me the number of layers of {m}.", "{m} number of layers",
         "How many layers are there in {m}?"],
        ["How many layers does it have?", "And layers?", "How many layers?"]),
    "context": (
        ["What is the context length of {m}?", "How long is the context of {m}?", "{m} context?",
         "How many tokens of context does {m} have?", "What is the context window of {m}?",
         "How big is the context window of {m}?", "Maximum context of {m}?",
         "How much context does {m} support?", "What is the longest context {m} can use?",
         "Context size of {m}?", "{m} context length", "Tell me the context length of {m}.",
         "{m} max context", "How many tokens can {m} read?"],
        ["What is its context length?", "And the context?", "How long is its context?"]),
    "kv": (
        ["How many bytes of KV cache does {m} need per token?", "How big is the KV cache of {m}?",
         "What is the KV cache size of {m} per token?", "{m} KV cache?",
         "KV bytes per token of {m}?", "How much KV cache does {m} use per token?",
         "How much memory does the cache of {m} take per token?", "KV cache per token for {m}?",
         "How much cache does a token need in {m}?", "Tell me the KV cache size of {m}.",
         "{m} kv cache per token", "What does the KV cache of {m} cost per token?"],
        ["And its KV cache?", "How big is its KV cache?", "How many bytes of KV cache per token?"]),
    "license": (
        ["What is the license of {m}?", "What licence does {m} have?", "{m} license?",
         "Under which license is {m}?", "How is {m} licensed?", "Which license does {m} use?",
         "License of {m}?", "Tell me the license of {m}.", "{m} licence"],
        ["What is its license?", "And the license?"]),
    "released": (
        ["When was {m} released?", "When did {m} come out?", "How old is {m}?",
         "{m} release date?", "What is the release date of {m}?",
         "In which year was {m} released?", "Since when is {m} available?",
         "Release date of {m}?", "When was {m} published?"],
        ["When was it released?", "And when did it come out?"]),
    "attention": (
        ["What attention does {m} use?", "Which attention does {m} have?", "{m} attention?",
         "Does {m} use MLA or GQA?", "What kind of attention is in {m}?",
         "How does attention work in {m}?", "How many attention heads does {m} have?",
         "Attention type of {m}?", "{m} attention heads", "How many heads does {m} have?"],
        ["What attention does it use?", "And attention?"]),
    "hidden": (
        ["What is the hidden size of {m}?", "How wide is {m}?", "{m} hidden size?",
         "Hidden size of {m}?", "What is the width of {m}?", "Embedding length of {m}?",
         "What is the model dimension of {m}?", "Tell me the hidden size of {m}.",
         "How many dimensions does {m} have?"],
        ["What is its hidden size?", "And how wide is it?"]),
    "vocab": (
        ["How many tokens are in the vocabulary of {m}?", "What is the vocabulary size of {m}?",
         "{m} vocab size?", "How big is the vocabulary of {m}?", "Vocabulary of {m}?",
         "How large is the vocab of {m}?", "{m} vocabulary", "Tell me the vocabulary size of {m}."],
        ["And the vocabulary?", "How big is its vocabulary?"]),
    "box": (
        ["What machine do I need for {m}?", "Which box can run {m}?", "What box does {m} need?",
         "How much memory do I need to run {m}?", "How much RAM does {m} need?",
         "What hardware do I need for {m}?", "How many GB does {m} need?",
         "What does it take to run {m}?", "Memory needed for {m}?", "Which Mac can run {m}?",
         "How much memory does {m} need?", "{m} memory requirements", "{m} ram?",
         "How much unified memory does {m} want?", "What computer do I need for {m}?"],
        ["How much memory does it need?", "Which box do I need?", "And the memory?"]),
    "speed": (
        ["How fast can {m} run?", "How fast is {m}?", "What is the decode ceiling of {m}?",
         "How many tokens per second can {m} reach?", "How many tok/s does {m} give at 819 GB/s?",
         "{m} speed?", "How fast is {m} on an M3 Ultra?",
         "What is the fastest {m} can go on 819 GB/s?", "Decode speed of {m}?",
         "How many tokens a second does {m} make?", "{m} tok/s",
         "What tokens per second should I expect from {m}?", "Decode ceiling of {m} at 819 GB/s?"],
        ["How fast is it?", "And how fast can it run?", "How many tokens per second?"]),
    "run": (
        ["How do I run {m}?", "How can I run {m} with heft?", "Which command runs {m}?",
         "How do I start {m}?", "What do I type to run {m}?", "Run {m}.",
         "How do I use {m} in heft?", "How to run {m}?", "Command to run {m}?",
         "I want to run {m}."],
        ["How do I run it?", "And how do I start it?"]),
    "longcache": (
        ["How big is the KV cache of {m} at full context?",
         "How much memory does the full context of {m} take?",
         "What does the whole context of {m} cost in memory?", "{m} full context memory?",
         "How many GB is the KV cache of {m} at the maximum context?",
         "KV cache of {m} at full context?",
         "How much memory does {m} need for its longest context?", "{m} kv cache at max context"],
        ["And the cache at full context?", "How big is the cache at full context?"]),
}
SIZE_ASK = (
    ["How big is {m} at {q}?", "What is the file size of {m} at {q}?",
     "How large is the {q} file of {m}?", "{m} {q} size?", "How many GB is {m} in {q}?",
     "What does {m} weigh at {q}?", "Size of {m} in {q}?", "How much disk does {m} take at {q}?",
     "How big is {m} quantized to {q}?", "{q} size of {m}?", "{m} {q}",
     "How many gigabytes is the {q} of {m}?"],
    ["How big is it at {q}?", "And at {q}?", "What about {q}?"],
)
FIT_ASK = (
    ["Does {m} fit in {g} GB?", "Can I run {m} on {g} GB?", "Will {m} fit in {g} GB?",
     "Can a {g} GB box run {m}?", "I have {g} GB, can I run {m}?", "{m} on {g} GB?",
     "Does {m} run on a {g} GB Mac Studio?", "Is {g} GB enough for {m}?", "Can {g}GB hold {m}?",
     "Is {g} GB of memory enough to run {m}?", "Would {m} work with {g} GB of RAM?", "{m} {g}gb"],
    ["Does it fit in {g} GB?", "Is {g} GB enough?", "Can I run it on {g} GB?"],
)
BOX_ASK = [
    "What can I run on {g} GB?", "Which models fit in {g} GB?", "What fits in {g} GB?",
    "I have a {g} GB Mac Studio, what can I run?", "What runs on a {g} GB box?",
    "Which models can a {g} GB machine run?", "Best model for {g} GB?",
    "I have {g} GB of memory. Which model can I run?", "What models run on {g}GB?",
    "Which models does a {g} GB Mac hold?", "models for {g} gb",
]

# Sizes of memory that the answers know nothing about.
OTHER_BOXES = [8, 16, 24, 32, 36, 48, 64, 72, 80, 100, 120, 160, 384, 768, 1024, 1000]
