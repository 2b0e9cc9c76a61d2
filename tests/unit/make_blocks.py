#!/usr/bin/env python3
"""Write the fixtures of test_unpack.c into tests/unit/data/, with the `gguf` package of PyPI
(0.19.0) as the independent implementation.

  blocks-TYPE.bin  random blocks, then the float32 values they stand for
  packed-TYPE.bin  float32 values, then the blocks the package makes of them
"""

import pathlib

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

UNPACKED = """F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4 NVFP4
    TQ1_0 TQ2_0 IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ1_S IQ1_M""".split()
PACKED = "F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 MXFP4 TQ1_0 TQ2_0".split()
DATA = pathlib.Path(__file__).parent / "data"


def random_blocks(kind: GGMLQuantizationType, rng: np.random.Generator, n_values: int) -> np.ndarray:
    """Blocks of any bytes, but without infinities and NaN, which do not compare."""
    block_values, block_bytes = GGML_QUANT_SIZES[kind]
    n_blocks = n_values // block_values
    blocks = rng.integers(0, 256, (16 * n_blocks, block_bytes), dtype=np.uint8)
    with np.errstate(all="ignore"):
        values = gguf.dequantize(blocks, kind).reshape(len(blocks), block_values)
    return blocks[np.isfinite(values).all(axis=1)][:n_blocks]


def write_blocks(name: str, rng: np.random.Generator) -> None:
    kind = GGMLQuantizationType[name]
    blocks = random_blocks(kind, rng, 2048 if name.startswith("IQ") else 768)
    values = np.ascontiguousarray(gguf.dequantize(blocks, kind))
    assert values.dtype == np.float32
    (DATA / f"blocks-{name.lower()}.bin").write_bytes(blocks.tobytes() + values.tobytes())


def write_packed(name: str, rng: np.random.Generator) -> None:
    values = rng.standard_normal((16, 32)) * 10.0 ** rng.uniform(-4, 3, (16, 1))
    values[0] = 0
    values[1] = -1.5
    values = values.astype(np.float32)
    if GGML_QUANT_SIZES[GGMLQuantizationType[name]][0] == 256:
        values = values.reshape(2, 256)
    blocks = gguf.quantize(values, GGMLQuantizationType[name])
    (DATA / f"packed-{name.lower()}.bin").write_bytes(values.tobytes() + blocks.tobytes())


def main() -> None:
    DATA.mkdir(exist_ok=True)
    rng = np.random.default_rng(20260101)
    for name in UNPACKED:
        write_blocks(name, rng)
    for name in PACKED:
        write_packed(name, rng)


if __name__ == "__main__":
    main()
