"""GGUF files made from others: the matrices in another type, or all unpacked.

`retype` replaces matrices by random blocks, as spread as the matrix was. Any bits are a valid block
of these types; only the scale must be chosen. It is found by unpacking the blocks with the `gguf`
package and measuring.
"""

from collections.abc import Callable

import gguf
import numpy as np

Typed = tuple[np.ndarray, gguf.GGMLQuantizationType | None]

# Where a block keeps the half-precision factor of all its values.
FACTOR_AT = {
    "IQ1_S": 0,
    "IQ2_XXS": 0,
    "IQ2_XS": 0,
    "IQ2_S": 0,
    "IQ3_XXS": 0,
    "IQ3_S": 0,
    "IQ4_NL": 0,
    "IQ4_XS": 0,
    "TQ1_0": 52,
    "TQ2_0": 64,
}
TYPES = [*FACTOR_AT, "IQ1_M", "MXFP4"]


def put_factor(blocks: np.ndarray, name: str, factor: np.ndarray) -> None:
    """Of IQ1_M the factor lies in the upper four bits of four 16-bit words."""
    bits = factor.astype(np.float16).view(np.uint16)
    if name == "IQ1_M":
        words = blocks[:, 48:56].view(np.uint16)
        for i in range(4):
            words[:, i] = (words[:, i] & 0x0FFF) | (((bits >> (4 * i)) & 0xF) << 12)
    else:
        at = FACTOR_AT[name]
        blocks[:, at : at + 2] = bits[:, None].view(np.uint8)


def random_blocks(like: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Bytes [.., row bytes] whose values spread as those of `like` do."""
    kind = gguf.GGMLQuantizationType[name]
    n_values, n_bytes = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (like.size // n_values, n_bytes), np.uint8)
    if name == "TQ1_0":  # five digits to base 3 in a byte, four in the last ones
        blocks[:, :48] = (rng.integers(0, 243, (len(blocks), 48)) * 256 + 242) // 243
        blocks[:, 48:52] = (rng.integers(0, 81, (len(blocks), 4)) * 3 * 256 + 242) // 243
    if name == "TQ2_0":  # two bits each, of which 3 is not used
        digits = rng.integers(0, 3, (len(blocks), 64, 4))
        blocks[:, :64] = digits @ (1 << np.arange(0, 8, 2))
    if name == "MXFP4":  # one exponent: powers of two only
        unit = np.sqrt(np.mean(np.square([0, 0.5, 1, 1.5, 2, 3, 4, 6])))
        exponent = np.log2(like.std() / unit) + rng.choice([-1, 0], len(blocks))
        blocks[:, 0] = np.round(exponent).astype(int) + 127
        return blocks.reshape(*like.shape[:-1], -1)
    scale = rng.uniform(0.7, 1.3, len(blocks))
    put_factor(blocks, name, scale)
    spread = gguf.quants.dequantize(blocks[:4096], kind).std()
    put_factor(blocks, name, scale * like.std() / spread)
    return blocks.reshape(*like.shape[:-1], -1)


def copy_with(source: str, target: str, change: Callable[[gguf.ReaderTensor], Typed]) -> None:
    """The same metadata, and of every tensor what `change` makes of it: data and type."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        inner = field.types[1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), field.types[0], inner)
    for tensor in reader.tensors:
        data, kind = change(tensor)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def replace_matrices(
    source: str,
    target: str,
    kind: gguf.GGMLQuantizationType,
    make: Callable[[np.ndarray], np.ndarray],
) -> None:
    def change(tensor: gguf.ReaderTensor) -> Typed:
        data = np.array(tensor.data)
        kept = data.ndim < 2 or "norm" in tensor.name or "ffn_gate_inp" in tensor.name
        if kept or data.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] != 0:
            return data, None
        return make(data), kind

    copy_with(source, target, change)


def retype(source: str, target: str, name: str, seed: int = 1) -> None:
    """The matrices whose rows are whole blocks; `source` holds F32."""
    rng, kind = np.random.default_rng(seed), gguf.GGMLQuantizationType[name]
    replace_matrices(source, target, kind, lambda data: random_blocks(data, name, rng))


def pack(source: str, target: str, name: str) -> None:
    """The same values, rounded; matrices whose rows are not whole blocks stay as they are."""
    kind = gguf.GGMLQuantizationType[name]
    replace_matrices(source, target, kind, lambda data: gguf.quants.quantize(data, kind))


def unpack(source: str, target: str) -> None:
    """All tensors as F32."""
    copy_with(source, target, lambda t: (gguf.quants.dequantize(t.data, t.tensor_type), None))
