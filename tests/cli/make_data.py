"""Writes the models of the tests of the program: a golden model with a chat template, its vocabulary
alone, also with a template of its own for tools, and the model with a template that knows thoughts and
tools and with two tokens that are a tool call and the end of a thought, and the model with a vocabulary of
SentencePiece that wants eos behind a text. Needs numpy and gguf; the results are kept in data/."""
import pathlib

import gguf

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parent / "golden" / "data" / "llama-d.gguf"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)
TOOLS_TEMPLATE = (
    "{{ bos_token }}{% if tools %}<tool_call>\n<function=NAME>\n<parameter=KEY>{{ tools | tojson }}"
    "{% endif %}{% for message in messages %}[{{ message.role }}] {{ message.content }}"
    "{% if message.reasoning_content %}({{ message.reasoning_content }}){% endif %}"
    "{% for call in message.tool_calls %}{{ call.function.name }}"
    "{% for key, value in call.function.arguments.items() %} {{ key }}={{ value }}{% endfor %}"
    "{% endfor %}\n{% endfor %}{% if add_generation_prompt %}[assistant]"
    "{% if enable_thinking is not false %}<think>{% endif %}{% endif %}"
)
TOOLS_TOKENS = {
    270: "<function=weather>\n<parameter=city>\nBern\n</parameter>\n</function>",
    271: "</think>",
}
N_TOKENS = 272


def sentencepiece(writer: gguf.GGUFWriter) -> None:
    """Three control tokens, the bytes, a word with the space before it, and tokens without use."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581Rome"]
    types = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    types += 256 * [gguf.TokenType.BYTE] + [gguf.TokenType.NORMAL]
    n_unused = N_TOKENS - len(tokens)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens + [f"unused{i}" for i in range(n_unused)])
    writer.add_token_types(types + n_unused * [gguf.TokenType.UNUSED])
    writer.add_token_scores(N_TOKENS * [0.0])
    writer.add_add_eos_token(True)


def copy(path: pathlib.Path, with_tensors: bool, template, tokens: dict[int, str], vocabulary=None) -> None:
    reader = gguf.GGUFReader(SOURCE)
    architecture = reader.get_field("general.architecture").contents()
    writer = gguf.GGUFWriter(path, architecture)
    for field in reader.fields.values():
        written_anyway = field.name.startswith("GGUF.") or field.name == "general.architecture"
        if written_anyway or not (with_tensors or field.name.startswith(("general.", "tokenizer."))):
            continue
        if vocabulary and field.name.startswith("tokenizer."):
            continue
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        contents = field.contents()
        for index, text in tokens.items():
            if field.name == "tokenizer.ggml.tokens":
                contents[index] = text
            if field.name == "tokenizer.ggml.token_type":
                contents[index] = int(gguf.TokenType.USER_DEFINED)
        writer.add_key_value(field.name, contents, field.types[0], element)
    if vocabulary:
        vocabulary(writer)
    if template:
        writer.add_chat_template(template)
    for tensor in reader.tensors if with_tensors else []:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    (HERE / "data").mkdir(exist_ok=True)
    copy(HERE / "data" / "chat.gguf", True, TEMPLATE, {})
    copy(HERE / "data" / "vocabulary.gguf", False, TEMPLATE, {})
    both = [{"name": "default", "template": TEMPLATE}, {"name": "tool_use", "template": TOOLS_TEMPLATE}]
    copy(HERE / "data" / "two-templates.gguf", False, both, {})
    copy(HERE / "data" / "tools.gguf", True, TOOLS_TEMPLATE, TOOLS_TOKENS)
    copy(HERE / "data" / "sentencepiece.gguf", True, None, {}, sentencepiece)
