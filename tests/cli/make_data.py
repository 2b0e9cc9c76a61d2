"""Writes the two models of the tests of the program: a golden model with a chat template, and its
vocabulary alone. Needs numpy and gguf; the results are kept in data/."""
import pathlib

import gguf

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parent / "golden" / "data" / "llama-d.gguf"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}[{{ message.role }}] {{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)


def copy(path: pathlib.Path, with_tensors: bool) -> None:
    reader = gguf.GGUFReader(SOURCE)
    architecture = reader.get_field("general.architecture").contents()
    writer = gguf.GGUFWriter(path, architecture)
    for field in reader.fields.values():
        written_anyway = field.name.startswith("GGUF.") or field.name == "general.architecture"
        if written_anyway or not (with_tensors or field.name.startswith(("general.", "tokenizer."))):
            continue
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], element)
    writer.add_chat_template(TEMPLATE)
    for tensor in reader.tensors if with_tensors else []:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    (HERE / "data").mkdir(exist_ok=True)
    copy(HERE / "data" / "chat.gguf", with_tensors=True)
    copy(HERE / "data" / "vocabulary.gguf", with_tensors=False)
