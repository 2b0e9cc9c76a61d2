"""GGUF files made from others: the matrices in other types, or all unpacked.

Types that the `gguf` package can pack are packed by it. Of the others matrices get random blocks, as
spread as the matrix was: any bits are a valid block of these types, only the scale must be chosen. It
is found by unpacking the blocks with the package and measuring.
"""

from collections import deque
from collections.abc import Callable

import gguf
import numpy as np

Typed = tuple[np.ndarray, gguf.GGMLQuantizationType | None]
Change = Callable[[gguf.ReaderTensor], Typed | None]

# Where a block keeps the half-precision factor of all its values, and that of what is subtracted from
# them, in units of it, so that their mean is zero.
FACTOR_AT = {
    "Q3_K": 108,
    "Q6_K": 208,
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
FACTORS_AT = {"Q2_K": (80, 1.5), "Q4_K": (0, 7.5), "Q5_K": (0, 15.5)}
PACKED = "F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1".split()
RANDOM = [*FACTORS_AT, *FACTOR_AT, "IQ1_M", "MXFP4", "NVFP4"]

E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]


def put_factor(blocks: np.ndarray, name: str, factor: np.ndarray) -> None:
    """Of IQ1_M the factor lies in the upper four bits of four 16-bit words."""
    if name == "IQ1_M":
        bits, words = factor.astype(np.float16).view(np.uint16), blocks[:, 48:56].view(np.uint16)
        for i in range(4):
            words[:, i] = (words[:, i] & 0x0FFF) | (((bits >> (4 * i)) & 0xF) << 12)
    elif name in FACTORS_AT:
        at, minimum = FACTORS_AT[name]
        put_half(blocks, at, factor)
        put_half(blocks, at + 2, factor * minimum)
    else:
        put_half(blocks, FACTOR_AT[name], factor)


def put_half(blocks: np.ndarray, at: int, values: np.ndarray) -> None:
    blocks[:, at : at + 2] = values.astype(np.float16)[:, None].view(np.uint8)


def put_fp4_scales(blocks: np.ndarray, name: str, size: float, rng: np.random.Generator) -> None:
    """One power of two, or four numbers of seven bits."""
    size /= np.sqrt(np.mean(np.square(E2M1)))
    if name == "MXFP4":
        exponents = np.floor(np.log2(size) + rng.uniform(0, 1, len(blocks)))
        blocks[:, 0] = exponents.astype(int) + 127
    else:
        scales = (size * rng.uniform(0.7, 1.3, (len(blocks), 4))).astype(np.float32)
        blocks[:, :4] = gguf.quants.NVFP4.fp32_to_ue4m3(scales)


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
    if name in ("MXFP4", "NVFP4"):
        put_fp4_scales(blocks, name, like.std(), rng)
    else:
        scale = rng.uniform(0.7, 1.3, len(blocks))
        put_factor(blocks, name, scale)
        spread = gguf.quants.dequantize(blocks[:4096], kind).std()
        put_factor(blocks, name, scale * like.std() / spread)
    return blocks.reshape(*like.shape[:-1], -1)


def in_type(data: np.ndarray, name: str, rng: np.random.Generator) -> Typed:
    kind = gguf.GGMLQuantizationType[name]
    if name in PACKED:
        return gguf.quants.quantize(data, kind), kind
    return random_blocks(data, name, rng), kind


def copy_with(source: str, target: str, change: Change, **keys: int) -> None:
    """The same metadata but for `keys` (without their prefix; 0: none), and of every tensor what
    `change` makes of it: data and type, or nothing."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        inner = field.types[1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        value = keys.get(key.rpartition(".")[2], field.contents())
        if value != 0 or field.contents() == 0:
            writer.add_key_value(key, value, field.types[0], inner)
    for tensor in reader.tensors:
        typed = change(tensor)
        if typed:
            writer.add_tensor(tensor.name, typed[0], raw_dtype=typed[1])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def block_size(name: str) -> int:
    return gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][0]


def retype(source: str, target: str, names: list[str], seed: int = 1) -> None:
    """Gives the matrices of `source`, all F32, the types named, each in turn; rows that are whole
    blocks of 256 get no smaller ones if there is a choice. What no type fits stays as it is."""
    rng, queue = np.random.default_rng(seed), deque(names)

    def change(tensor: gguf.ReaderTensor) -> Typed:
        data = np.array(tensor.data)
        fitting = [name for name in queue if data.shape[-1] % block_size(name) == 0]
        if tensor.name == "token_embd.weight" and "NVFP4" in fitting:
            fitting.remove("NVFP4")  # published files keep it apart, llama.cpp insists on it
        kept = data.ndim < 2 or "norm" in tensor.name or "ffn_gate_inp" in tensor.name
        if kept or not fitting:
            return data, None
        name = next((name for name in fitting if block_size(name) == 256), fitting[0])
        queue.remove(name)
        queue.append(name)
        return in_type(data, name, rng)

    copy_with(source, target, change)


def unpack(source: str, target: str) -> None:
    """All tensors as F32."""
    copy_with(source, target, lambda t: (gguf.quants.dequantize(t.data, t.tensor_type), None))


def types_of(path: str) -> list[str]:
    """Of the matrices; routers and norms of heads are F32 whatever the others are."""
    tensors = gguf.GGUFReader(path).tensors
    names = {t.tensor_type.name for t in tensors if len(t.shape) > 1}
    return sorted(names - {"F32"}) or ["F32"]


def drop_prediction(source: str, target: str) -> str:
    """The path of the same model without layers that predict later tokens, `source` if it has none."""
    fields = gguf.GGUFReader(source).fields
    prefix = fields["general.architecture"].contents()
    if f"{prefix}.nextn_predict_layers" not in fields:
        return source
    n_extra = fields[f"{prefix}.nextn_predict_layers"].contents()
    n_layers = fields[f"{prefix}.block_count"].contents() - n_extra

    def change(tensor: gguf.ReaderTensor) -> Typed | None:
        part = tensor.name.split(".")
        is_extra = part[0] == "blk" and int(part[1]) >= n_layers
        return None if is_extra else (np.array(tensor.data), tensor.tensor_type)

    copy_with(source, target, change, block_count=n_layers, nextn_predict_layers=0)
    return target
