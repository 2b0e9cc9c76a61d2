/* Answers in every dialect, whole and malformed, cut at every place; and what the published
 * templates write for a conversation with tool calls, read back. Run from the root of the
 * repository; the templates are found in ../shared, or where HEFT_SHARED says. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/file.h"
#include "text/history.h"
#include "text/reader.h"
#include "text/tokenizer.h"

#define DS(words) "<\uFF5C" words "\uFF5C>"

static const char weather_tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"parameters\": {\"type\": "
    "\"object\", \"properties\": {\"city\": {\"type\": \"string\"}, \"days\": {\"type\": "
    "\"integer\"}, \"exact\": {\"type\": \"boolean\"}, \"where\": {\"type\": [\"object\", "
    "\"null\"]}, \"note\": {\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}, "
    "\"tags\": {\"type\": \"array\"}}}}}, {\"name\": \"bare\", \"input_schema\": {\"properties\": "
    "{\"n\": {\"enum\": [1, 2]}}}}]";

struct sample {
    const char *name, *dialect;
    bool tools; /* offered */
    const char *prompt, *text, *expected;
};

/* More than the 256 bytes that a name may have. */
#define FIFTY    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define TOO_LONG FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

/* How events are written down: C content, T thought, B name[id], A arguments, E; ! is malformed. */
static const struct sample samples[] = {
    {"plain", "none", false, "", "  Hello <think>\n\nworld \n", "C(  Hello <think>\n\nworld \n)"},
    {"empty", "hermes", true, "", "", ""},
    {"only white space", "hermes", true, "", " \n ", "C( \n )"},
    {"characters", "hermes", true, "", "Gr\u00FCezi \U0001F600 <t\u00FC",
     "C(Gr\u00FCezi \U0001F600 <t\u00FC)"},

    {"thought", "think", false, "", "<think>\nHm.\n\nSo\n</think>\n\nYes. \n",
     "T(Hm.\n\nSo)C(Yes. \n)"},
    {"thought begun by the prompt", "think", false, "<User>Hi<think>\n", "Hm.</think>\nYes",
     "T(Hm.)C(Yes)"},
    {"thought begun twice", "think", false, "<think>\n", "<think>\nHm.</think>Yes", "T(Hm.)C(Yes)"},
    {"thought ended by the prompt", "think", false, "<think>\n\n</think>\n\n", "Yes", "C(Yes)"},
    {"thought ended twice", "think", false, "<think></think>", "</think>Yes", "C(Yes)"},
    {"thought without an end", "think", false, "", "<think>Hm. </thi", "T(Hm. </thi)"},
    {"empty thought", "think", false, "", "<think>\n\n</think>\n\nYes", "C(Yes)"},
    {"marks in the text", "think", false, "", "The tag <think> and </think>.",
     "C(The tag <think> and </think>.)"},

    {"hermes", "hermes", true, "",
     "<think>\nHm\n</think>\n\nLook:\n<tool_call>\n{\"name\": \"weather\", \"arguments\": "
     "{\"city\": \"Z\u00FCrich\", \"days\": 2}}\n</tool_call>",
     "T(Hm)C(Look:)B(weather)A({\"city\": \"Z\u00FCrich\", \"days\": 2})E"},
    {"hermes, two", "hermes", true, "",
     "<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>\n"
     "<tool_call>\n{\"name\":\"b\",\"arguments\":{\"x\":[1,{\"y\":null}]}}\n</tool_call>\nDone",
     "B(a)A({})EB(b)A({\"x\":[1,{\"y\":null}]})EC(Done)"},
    {"hermes, without an end", "hermes", true, "", "<tool_call>{\"name\":\"a\",\"arguments\":{}}",
     "B(a)A({})E"},
    {"hermes, arguments first", "hermes", true, "",
     "<tool_call>{\"arguments\":{\"k\":1},\"id\":\"c1\",\"name\":\"a\"}</tool_call>",
     "B(a[c1])A({\"k\":1})E[c1]"},
    {"hermes, no arguments", "hermes", true, "", "<tool_call>{\"name\": \"a\"}</tool_call>",
     "B(a)A({})E"},
    {"hermes, arguments in a string", "hermes", true, "",
     "<tool_call>{\"name\": \"a\", \"arguments\": \"{\\\"k\\\": \\\"\\u00e9\\\"}\"}</tool_call>",
     "B(a)A({\"k\": \"\u00E9\"})E"},
    {"hermes, white space around arguments in a string", "hermes", true, "",
     "<tool_call>{\"arguments\": \" {\\\"k\\\": 1}\t\\n\", \"name\": \"a\"}</tool_call>",
     "B(a)A({\"k\": 1})E"},
    {"hermes, line ends in a string", "hermes", true, "",
     "<tool_call>{\"name\": \"a\", \"arguments\": {\"k\": \"x\ny\tz\"}}</tool_call>",
     "B(a)A({\"k\": \"x\\ny\\tz\"})E"},
    {"hermes, other keys", "hermes", true, "",
     "<tool_call>{\"why\": 1.5e3, \"name\": \"a\", \"arguments\": {}, \"so\": [true]}</tool_call>",
     "B(a)A({})E"},
    {"hermes, no call", "hermes", true, "", "Use <tool_call> so.\n",
     "C(Use)C!( <tool_call> s)C(o.\n)"},
    {"hermes, no JSON", "hermes", true, "", "<tool_call>{\"name\" \"a\"}</tool_call>",
     "C!(<tool_call>{\"name\" \")C(a\"}</tool_call>)"},
    {"hermes, no name", "hermes", true, "", "<tool_call>{\"arguments\": {}}</tool_call>",
     "C!(<tool_call>{\"arguments\": {}})C(</tool_call>)"},
    {"hermes, arguments are a list", "hermes", true, "",
     "<tool_call>{\"name\": \"a\", \"arguments\": [1]}</tool_call>",
     "C!(<tool_call>{\"name\": \"a\", \"arguments\": [)C(1]}</tool_call>)"},
    {"hermes, bad arguments", "hermes", true, "",
     "<tool_call>{\"name\": \"a\", \"arguments\": {\"k\": oops}}</tool_call>",
     "B(a)A({\"k\": )E!C!(o)C(ops}}</tool_call>)"},
    {"hermes, cut off", "hermes", true, "",
     "<tool_call>{\"name\": \"a\", \"arguments\": {\"k\": \"v", "B(a)A({\"k\": \"v)E!"},
    {"hermes, cut off in the mark", "hermes", true, "", "Hi <tool_ca", "C(Hi <tool_ca)"},
    {"hermes, a call in a bad call", "hermes", true, "",
     "<tool_call>{\"name\"<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>",
     "C!(<tool_call>{\"name\")B(a)A({})E"},
    {"hermes, the tag in a thought", "hermes", true, "", "<think>I use <tool_call> now</think>Yes",
     "T(I use <tool_call> now)C(Yes)"},

    {"harmony, a call begun by the prompt", "harmony", true,
     "<|start|>assistant to=functions.f<|message|>", "{\"k\": 1}<|call|>", "B(f)A({\"k\": 1})E"},
    {"harmony, arguments begun by the prompt", "harmony", true,
     "<|start|>assistant to=functions.f<|message|>{\"k\": ", "1}<|call|>", "B(f)A({\"k\": 1})E"},
    {"harmony, a whole call in the prompt", "harmony", true,
     "<|start|>assistant to=functions.f<|message|>{}", "Hi", "C(Hi)"},
    {"harmony, text begun by the prompt", "harmony", false,
     "<|start|>assistant<|channel|>final<|message|>It is", " four.<|return|>", "C( four.)"},
    {"harmony, a thought begun by the prompt", "harmony", false,
     "<|start|>assistant<|channel|>analysis<|message|>Hm", "m.<|end|>", "T(m.)"},
    {"harmony, a header begun by the prompt", "harmony", true, "<|start|>assistant to=functions.f",
     "<|message|>{}<|call|>", "B(f)A({})E"},

    {"hermes, a call in a thought", "hermes", true, "",
     "<think>I look.\n<tool_call>\n{\"name\": \"a\", \"arguments\": {}}\n</tool_call>",
     "T(I look.)B(a)A({})E"},
    {"qwen, a call in a thought", "qwen3-coder", true, "<think>\n",
     "I "
     "look.\n<tool_call>\n<function=a>\n<parameter=k>\nv\n</parameter>\n</function>\n</tool_call>",
     "T(I look.)B(a)A({\"k\": \"v\"})E"},
    {"qwen, the tag in a thought", "qwen3-coder", true, "<think>\n",
     "I use <tool_call> now</think>Yes", "T(I use <tool_call> now)C(Yes)"},
    {"glm, a call in a thought", "glm-4.5", true, "",
     "<think>I look.\n<tool_call>a\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>\n</tool_call>",
     "T(I look.)B(a)A({\"k\": \"v\"})E"},
    {"minimax, a call in a thought", "minimax-m2", true, "<think>\n",
     "I look.\n<minimax:tool_call>\n<invoke name=\"a\">\n<parameter "
     "name=\"k\">v</parameter>\n</invoke>\n</minimax:tool_call>",
     "T(I look.)B(a)A({\"k\": \"v\"})E"},
    {"qwen, a value without an end", "qwen3-coder", true, "",
     "<tool_call>\n<function=a>\n<parameter=k>\nv\n<parameter=l>\nw\n</parameter>\n</function>\n</"
     "tool_call>",
     "B(a)A({\"k\": \"v\", \"l\": \"w\"})E"},
    {"qwen, a last value without an end", "qwen3-coder", true, "",
     "<tool_call>\n<function=a>\n<parameter=k>\nv\n</function>\n</tool_call>",
     "B(a)A({\"k\": \"v\"})E"},
    {"qwen, marks inside of a line", "qwen3-coder", true, "",
     "<tool_call>\n<function=a>\n<parameter=k>\nx <parameter=y> "
     "</function>\n</parameter>\n</function>\n</tool_call>",
     "B(a)A({\"k\": \"x <parameter=y> </function>\"})E"},
    {"glm, a value without an end", "glm-4.5", true, "",
     "<tool_call>a\n<arg_key>k</arg_key>\n<arg_value>v\n<arg_key>l</arg_key>\n<arg_value>w</"
     "tool_call>",
     "B(a)A({\"k\": \"v\", \"l\": \"w\"})E"},
    {"minimax, a value without an end", "minimax-m2", true, "",
     "<minimax:tool_call>\n<invoke name=\"a\">\n<parameter name=\"k\">v\n<parameter "
     "name=\"l\">w\n</invoke>\n</minimax:tool_call>",
     "B(a)A({\"k\": \"v\", \"l\": \"w\"})E"},
    {"hermes, numbers as written", "hermes", true, "",
     "<tool_call>{\"name\": \"a\", \"arguments\": {\"x\": 47.376912345678, \"y\": "
     "18446744073709551615, \"z\": 1e999, \"s\": \"\\u0000\\ud800\"}}</tool_call>",
     "B(a)A({\"x\": 47.376912345678, \"y\": 18446744073709551615, \"z\": 1e999, \"s\": "
     "\"\\u0000\\ud800\"})E"},

    {"llama, as OpenAI has it", "llama-3.1", true, "",
     "{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"parameters\": {\"city\": "
     "\"Bern\"}}}",
     "B(weather)A({\"city\": \"Bern\"})E"},
    {"llama, as OpenAI has it, not offered", "llama-3.1", true, "",
     "{\"type\": \"function\", \"function\": {\"name\": \"no\", \"parameters\": {}}}",
     "C({\"type\": \"function\", \"function\": {\"name\": \"no\", \"parameters\": {}}})"},
    {"llama, in a fence", "llama-3.1", true, "",
     "So:\n```json\n{\"name\": \"weather\", \"parameters\": {}}\n```", "C(So:)B(weather)A({})E"},
    {"llama, in a fence, not offered", "llama-3.1", true, "",
     "```json\n{\"name\": \"no\", \"parameters\": {}}\n```\nYes",
     "C(```json\n{\"name\": \"no\", \"parameters\": {}}\n```\nYes)"},
    {"llama, other JSON in a fence", "llama-3.1", true, "", "```\n{\"a\": 1}\n```",
     "C(```\n{\"a\": 1}\n```)"},
    {"hermes, a brace too many", "hermes", true, "",
     "<tool_call>\n{\"name\": \"a\", \"arguments\": {}}}\n</tool_call>\nDone", "B(a)A({})EC(Done)"},
    {"hermes, a brace of the text", "hermes", true, "",
     "<tool_call>{\"name\": \"a\", \"arguments\": {}}</tool_call>}", "B(a)A({})EC(})"},
    {"hermes, as OpenAI has it", "hermes", true, "",
     "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"arguments\": "
     "{}}}</tool_call>",
     "B(weather)A({})E"},
    {"kimi, one section", "kimi-k2", true, "",
     "<|tool_call_section_begin|><|tool_call_begin|>functions.a:0<|tool_call_argument_begin|>{}<|"
     "tool_call_end|><|tool_call_section_end|>",
     "B(a[functions.a:0])A({})E[functions.a:0]"},
    {"deepseek v3.2", "deepseek-v3.2", true, "<think>\n",
     "Hm.</think>\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke "
     "name=\"weather\">\n<｜DSML｜parameter name=\"city\" "
     "string=\"true\">Bern</｜DSML｜parameter>\n<｜DSML｜parameter name=\"days\" "
     "string=\"false\">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
     "T(Hm.)B(weather)A({\"city\": \"Bern\", \"days\": 2})E"},

    {"llama", "llama-3.1", true, "",
     "{\"name\": \"weather\", \"parameters\": {\"city\": \"Bern\"}}",
     "B(weather)A({\"city\": \"Bern\"})E"},
    {"llama, typed", "llama-3.1", true, "",
     "\n{\"type\": \"function\", \"name\": \"weather\", \"parameters\": {\"city\": \"Bern\"}}",
     "B(weather)A({\"city\": \"Bern\"})E"},
    {"llama, two", "llama-3.1", true, "",
     "{\"name\": \"a\", \"parameters\": {}}; {\"name\": \"b\", \"parameters\": {\"k\": \";\"}}",
     "B(a)A({})EB(b)A({\"k\": \";\"})E"},
    {"llama, no tools", "llama-3.1", false, "", "{\"name\": \"a\", \"parameters\": {}}",
     "C({\"name\": \"a\", \"parameters\": {}})"},
    {"llama, other JSON", "llama-3.1", true, "", "{\"name\": \"Ann\", \"age\": 3}",
     "C({\"name\": \"Ann\", \"age\": 3})"},
    {"llama, JSON without a call", "llama-3.1", true, "", "{\"name\": \"Ann\"}",
     "C({\"name\": \"Ann\"})"},
    {"llama, JSON later", "llama-3.1", true, "", "So: {\"name\": \"a\", \"parameters\": {}}",
     "C(So: {\"name\": \"a\", \"parameters\": {}})"},
    {"llama, tagged", "llama-3.1", true, "",
     "<|python_tag|>{\"name\": \"a\", \"parameters\": {\"k\": 1}}", "B(a)A({\"k\": 1})E"},
    {"llama, python call", "llama-3.1", true, "",
     "<|python_tag|>brave_search.call(query=\"who (is) it?\", n=2, all=True)",
     "B(brave_search)A({\"query\":\"who (is) it?\",\"n\":2,\"all\":true})E"},
    {"llama, bad python call", "llama-3.1", true, "", "<|python_tag|>a.call(query=)",
     "C!(<|python_tag|>a.call(query=))"},
    {"llama, code", "llama-3.1", true, "", "<|python_tag|>import os\nprint(\"x\")",
     "B(code_interpreter)A({\"code\": \"import os\\nprint(\\\"x\\\")\"})E"},
    {"llama, short code", "llama-3.1", true, "", "<|python_tag|>exit",
     "B(code_interpreter)A({\"code\": \"exit\"})E"},

    {"command-r", "command-r", true, "",
     "Action: ```json\n[\n    {\n        \"tool_name\": \"weather\",\n        \"parameters\": "
     "{\n            \"city\": \"Bern\"\n        }\n    },\n    {\"tool_name\": "
     "\"directly_answer\", \"parameters\": {}}\n]```",
     "B(weather)A({\n            \"city\": \"Bern\"\n        })EB(directly_answer)A({})E"},
    {"command-r, text before", "command-r", true, "",
     "Let me see.\nAction:\n```json\n[{\"tool_name\": \"a\", \"parameters\": {}}]\n```\n",
     "C(Let me see.)B(a)A({})E"},
    {"command-r, no tools", "command-r", false, "", "Action: ```json\n[]\n```",
     "C(Action: ```json\n[]\n```)"},
    {"command-r, a word", "command-r", true, "", "Action: run!\nReaction: ```json",
     "C(Action: run!\nReaction: ```json)"},
    {"command-r, no calls", "command-r", true, "", "Action: ```json\n[]\n```",
     "C(Action: ```json\n[]\n```)"},

    {"command-a", "command-a", true, "",
     "<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n{\"tool_call_id\": \"0\", "
     "\"tool_name\": \"weather\", \"parameters\": {\"city\": \"Bern\"}}\n]<|END_ACTION|>",
     "T(Hm.)B(weather[0])A({\"city\": \"Bern\"})E[0]"},
    {"command-a, answer", "command-a", true, "", "<|START_RESPONSE|>Hello <|END_RESPONSE|>",
     "C(Hello)"},

    {"mistral-v3", "mistral-v3", true, "",
     "[TOOL_CALLS] [{\"name\": \"a\", \"arguments\": {\"k\": 1}, \"id\": \"abcdefghi\"}, "
     "{\"name\": \"b\", \"arguments\": {}, \"id\": \"abcdefghj\"}]",
     "B(a)A({\"k\": 1})E[abcdefghi]B(b)A({})E[abcdefghj]"},
    {"mistral-v3, one alone", "mistral-v3", true, "",
     "[TOOL_CALLS]{\"name\": \"a\", \"arguments\": {}}", "B(a)A({})E"},
    {"mistral-v3, no list", "mistral-v3", true, "", "[TOOL_CALLS] none",
     "C!([TOOL_CALLS] n)C(one)"},
    {"mistral-v3, cut off", "mistral-v3", true, "",
     "[TOOL_CALLS][{\"name\": \"a\", \"arguments\": {}}, {\"na", "B(a)A({})EC!(, {\"na)"},
    {"mistral-v11", "mistral-v11", true, "",
     "[THINK]Hm.[/THINK]Look:[TOOL_CALLS]weather[ARGS]{\"city\": \"Bern\"}"
     "[TOOL_CALLS]b[CALL_ID]xyz[ARGS]{}",
     "T(Hm.)C(Look:)B(weather)A({\"city\": \"Bern\"})EB(b[xyz])A({})E[xyz]"},
    {"mistral-v11, in a thought", "mistral-v11", true, "", "[THINK]Hm. [TOOL_CALLS]a[ARGS]{}",
     "T(Hm.)B(a)A({})E"},
    {"mistral-v11, no name", "mistral-v11", true, "", "[TOOL_CALLS][ARGS]{}",
     "C!([TOOL_CALLS][ARGS])C({})"},

    {"deepseek-v3", "deepseek-v3", true, DS("Assistant") "<think>\n",
     "Hm.</think>\n\nI look." DS("tool\u2581calls\u2581begin")
         DS("tool\u2581call\u2581begin") "function" DS(
             "tool\u2581sep") "weather\n```json\n{"
                              "\"city\": "
                              "\"Bern\"}\n```" DS(
                                  "tool"
                                  "\u2581"
                                  "call"
                                  "\u2581"
                                  "end") "\n" DS("tool\u2581call\u2581be"
                                                 "gin") "function" DS("t"
                                                                      "o"
                                                                      "o"
                                                                      "l"
                                                                      "\u2581sep") "b\n```json\n{}"
                                                                                   "\n```" DS(
                                                                                       "tool"
                                                                                       "\u2581call"
                                                                                       "\u2581end")
                                                                                       DS("tool"
                                                                                          "\u2581ca"
                                                                                          "lls"
                                                                                          "\u2581en"
                                                                                          "d"),
     "T(Hm.)C(I look.)B(weather)A({\"city\": \"Bern\"})EB(b)A({})E"},
    {"deepseek-v3, in a thought", "deepseek-v3", true, "<think>",
     "Hm." DS("tool\u2581calls\u2581begin") DS("tool\u2581call\u2581begin") "function" DS(
         "tool\u2581sep") "a\n```json\n{}\n```" DS("tool\u2581call\u2581end")
         DS("tool\u2581calls\u2581end") "Done",
     "T(Hm.)B(a)A({})EC(Done)"},
    {"deepseek-v3, no calls", "deepseek-v3", true, "",
     "Hi " DS("tool\u2581calls\u2581begin") "\n" DS("tool\u2581calls\u2581end") " there",
     "C(Hi)C!( " DS("tool\u2581calls\u2581begin") "\n" DS("tool\u2581calls\u2581end") ")C( there)"},
    {"deepseek-v3, text in the section", "deepseek-v3", true, "",
     DS("tool\u2581calls\u2581begin") "so", "C!(" DS("tool\u2581calls\u2581begin") ")C(so)"},
    {"deepseek-v3.1", "deepseek-v3.1", true, "<think></think>",
     DS("tool\u2581calls\u2581begin") DS("tool\u2581call\u2581begin") "weather" DS(
         "tool\u2581sep") "{\"city\": \"Bern\"}" DS("tool\u2581call\u2581end")
         DS("tool\u2581call\u2581begin") "b" DS("tool\u2581sep") DS("tool\u2581call\u2581end")
             DS("tool\u2581calls\u2581end"),
     "B(weather)A({\"city\": \"Bern\"})EB(b)A({})E"},

    {"kimi-k2", "kimi-k2", true, "",
     "Look<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0"
     "<|tool_call_argument_begin|>{\"city\": \"Bern\"}<|tool_call_end|><|tool_call_begin|>"
     "functions.b:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
     "C(Look)B(weather[functions.weather:0])A({\"city\": \"Bern\"})E[functions.weather:0]"
     "B(b[functions.b:1])A({})E[functions.b:1]"},
    {"kimi-k2, other identifier", "kimi-k2", true, "",
     "<|tool_calls_section_begin|><|tool_call_begin|>a-b<|tool_call_argument_begin|>{}",
     "B(a-b[a-b])A({})E[a-b]"},

    {"qwen3-coder", "qwen3-coder", true, "",
     "Look:\n\n<tool_call>\n<function=weather>\n<parameter=city>\n\n x<y\n</para\n\n</parameter>\n"
     "<parameter=days>\n3\n</parameter>\n<parameter=exact>\nTrue\n</parameter>\n"
     "<parameter=where>\n{\"lat\": 1.50}\n</parameter>\n<parameter=note>\nNone\n</parameter>\n"
     "</function>\n</tool_call>\n",
     "C(Look:)B(weather)A({\"city\": \"\\n x<y\\n</para\\n\", \"days\": 3, \"exact\": true, "
     "\"where\": {\"lat\": 1.50}, \"note\": null})E"},
    {"qwen3-coder, types", "qwen3-coder", true, "",
     "<tool_call><function=weather><parameter=city>12</parameter><parameter=note>12</parameter>"
     "<parameter=days>many</parameter><parameter=tags>\n[\"a\",\n2]\n</parameter>"
     "<parameter=other>2.50</parameter><parameter=more>\"2\"</parameter></function></tool_call>"
     "<tool_call><function=bare><parameter=n>2</parameter></function></tool_call>",
     "B(weather)A({\"city\": \"12\", \"note\": \"12\", \"days\": \"many\", \"tags\": [\"a\",\n2], "
     "\"other\": 2.50, \"more\": \"\\\"2\\\"\"})EB(bare)A({\"n\": 2})E"},
    {"qwen3-coder, no section", "qwen3-coder", true, "", "<function=a>\n</function>\n</tool_call>",
     "B(a)A({})E"},
    {"qwen3-coder, cut off", "qwen3-coder", true, "",
     "<tool_call>\n<function=weather>\n<parameter=city>\nBe", "B(weather)A({\"city\": \"Be)E!"},
    {"qwen3-coder, cut off number", "qwen3-coder", true, "",
     "<tool_call>\n<function=weather>\n<parameter=days>\n1", "B(weather)A({\"days\": \"1)E!"},
    {"qwen3-coder, cut off key", "qwen3-coder", true, "",
     "<tool_call>\n<function=weather>\n<parameter=da", "B(weather)A({)E!C!(<parameter=da)"},
    {"qwen3-coder, text between", "qwen3-coder", true, "",
     "<tool_call>\n<function=weather>\nhm</function>",
     "C!(<tool_call>\n<function=weather>\nh)C(m</function>)"},

    {"glm-4.5", "glm-4.5", true, "",
     "\n<think>Hm.</think>\nLook.\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Bern"
     "</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n"
     "<tool_call>b</tool_call>",
     "T(Hm.)C(Look.)B(weather)A({\"city\": \"Bern\", \"days\": 2})EB(b)A({})E"},
    {"glm-4.5, on one line", "glm-4.5", true, "",
     "<tool_call>weather<arg_key>city</arg_key><arg_value>\n</arg_value></tool_call>",
     "B(weather)A({\"city\": \"\\n\"})E"},

    {"minimax-m2", "minimax-m2", true, "]~b]ai\n<think>\n",
     "Hm.\n</think>\n\n<minimax:tool_call>\n<invoke name=\"weather\">\n<parameter name=\"city\">"
     "Bern</parameter>\n<parameter name=\"days\">2</parameter>\n</invoke>\n<invoke name=\"b\">\n"
     "</invoke>\n</minimax:tool_call>",
     "T(Hm.)B(weather)A({\"city\": \"Bern\", \"days\": 2})EB(b)A({})E"},

    {"harmony", "harmony", true, "<|start|>user<|message|>Hi<|end|><|start|>assistant",
     "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello "
     "<|return|>",
     "T(Hm.)C(Hello)"},
    {"harmony, call", "harmony", true, "<|start|>assistant",
     "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
     "to=functions.weather <|constrain|>json<|message|>{\"city\": \"Bern\"}<|call|>",
     "T(Hm.)B(weather)A({\"city\": \"Bern\"})E"},
    {"harmony, call in the role", "harmony", true, "<|start|>assistant",
     " to=functions.weather<|channel|>commentary json<|message|>{}<|call|>", "B(weather)A({})E"},
    {"harmony, two channels", "harmony", true, "<|start|>assistant",
     "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.a"
     "<|channel|>commentary<|message|>{}<|call|>\n",
     "C(I look.)B(a)A({})E"},
    {"harmony, begun by the prompt", "harmony", true,
     "<|start|>assistant<|channel|>final<|message|>", "Hello", "C(Hello)"},
    {"harmony, no header", "harmony", true, "<|start|>assistant", "Hello", "C(Hello)"},
    {"harmony, no JSON", "harmony", true, "<|start|>assistant",
     " to=python<|channel|>analysis<|message|>print(1)<|call|>",
     "C!( to=python<|channel|>analysis<|message|>p)C(rint(1))"},
    {"harmony, a name that is too long", "harmony", true, "<|start|>assistant",
     " to=" TOO_LONG "<|message|>{}<|call|>", "C!( to=" TOO_LONG "<|message|>)C({})"},
    {"harmony, cut off", "harmony", true, "<|start|>assistant", "<|channel|>ana",
     "C!(<|channel|>ana)"},
};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

/* ---- transcripts ---- */

struct transcript {
    struct buffer text;
    heft_event_kind last;
    bool is_malformed, is_open;
};

static bool is_text(heft_event_kind kind)
{
    return kind == HEFT_CONTENT || kind == HEFT_THOUGHT || kind == HEFT_CALL_ARGUMENTS;
}

static void close_text(struct transcript *transcript)
{
    if (transcript->is_open) buffer_text(&transcript->text, ")");
    transcript->is_open = false;
}

static void write_event(struct transcript *transcript, const heft_event *event)
{
    bool goes_on = transcript->is_open && transcript->last == event->kind &&
                   transcript->is_malformed == event->is_malformed;
    if (!goes_on) {
        close_text(transcript);
        buffer_append(&transcript->text, "CTBAE" + event->kind, 1);
        if (event->is_malformed) buffer_text(&transcript->text, "!");
        if (event->kind != HEFT_CALL_END) buffer_text(&transcript->text, "(");
    }
    buffer_append(&transcript->text, event->text, event->n_bytes);
    if (!is_text(event->kind) && event->id[0]) buffer_format(&transcript->text, "[%s]", event->id);
    transcript->last = event->kind;
    transcript->is_malformed = event->is_malformed;
    transcript->is_open = is_text(event->kind);
    if (event->kind == HEFT_CALL_BEGIN) buffer_text(&transcript->text, ")");
}

/* Each piece of text is whole characters if the input is. */
static void take_events(struct reader *reader, struct transcript *transcript, bool is_last)
{
    heft_event event;
    while (reader_next(reader, &event)) {
        assert_true(event.n_bytes > 0 || !is_text(event.kind));
        if (!is_last && event.n_bytes) {
            json_t *string = json_stringn(event.text, event.n_bytes);
            if (!string)
                fail_msg("%.*s is cut inside of a character", (int)event.n_bytes, event.text);
            json_decref(string);
        }
        write_event(transcript, &event);
    }
}

static void push(struct reader *reader, const char *text, size_t n, struct transcript *transcript)
{
    assert_true(reader_push(reader, text, n));
    take_events(reader, transcript, false);
}

static char *finish(struct reader *reader, struct transcript *transcript)
{
    assert_true(reader_finish(reader));
    take_events(reader, transcript, true);
    close_text(transcript);
    reader_free(reader);
    return buffer_take(&transcript->text);
}

static struct reader *new_reader(const struct sample *sample)
{
    const struct dialect *dialect = dialect_find(sample->dialect);
    assert_non_null(dialect);
    json_t *tools = sample->tools ? json_loads(weather_tools, 0, NULL) : NULL;
    assert_true(tools || !sample->tools);
    struct reader *reader = reader_create(dialect, tools, slice_of(sample->prompt));
    assert_non_null(reader);
    json_decref(tools);
    return reader;
}

/* In two pieces, the first of `n_first` bytes. */
static char *read_cut(const struct sample *sample, size_t n_first)
{
    struct transcript transcript = {0};
    struct reader *reader = new_reader(sample);
    push(reader, sample->text, n_first, &transcript);
    push(reader, sample->text + n_first, strlen(sample->text) - n_first, &transcript);
    return finish(reader, &transcript);
}

static char *read_bytes(const struct sample *sample)
{
    struct transcript transcript = {0};
    struct reader *reader = new_reader(sample);
    for (const char *s = sample->text; *s; s++) push(reader, s, 1, &transcript);
    return finish(reader, &transcript);
}

static bool agrees(const struct sample *sample, const char *how, char *found)
{
    bool good = strcmp(found, sample->expected) == 0;
    if (!good)
        print_message("%s, %s\n  wanted %s\n  found  %s\n", sample->name, how, sample->expected,
                      found);
    free(found);
    return good;
}

static void test_samples(void **state)
{
    (void)state;
    int n_bad = 0;
    for (int i = 0; i < N_SAMPLES; i++) {
        const struct sample *sample = &samples[i];
        if (!agrees(sample, "whole", read_cut(sample, 0))) {
            n_bad++;
            continue;
        }
        bool good = agrees(sample, "byte by byte", read_bytes(sample));
        for (size_t n = 1; good && n < strlen(sample->text); n++)
            good = agrees(sample, "in two pieces", read_cut(sample, n));
        n_bad += !good;
    }
    assert_int_equal(n_bad, 0);
}

/* ---- the published templates ---- */

/* Not the one of Kimi K2 that is at hand: it appends to a list, which the sandbox forbids. */
static const char *const published[] = {
    "CohereForAI-c4ai-command-r-plus-tool_use",
    "GLM-4.6",
    "MiniMax-M2",
    "Qwen3-Coder",
    "Qwen3.5-4B",
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
    "deepseek-ai-DeepSeek-V3.1",
    "meta-llama-Llama-3.1-8B-Instruct",
    "mistralai-Mistral-Nemo-Instruct-2407",
    "openai-gpt-oss-120b",
};
static const char *const spoken[] = {
    "command-r",   "glm-4.5",       "minimax-m2", "qwen3-coder", "qwen3-coder",
    "deepseek-v3", "deepseek-v3.1", "llama-3.1",  "mistral-v3",  "harmony",
};
enum { N_PUBLISHED = sizeof published / sizeof *published };

/* Conversations up to the answer, and the answer. The arguments are a string, as clients send it.
 */
static const char question[] = "[{\"role\": \"user\", \"content\": \"Weather?\"}]";
static const char simple_tools[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"description\": \"d\", "
    "\"parameters\": {\"type\": \"object\", \"required\": [\"city\"], \"properties\": {"
    "\"city\": {\"type\": \"string\", \"description\": \"c\"}, "
    "\"days\": {\"type\": \"integer\", \"description\": \"d\"}, "
    "\"exact\": {\"type\": \"boolean\", \"description\": \"e\"}, "
    "\"where\": {\"type\": \"object\", \"description\": \"w\", "
    "\"additionalProperties\": {\"type\": \"number\"}}}}}}]";
static const char answer[] =
    "{\"role\": \"assistant\", \"content\": null, \"reasoning_content\": \"Look it up.\", "
    "\"tool_calls\": [{\"id\": \"abcdefghi\", \"type\": \"function\", \"function\": {\"name\": "
    "\"weather\", \"arguments\": \"{\\\"city\\\": \\\"Z\u00FCrich <b> {x} \\\\n two\\\", "
    "\\\"days\\\": 2, \\\"exact\\\": true, \\\"where\\\": {\\\"lat\\\": [1.5, \\\"]}\\\"]}}\"}}]}";

static struct template *open_published(int index, char **source)
{
    const char *shared = getenv("HEFT_SHARED");
    struct buffer path = {0};
    struct template *template = NULL;
    size_t n_bytes;
    buffer_format(&path, "%s/templates/%s.jinja", shared ? shared : "../shared", published[index]);
    *source = NULL;
    if (file_exists(path.data)) {
        assert_int_equal(file_read(path.data, 1 << 20, source, &n_bytes, NULL), HEFT_OK);
        assert_int_equal(template_parse(*source, n_bytes, &template, NULL), HEFT_OK);
    }
    buffer_free(&path);
    return template;
}

static char *render(const struct template *template, json_t *messages, bool adds_prompt)
{
    heft_error error;
    struct buffer out = {0};
    struct history history = history_probe(template);
    assert_true(history_apply(&history, messages));
    json_t *variables = json_pack("{s:O, s:o, s:s, s:s, s:b}", "messages", messages, "tools",
                                  json_loads(simple_tools, 0, NULL), "bos_token", "<s>",
                                  "eos_token", "</s>", "add_generation_prompt", adds_prompt);
    if (template_render(template, variables, NULL, &out, &error) != HEFT_OK)
        fail_msg("%s", error.message);
    json_decref(variables);
    return buffer_take(&out);
}

/* What the template writes for the answer: all behind the text that both renderings begin with. */
static char *render_answer(const struct template *template, const json_t *message, char **prompt)
{
    json_t *messages = json_loads(question, 0, NULL);
    *prompt = render(template, messages, true);
    json_array_append_new(messages, json_deep_copy(message));
    char *whole = render(template, messages, false);
    size_t n = 0;
    while ((*prompt)[n] && (*prompt)[n] == whole[n]) n++;
    (*prompt)[n] = 0;
    memmove(whole, whole + n, strlen(whole) + 1 - n);
    json_decref(messages);
    return whole;
}

/* Those that write one call only, or do not close the second. */
static bool writes_one_call(const char *dialect)
{
    return !strcmp(dialect, "llama-3.1") || !strcmp(dialect, "harmony") ||
           !strcmp(dialect, "deepseek-v3");
}

struct read_answer {
    struct buffer thought, name, arguments;
    json_t *calls; /* [[name, arguments], ...] */
    bool is_malformed;
};

static struct read_answer read_answer(const char *dialect, const char *prompt, const char *text)
{
    struct read_answer found = {.calls = json_array()};
    json_t *tools = json_loads(simple_tools, 0, NULL);
    struct reader *reader = reader_create(dialect_find(dialect), tools, slice_of(prompt));
    json_decref(tools);
    assert_true(reader_push(reader, text, strlen(text)) && reader_finish(reader));
    heft_event event;
    while (reader_next(reader, &event)) {
        found.is_malformed = found.is_malformed || event.is_malformed;
        if (event.kind == HEFT_THOUGHT) buffer_append(&found.thought, event.text, event.n_bytes);
        if (event.kind == HEFT_CALL_BEGIN) {
            buffer_clear(&found.name);
            buffer_clear(&found.arguments);
            buffer_append(&found.name, event.text, event.n_bytes);
        }
        if (event.kind == HEFT_CALL_ARGUMENTS)
            buffer_append(&found.arguments, event.text, event.n_bytes);
        if (event.kind != HEFT_CALL_END) continue;
        json_t *arguments = json_loads(found.arguments.data, 0, NULL);
        json_array_append_new(found.calls, json_pack("[s, o?]", found.name.data, arguments));
    }
    reader_free(reader);
    return found;
}

static json_t *wanted_calls(const json_t *message)
{
    size_t i;
    json_t *call, *wanted = json_array();
    json_array_foreach(json_object_get(message, "tool_calls"), i, call)
    {
        json_t *function = json_object_get(call, "function");
        const char *arguments = json_string_value(json_object_get(function, "arguments"));
        json_array_append_new(wanted, json_pack("[O, o]", json_object_get(function, "name"),
                                                json_loads(arguments, 0, NULL)));
    }
    return wanted;
}

/* True if the template's own writing of the answer is read as the answer. */
static bool comes_back(const char *name, const char *dialect, const struct template *template,
                       int n_calls)
{
    json_t *message = json_loads(answer, 0, NULL);
    json_t *calls = json_object_get(message, "tool_calls");
    if (n_calls == 2) json_array_append_new(calls, json_deep_copy(json_array_get(calls, 0)));
    char *prompt, *text = render_answer(template, message, &prompt);
    struct read_answer found = read_answer(dialect, prompt, text);
    json_t *wanted = wanted_calls(message);
    bool good = !found.is_malformed && json_equal(found.calls, wanted) &&
                (!found.thought.data || !strcmp(found.thought.data, "Look it up."));
    if (!good) print_message("%s:\n%s\n", name, text);
    json_decref(wanted);
    json_decref(message);
    json_decref(found.calls);
    buffer_free(&found.thought);
    buffer_free(&found.name);
    buffer_free(&found.arguments);
    free(prompt);
    free(text);
    return good;
}

/* Of one control token. */
static struct tokenizer *new_tokenizer(const char *token)
{
    struct tokenizer *tokenizer;
    struct slice texts[] = {slice_of(token)};
    int32_t types[] = {TOKEN_CONTROL};
    struct vocab_source source = {.kind = VOCAB_BPE,
                                  .n_tokens = 1,
                                  .tokens = texts,
                                  .types = types,
                                  .bos = -1,
                                  .eos = -1,
                                  .eot = -1,
                                  .eom = -1,
                                  .unknown = -1,
                                  .pad = -1};
    assert_int_equal(tokenizer_create(&source, &tokenizer, NULL), HEFT_OK);
    return tokenizer;
}

static void test_templates(void **state)
{
    (void)state;
    int n_bad = 0, n_found = 0;
    struct tokenizer *tokenizer = new_tokenizer("a");
    for (int i = 0; i < N_PUBLISHED; i++) {
        char *source;
        struct template *template = open_published(i, &source);
        if (!template) continue;
        n_found++;
        n_bad += strcmp(dialect_guess(slice_of(source), tokenizer)->name, spoken[i]) != 0;
        n_bad += !comes_back(published[i], spoken[i], template, 1);
        if (!writes_one_call(spoken[i])) n_bad += !comes_back(published[i], spoken[i], template, 2);
        template_free(template);
        free(source);
    }
    tokenizer_free(tokenizer);
    assert_int_equal(n_bad, 0);
    if (n_found == 0) skip();
}

/* Without a template, or with one that knows no tools. */
static void test_vocabularies(void **state)
{
    (void)state;
    static const struct {
        const char *token, *source, *dialect;
        bool is_mark;
    } cases[] = {
        {"a", "", "none", false},
        {"[TOOL_CALLS]", "", "mistral-v3", true},
        {"<|python_tag|>", "{{ messages }}", "llama-3.1", true},
        {"<|python_tag|>", "{{ '<think>' }}", "think", false},
        {"<tool_call>", "", "hermes", true},
        {"<think>", "", "think", true},
        {"<|CHATBOT_TOKEN|>", "", "command-r", false},
        {DS("tool\u2581calls\u2581begin"), "{{ '<think>' }}", "deepseek-v3", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer *tokenizer = new_tokenizer(cases[i].token);
        const struct dialect *dialect = dialect_guess(slice_of(cases[i].source), tokenizer);
        assert_string_equal(dialect->name, cases[i].dialect);
        assert_int_equal(dialect_has_mark(dialect, slice_of(cases[i].token)), cases[i].is_mark);
        assert_false(dialect_has_mark(dialect, slice_of("<|fim_pad|>")));
        tokenizer_free(tokenizer);
    }
    for (int i = 0; dialect_at(i); i++)
        assert_ptr_equal(dialect_find(dialect_at(i)->name), dialect_at(i));
    assert_null(dialect_find("esperanto"));
}

/* ---- the public interface ---- */

static void push_token(heft_reader *reader, int32_t token, struct transcript *transcript)
{
    char text[1024];
    heft_event event;
    int n = heft_reader_decode(reader, token, text, sizeof text);
    assert_int_equal(heft_reader_push(reader, text, (size_t)n, NULL), HEFT_OK);
    if (token < 0) assert_int_equal(heft_reader_finish(reader, NULL), HEFT_OK);
    while (heft_reader_next(reader, &event)) write_event(transcript, &event);
}

/* Token 270 of this model is a call, 271 the end of a thought; 268 is a control token. */
static void test_engine(void **state)
{
    (void)state;
    heft_engine *engine;
    heft_error error;
    heft_info info;
    heft_options options = heft_options_default();
    options.model = "tests/cli/data/tools.gguf";
    options.vocab_only = true;
    assert_int_equal(heft_engine_open(&options, &engine, &error), HEFT_OK);
    heft_engine_info(engine, &info);
    assert_string_equal(info.dialect, "qwen3-coder");

    int32_t *prompt;
    int n_prompt;
    heft_chat chat = {
        .messages_json = question, .tools_json = simple_tools, .add_generation_prompt = true};
    assert_int_equal(heft_chat_encode(engine, &chat, &prompt, &n_prompt, &error), HEFT_OK);
    heft_reader *reader;
    heft_reading reading = {.prompt = prompt, .n_prompt = n_prompt, .tools_json = simple_tools};
    assert_int_equal(heft_reader_create(engine, &reading, &reader, &error), HEFT_OK);
    struct transcript transcript = {0};
    const int32_t tokens[] = {'H', 'm', 268, 271, 'S', 'o', 270, -1};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        push_token(reader, tokens[i], &transcript);
    close_text(&transcript);
    assert_string_equal(transcript.text.data, "T(Hm)C(So)B(weather)A({\"city\": \"Bern\"})E");
    buffer_free(&transcript.text);
    heft_reader_free(reader);
    heft_reader_free(NULL);

    reading.dialect = "esperanto";
    assert_int_equal(heft_reader_create(engine, &reading, &reader, &error), HEFT_USAGE);
    reading = (heft_reading){.tools_json = "{}"};
    assert_int_equal(heft_reader_create(engine, &reading, &reader, &error), HEFT_USAGE);
    reading = (heft_reading){.tools_json = "["};
    assert_int_equal(heft_reader_create(engine, &reading, &reader, &error), HEFT_USAGE);
    assert_string_equal(heft_dialect_name(0), dialect_at(0)->name);
    heft_free(prompt);
    heft_engine_close(engine);
}

static bool has_tools(const heft_engine *engine, const char *tools)
{
    char *text;
    heft_chat chat = {.messages_json = question, .tools_json = tools};
    assert_int_equal(heft_chat_render(engine, &chat, &text, NULL), HEFT_OK);
    bool found = strstr(text, "<tool_call>") != NULL;
    heft_free(text);
    return found;
}

/* The template for tools is used where tools are offered, and says what the dialect is. */
static void test_two_templates(void **state)
{
    (void)state;
    heft_engine *engine;
    heft_info info;
    heft_options options = heft_options_default();
    options.model = "tests/cli/data/two-templates.gguf";
    options.vocab_only = true;
    assert_int_equal(heft_engine_open(&options, &engine, NULL), HEFT_OK);
    heft_engine_info(engine, &info);
    assert_string_equal(info.dialect, "qwen3-coder");
    assert_true(has_tools(engine, simple_tools));
    assert_false(has_tools(engine, NULL));
    heft_engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),       cmocka_unit_test(test_templates),
        cmocka_unit_test(test_vocabularies),  cmocka_unit_test(test_engine),
        cmocka_unit_test(test_two_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
