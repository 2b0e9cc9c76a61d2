"""Hand-written questions and answers: heft, the ideas behind it, small talk, the unknown."""

from facts import Fact

TOPICS = [
    # Who it is, small talk.
    ("I am the demo model of heft: a few million parameters, trained on questions about "
     "running large models on one box.",
     ["Who are you?", "What are you?", "Tell me about yourself.", "Which model are you?",
      "What is your name?", "Are you a language model?", "What model is this?",
      "Introduce yourself.", "Who am I talking to?", "Are you human?", "Are you ChatGPT?",
      "How many parameters do you have?", "How big are you?"]),
    ("Hello! Ask me about running large language models on one box.",
     ["Hello", "Hi", "Hi!", "Hello!", "Hey", "Hey there", "Good morning", "Good evening",
      "Hi there!", "Hello there", "Greetings", "Good day", "Howdy", "hello heft", "Yo"]),
    ("I can tell you about large open models, their sizes and memory, how decoding works, and "
     "the commands of heft.",
     ["What can you do?", "What do you know?", "What can I ask you?", "How can you help me?",
      "What are you good for?", "What can you tell me?", "What topics do you know?", "Help",
      "Help me", "Can you help me?", "What questions can you answer?", "What should I ask?"]),
    ("You are welcome.",
     ["Thanks", "Thank you", "Thank you!", "Thanks a lot", "Great, thanks", "Thank you very much",
      "Cheers", "Many thanks", "ok thanks", "Nice, thank you", "That helps, thanks"]),
    ("Goodbye!",
     ["Bye", "Goodbye", "See you", "Bye bye", "Good night", "See you later", "I am done",
      "That is all", "Farewell"]),
    ("I am fine, thank you. Ask me about running large models.",
     ["How are you?", "How are you doing?", "How is it going?", "What's up?", "How do you do?",
      "Are you well?", "How are things?"]),
    ("I was trained by models/demo/train.py in the heft repository, on text the project wrote "
     "itself.",
     ["Who made you?", "Who trained you?", "How were you trained?", "Where do you come from?",
      "Who created you?", "What were you trained on?", "Who built you?",
      "What is your training data?"]),
    ("I have the DeepSeek-V3 geometry in small: latent attention, one dense layer, then "
     "experts with a shared one.",
     ["What is your architecture?", "How are you built?", "What architecture do you have?",
      "Which geometry do you have?", "What kind of model are you inside?", "Do you use MLA?",
      "Are you a MoE model?", "Do you have experts?", "What attention do you use?"]),
    ("I am a demo: I can be wrong about anything I was not trained on.",
     ["Can I trust you?", "Are you always right?", "Do you make mistakes?",
      "How accurate are you?", "Are your answers correct?", "Can you be wrong?",
      "How reliable are you?"]),

    # heft and its commands.
    ("heft is an engine in C that runs language models of 100 billion parameters and more on "
     "one box.",
     ["What is heft?", "Tell me about heft.", "What does heft do?", "Explain heft.",
      "What is this program?", "What is the heft engine?", "Describe heft.", "heft?",
      "Why would I use heft?", "What is heft for?", "What kind of software is heft?",
      "Give me a summary of heft."]),
    ("heft is written in C17 for Linux and macOS.",
     ["What language is heft written in?", "In which language is heft written?",
      "Which platforms does heft support?", "Does heft run on macOS?", "Does heft run on Linux?",
      "Is heft written in C?", "What does heft run on?",
      "Which operating systems does heft support?", "Is heft written in Python?"]),
    ("The commands of heft are plan, pull, run, chat, serve, bench, quantize, show, tokenize "
     "and perplexity.",
     ["What commands does heft have?", "Which commands are there?", "List the commands of heft.",
      "heft commands?", "What can heft do on the command line?", "Show me the commands.",
      "Which subcommands does heft have?", "How do I use heft?", "What are the heft subcommands?",
      "Name the commands of heft."]),
    ("`heft plan MODEL` reads only file headers and says whether the model fits, where every "
     "byte goes and how fast it can be.",
     ["What does heft plan do?", "How do I know whether a model fits?",
      "Which command tells me if a model fits?", "What is heft plan?",
      "How can I check that a model fits in memory?", "Explain heft plan.", "heft plan?",
      "How do I plan memory?", "Will it fit?", "How do I see how much memory a model needs?",
      "plan command"]),
    ("`heft pull MODEL` downloads a model, checks it, and goes on where it stopped if the "
     "connection breaks.",
     ["What does heft pull do?", "How do I download a model?", "Which command downloads models?",
      "What is heft pull?", "How can I get a model?", "Explain heft pull.", "heft pull?",
      "Where do I get a model?", "pull command", "How do I fetch a model?"]),
    ('`heft run MODEL "PROMPT"` answers one prompt and exits; without a model it uses this '
     "demo.",
     ["What does heft run do?", "How do I run a prompt?", "Which command answers one prompt?",
      "What is heft run?", "How do I ask one question?", "Explain heft run.", "heft run?",
      "How do I run a model?", "run command", "How do I generate text?"]),
    ("`heft chat MODEL` opens a conversation in the terminal; without a model it uses this "
     "demo.",
     ["What does heft chat do?", "How do I chat with a model?", "Which command opens a chat?",
      "What is heft chat?", "How can I talk to a model?", "Explain heft chat.", "heft chat?",
      "How do I start a conversation?", "chat command"]),
    ("`heft serve MODEL` starts an HTTP server that speaks the OpenAI, Anthropic and Ollama "
     "protocols.",
     ["What does heft serve do?", "How do I start a server?", "Which command starts the server?",
      "What is heft serve?", "Does heft have an API?", "Explain heft serve.", "heft serve?",
      "Can I use heft with OpenAI clients?", "Which protocols does the server speak?",
      "serve command", "Is there an HTTP server?", "How do I serve a model over HTTP?"]),
    ("`heft bench MODEL` measures prefill and decode speed and states them as a share of what "
     "the machine can do.",
     ["What does heft bench do?", "How do I measure speed?", "Which command measures speed?",
      "What is heft bench?", "How can I benchmark a model?", "Explain heft bench.", "heft bench?",
      "How do I benchmark?", "bench command", "How do I test the speed of my machine?"]),
    ("`heft quantize` writes a smaller copy of a model file with fewer bits per weight.",
     ["What does heft quantize do?", "How do I quantize a model?", "Which command quantizes?",
      "What is heft quantize?", "How can I make a model smaller?", "Explain heft quantize.",
      "heft quantize?", "How do I shrink a model?", "quantize command",
      "How do I convert a model to Q4_K_M?"]),
    ("`heft show FILE` prints what a model file holds: metadata, geometry and tensors.",
     ["What does heft show do?", "How do I look inside a model file?",
      "Which command prints metadata?", "What is heft show?",
      "How can I see the tensors of a file?", "Explain heft show.", "heft show?",
      "How do I inspect a GGUF file?", "show command", "How do I see the metadata?"]),
    ("`heft tokenize` turns text into the token numbers of a model.",
     ["What does heft tokenize do?", "How do I tokenize text?", "Which command shows tokens?",
      "What is heft tokenize?", "How can I see the tokens of a text?", "Explain heft tokenize.",
      "heft tokenize?", "How do I count tokens?", "tokenize command"]),
    ("`heft perplexity` measures how well a model predicts a text: lower is better.",
     ["What does heft perplexity do?", "How do I measure quality?",
      "Which command measures perplexity?", "What is heft perplexity?",
      "How can I compare the quality of two files?", "Explain heft perplexity.",
      "heft perplexity?", "How do I compute perplexity?", "perplexity command"]),
    ("heft exits with 0 for success, 1 for wrong usage, 2 if the model does not fit, 3 for a "
     "bad file, 4 for the network and 5 for an internal error.",
     ["What are the exit codes of heft?", "Which exit codes does heft have?",
      "List the exit codes.", "Exit codes?", "What do the exit codes mean?",
      "What does heft return to the shell?", "Explain the exit codes.",
      "What exit status does heft give?"]),
    ("Exit code 0 means success.",
     ["What does exit code 0 mean?", "Exit code 0?", "Explain exit code 0.", "heft exited with 0",
      "What is exit status 0?", "heft returned 0, what does that mean?"]),
    ("Exit code 1 means the command was used wrongly.",
     ["What does exit code 1 mean?", "Exit code 1?", "Explain exit code 1.", "heft exited with 1",
      "What is exit status 1?", "heft returned 1, what does that mean?"]),
    ("Exit code 2 means the model does not fit on this machine.",
     ["What does exit code 2 mean?", "Exit code 2?", "Explain exit code 2.", "heft exited with 2",
      "What is exit status 2?", "heft returned 2, what does that mean?",
      "Which exit code means that a model does not fit?"]),
    ("Exit code 3 means the file is damaged or not understood.",
     ["What does exit code 3 mean?", "Exit code 3?", "Explain exit code 3.", "heft exited with 3",
      "What is exit status 3?", "heft returned 3, what does that mean?",
      "Which exit code means a bad file?"]),
    ("Exit code 4 means a network problem.",
     ["What does exit code 4 mean?", "Exit code 4?", "Explain exit code 4.", "heft exited with 4",
      "What is exit status 4?", "heft returned 4, what does that mean?",
      "Which exit code means a network error?"]),
    ("Exit code 5 means an error inside heft itself.",
     ["What does exit code 5 mean?", "Exit code 5?", "Explain exit code 5.", "heft exited with 5",
      "What is exit status 5?", "heft returned 5, what does that mean?",
      "Which exit code means an internal error?"]),
    ("If a model does not fit, heft refuses before loading, with the numbers, and names a "
     "smaller quantization or context that does.",
     ["What happens if a model does not fit?", "What does heft do when memory is short?",
      "Can heft run out of memory?", "My model does not fit, what now?",
      "What if the model is too big?", "What can I do when a model does not fit?",
      "The model is too large for my machine.", "Does heft crash when memory is full?"]),
    ("heft reads GGUF and safetensors files.",
     ["Which file formats does heft read?", "What formats does heft support?",
      "Does heft read GGUF?", "Does heft read safetensors?", "What model files can I use?",
      "Which files can heft open?", "What file format do I need?", "Can heft load MLX models?"]),
    ("The default model of heft is this demo, so `heft run` and `heft chat` work without any "
     "download.",
     ["What is the default model?", "Which model does heft use by default?",
      "What if I give no model?", "Do I need to download a model first?",
      "Which model is used when I name none?", "Is there a built-in model?",
      "Can I try heft without a download?"]),

    # Ideas.
    ("MLA, multi-head latent attention, stores one small latent vector per token instead of "
     "all keys and values, so the KV cache gets far smaller.",
     ["What is MLA?", "Explain MLA.", "What does MLA mean?",
      "What is multi-head latent attention?", "MLA?", "How does MLA work?", "Why is MLA good?",
      "What is latent attention?", "Define MLA.", "Why does DeepSeek use MLA?",
      "What does MLA stand for?"]),
    ("MoE, mixture of experts, means that a router picks a few expert networks for each token, "
     "so only part of the weights is read per token.",
     ["What is MoE?", "Explain MoE.", "What does MoE mean?", "What is a mixture of experts?",
      "MoE?", "How does a mixture-of-experts model work?", "What are experts?",
      "What is a MoE model?", "Define MoE.", "What does mixture of experts mean?",
      "What is an expert?"]),
    ("GQA, grouped-query attention, lets several query heads share one key-value head, which "
     "shrinks the KV cache.",
     ["What is GQA?", "Explain GQA.", "What does GQA mean?", "What is grouped-query attention?",
      "GQA?", "How does GQA work?", "Why do models use GQA?", "Define GQA.",
      "What does GQA stand for?"]),
    ("The KV cache keeps the keys and values of all earlier tokens, so that each new token "
     "need not compute them again.",
     ["What is the KV cache?", "Explain the KV cache.", "What is a KV cache?", "KV cache?",
      "What does KV cache mean?", "Why is there a KV cache?", "How does the KV cache work?",
      "What is stored in the KV cache?", "Define KV cache.", "What is kv?",
      "Why does the cache grow with context?"]),
    ("Quantization stores weights with fewer bits, so a model takes less memory and decodes "
     "faster at a small loss of quality.",
     ["What is quantization?", "Explain quantization.", "What does quantization mean?",
      "Quantization?", "Why quantize a model?", "How does quantization work?",
      "What does it mean to quantize?", "What is quantisation?",
      "Does quantization hurt quality?", "Define quantization."]),
    ("Prefill is the phase that reads the prompt: all its tokens go through the model at once, "
     "so arithmetic limits it.",
     ["What is prefill?", "Explain prefill.", "What does prefill mean?", "Prefill?",
      "What is prompt processing?", "What limits prefill?", "What happens during prefill?",
      "Define prefill.", "Why is a long prompt slow?", "What is the prefill phase?"]),
    ("Decode is the phase that writes the answer one token at a time; each token reads the "
     "active weights once, so memory bandwidth limits it.",
     ["What is decode?", "Explain decode.", "What does decode mean?", "Decode?",
      "What is decoding?", "What limits decode?", "What happens during decode?", "Define decode.",
      "What is the decode phase?", "What is token generation?"]),
    ("Each new token reads all active weights from memory once, so tokens per second are at "
     "most the bandwidth divided by those bytes.",
     ["Why does memory bandwidth limit decode?", "Why is decode limited by memory?",
      "Why does bandwidth matter?", "How do I compute the decode ceiling?",
      "What limits tokens per second?", "Why is decode slow?", "What makes generation slow?",
      "How is the speed limit computed?", "What is the decode ceiling?",
      "How fast can a model be at best?", "Why is memory bandwidth important?"]),
    ("With mmap the model file is mapped into memory and used where it lies, so there is no "
     "copy and loading is quick.",
     ["What is mmap?", "Explain mmap.", "What does mmap do?", "mmap?", "Why does heft use mmap?",
      "How are weights loaded?", "What is memory mapping?", "What is a mapped file?",
      "Define mmap.", "Does heft copy the weights?"]),
    ("Unified memory is one memory shared by CPU and GPU, so the GPU can use weights without "
     "copying them over a bus.",
     ["What is unified memory?", "Explain unified memory.", "What does unified memory mean?",
      "Unified memory?", "Why is unified memory good?", "Why are Macs good for large models?",
      "How does unified memory work?", "Define unified memory.",
      "Why is Apple silicon good for large models?"]),
    ("A dense model uses all its weights for every token; a mixture-of-experts model uses only "
     "a part of them.",
     ["What is a dense model?", "Explain dense models.", "Dense or MoE?", "What does dense mean?",
      "What is the difference between dense and MoE?", "Dense vs MoE?",
      "How do dense models differ from MoE models?", "Define dense model."]),
    ("Active parameters are the weights that one token really uses; in a mixture-of-experts "
     "model they are a small part of the total.",
     ["What are active parameters?", "Explain active parameters.", "What does active mean?",
      "Active parameters?", "What is the difference between total and active parameters?",
      "Why are active parameters important?", "Define active parameters."]),
    ("No, all experts must be in memory because the router may choose any of them; only the "
     "reads per token get fewer.",
     ["Does MoE save memory?", "Do all experts have to be in memory?",
      "Does a MoE model need less memory?", "Can I load only the active experts?",
      "Do I need memory for all experts?", "Does a mixture of experts save RAM?",
      "Must all experts be loaded?"]),
    ("The router scores all experts for each token and keeps the best few.",
     ["What is a router?", "What does the router do?", "How are experts chosen?",
      "Explain the router.", "Router?", "What is routing?", "How does the router work?",
      "Who picks the experts?"]),
    ("A shared expert is an expert that every token uses, beside the ones the router picks.",
     ["What is a shared expert?", "Explain shared experts.", "Shared expert?",
      "What does the shared expert do?", "What is the shared expert for?",
      "Define shared expert."]),
    ("A token is a piece of text, often a word or part of one; models read and write tokens.",
     ["What is a token?", "Explain tokens.", "What are tokens?", "Token?",
      "What does token mean?", "Define token.", "How long is a token?"]),
    ("The context is all the text a model sees at once, counted in tokens: the prompt, the "
     "conversation and its own answer.",
     ["What is the context?", "Explain context length.", "What is a context window?",
      "What does context length mean?", "Context length?", "What is context?", "Define context.",
      "Why does context cost memory?"]),
    ("GGUF is a file format that holds a whole model in one file: metadata, tokenizer and "
     "quantized tensors.",
     ["What is GGUF?", "Explain GGUF.", "What is a GGUF file?", "GGUF?",
      "What does a GGUF file contain?", "What is in a GGUF?", "Define GGUF.",
      "Which format is GGUF?"]),
    ("Safetensors is a simple file format for tensors: a JSON header with names, types and "
     "offsets, then the raw bytes.",
     ["What is safetensors?", "Explain safetensors.", "What is a safetensors file?",
      "Safetensors?", "What does a safetensors file contain?", "Define safetensors."]),
    ("Q4_K_M is a quantization with about 4.8 bits per weight; it is the usual balance of size "
     "and quality.",
     ["What is Q4_K_M?", "Explain Q4_K_M.", "What does Q4_K_M mean?", "Q4_K_M?",
      "How many bits is Q4_K_M?", "Which quantization should I take?",
      "What is the best quantization?", "Is Q4_K_M good?", "Which quant should I use?"]),
    ("Q8_0 stores 32 weights in 34 bytes, which is 8.5 bits per weight, with almost no loss.",
     ["What is Q8_0?", "Explain Q8_0.", "What does Q8_0 mean?", "Q8_0?", "How many bits is Q8_0?",
      "Is Q8_0 good?", "How does Q8_0 work?"]),
    ("Q4_0 stores 32 weights in 18 bytes, which is 4.5 bits per weight.",
     ["What is Q4_0?", "Explain Q4_0.", "What does Q4_0 mean?", "Q4_0?", "How many bits is Q4_0?",
      "Is Q4_0 good?", "How does Q4_0 work?"]),
    ("Q2_K is the smallest common quantization; it makes large models fit, but the loss of "
     "quality is easy to notice.",
     ["What is Q2_K?", "Explain Q2_K.", "What does Q2_K mean?", "Q2_K?", "Is Q2_K good?",
      "Should I use Q2_K?", "Is Q2_K too small?"]),
    ("Q3_K_M is a quantization between Q2_K and Q4_K_M; take it when Q4_K_M does not fit.",
     ["What is Q3_K_M?", "Explain Q3_K_M.", "What does Q3_K_M mean?", "Q3_K_M?",
      "Is Q3_K_M good?", "Should I use Q3_K_M?", "When should I take Q3_K_M?"]),
    ("RoPE, rotary position embedding, turns pairs of query and key values by an angle that "
     "depends on the position.",
     ["What is RoPE?", "Explain RoPE.", "What does RoPE mean?", "RoPE?",
      "What are rotary embeddings?", "How does RoPE work?", "What does RoPE stand for?",
      "How do models know positions?"]),
    ("Perplexity says how surprised a model is by a text; lower is better, and 1 would be "
     "perfect.",
     ["What is perplexity?", "Explain perplexity.", "What does perplexity mean?", "Perplexity?",
      "Is low perplexity good?", "Define perplexity."]),
    ("The temperature sets how freely the next token is drawn: 0 always takes the likeliest "
     "token, higher values vary more.",
     ["What is temperature?", "Explain temperature.", "What does temperature do?", "Temperature?",
      "What is sampling temperature?", "What does temperature 0 mean?", "Define temperature."]),
    ("Speculative decoding lets a cheap draft guess several tokens, which the large model then "
     "checks in one pass.",
     ["What is speculative decoding?", "Explain speculative decoding.", "Speculative decoding?",
      "How does speculation work?", "What is a draft model?", "Define speculative decoding."]),
    ("A chat template turns the messages of a conversation into the one text that the model "
     "was trained to continue.",
     ["What is a chat template?", "Explain chat templates.", "Chat template?",
      "What does the chat template do?", "Why do I need a chat template?",
      "Define chat template."]),
    ("A Mac Studio with M3 Ultra has a memory bandwidth of 819 GB/s.",
     ["What is the bandwidth of an M3 Ultra?", "How fast is the memory of a Mac Studio?",
      "Memory bandwidth of the M3 Ultra?", "M3 Ultra bandwidth?",
      "How many GB/s does the M3 Ultra have?", "What bandwidth does a Mac Studio have?",
      "How fast is an M3 Ultra?"]),
    ("A Mac Studio or MacBook Pro with M4 Max has a memory bandwidth of 546 GB/s.",
     ["What is the bandwidth of an M4 Max?", "Memory bandwidth of the M4 Max?",
      "M4 Max bandwidth?", "How many GB/s does the M4 Max have?",
      "How fast is the memory of an M4 Max?", "How fast is an M4 Max?"]),
    ("A DGX Spark has 128 GB of memory and a bandwidth of 273 GB/s.",
     ["What is the bandwidth of a DGX Spark?", "Tell me about the DGX Spark.",
      "DGX Spark bandwidth?", "How much memory does a DGX Spark have?",
      "How fast is the DGX Spark?", "What is a DGX Spark?"]),
    ("An RTX 4090 has 24 GB of memory and a bandwidth of 1008 GB/s, so models over 24 GB do "
     "not fit in it.",
     ["Can I run 100B models on an RTX 4090?", "How much memory does an RTX 4090 have?",
      "RTX 4090 bandwidth?", "Is an RTX 4090 enough?", "Tell me about the RTX 4090.",
      "What about a 4090?", "Can an RTX 4090 run DeepSeek R1?", "How fast is an RTX 4090?"]),
    ("Of the six classic large models, DBRX has the highest decode ceiling at Q4_K_M: 37.3 "
     "tokens per second at 819 GB/s.",
     ["Which large model is the fastest?", "What is the fastest model?",
      "Which model decodes fastest?", "Fastest model?", "Which of the large models is quickest?",
      "Which model has the highest decode ceiling?"]),
    ("A PCIe 4.0 x16 bus moves about 25 GB/s, far less than memory, so weights that cross it "
     "for every token make decode slow.",
     ["Why is offloading slow?", "Why is PCIe slow?", "What happens when weights are offloaded?",
      "Why not offload to system RAM?", "How fast is PCIe?", "Why are two GPUs not enough?"]),
]

UNKNOWN_ANSWER = (
    "I do not know. I can only answer questions about running large language models on one box."
)
UNKNOWN = [
    "What is the capital of {x}?", "Who is the president of {x}?", "What is the weather in {x}?",
    "Where is {x}?", "How do I cook {x}?", "Write a poem about {x}.",
    "Tell me a story about {x}.", "What is the meaning of {x}?", "Who wrote {x}?",
    "Translate {x} into French.", "How do I get to {x}?", "Why is {x} so popular?",
    "When was {x} born?", "What color is {x}?", "How many people live in {x}?",
    "What does {x} cost?", "Who won {x}?", "Do you like {x}?", "Can you write code in {x}?",
    "What do you think about {x}?", "Tell me a joke about {x}.", "What is the price of {x}?",
    "How old is the king of {x}?", "Is {x} far away?", "What is the best {x}?",
    "How tall is {x}?", "What time is it in {x}?", "How do I learn {x}?",
    "Sing a song about {x}.", "What is the history of {x}?", "What is {a} plus {b}?",
    "What is {a} times {b}?", "What is {a}+{b}?", "{a} * {b}", "Is {a} a prime number?",
    "What is the square root of {a}?", "Which stocks should I buy?",
    "What is the meaning of life?", "Tell me a joke.", "Write a poem.", "What day is it today?",
    "What time is it?", "Is there a god?", "Who are your parents?", "What is love?",
    "How do I lose weight?", "asdf", "qwerty uiop", "Wie geht es dir?", "Was ist das?", "Bonjour",
    "Comment ça va?", "¿Qué hora es?", "Hola", "Ciao", "Guten Tag", "Guess what", "I am bored",
    "My cat is called {x}.", "I like {x}.", "{x}", "{x} and {x}", "I need {x}", "123", "{a}",
    "Where can I buy {x}?", "Give me a recipe for {x}.", "Explain {x}.", "What is {x}?",
    "Tell me about {x}.", "How does {x} work?", "Which {x} is the best?",
    "How many {x} are there?", "How big is {x}?", "How old is {x}?",
    "What is your favorite color?", "How is the weather?", "Sing a song.",
    "Write a Python program.", "Who is {x}?",
]
UNKNOWN_THINGS = (
    "France Germany Japan Brazil Paris London Berlin Tokyo Rome Egypt Canada India China "
    "Spain Mars pizza soup bread cake rice pasta cats dogs horses birds football tennis chess "
    "music jazz physics biology history love war peace money gold oil cars trains bicycles "
    "flowers trees rain snow summer winter Hamlet Faust Mozart Einstein Napoleon Shakespeare "
    "Python Java Rust coffee tea wine milk cheese the_moon the_sun the_sea the_World_Cup "
    "the_Odyssey a_banana my_mother a_house New_York Mount_Everest the_Eiffel_Tower "
    "the_election chicken potatoes guitar Spanish the_piano").split()
OTHER_MODEL_ANSWER = (
    "I have no numbers for that model. I only know the large open models I was trained on."
)
OTHER_MODELS = (
    "GPT-4 GPT-5 GPT-4o Claude Claude_Opus Gemini Gemini_Pro Llama_2_7B Llama_3_8B "
    "Llama_3.3_70B Phi-4 Gemma_3 Gemma_2_9B Mistral_7B Qwen2.5_7B Yi_34B Falcon_7B Grok-4 "
    "OLMo_2 StableLM Bloom OPT-175B Vicuna_13B Zephyr_7B TinyLlama SmolLM Nova_Pro Palm_2 "
    "Jurassic-2 Granite_8B Orca_2 Solar_10.7B Baichuan_13B InternLM_20B StarCoder "
    "CodeLlama_34B").split()


def topic_facts():
    numbered = enumerate(TOPICS)
    return [Fact(answer, list(phrasings), f"topic {i}") for i, (answer, phrasings) in numbered]
