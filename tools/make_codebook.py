#!/usr/bin/env python3
"""Write src/tensor/codebook_tables.c: the codebooks of the IQ types.

They are facts of the file format, found by its authors by clustering, and cannot be computed.
They are read from the `gguf` package of PyPI, version 0.19.0. Each row of a codebook has
8 values of 2 bits or 4 values of 4 bits, the first one lowest; a value is an index into the map
that codebook.h gives for the type.
"""

import sys

import numpy as np
from gguf import quants

TABLES = ("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S")


def rows(name: str) -> list[int]:
    quant = getattr(quants, name)
    quant.init_grid()
    grid = quant.grid.reshape(quant.grid_shape)
    values = sorted(quant.grid_map)
    bits = 16 // grid.shape[1]
    index = np.searchsorted(values, grid).astype(np.uint64)
    shifts = np.arange(grid.shape[1], dtype=np.uint64) * np.uint64(bits)
    return [int(r) for r in (index << shifts).sum(axis=1)]


def main() -> None:
    out = sys.stdout
    out.write("/* Written by tools/make_codebook.py, which says where the numbers come from. */\n")
    out.write('#include "tensor/codebook.h"\n')
    for name in TABLES:
        table = rows(name)
        out.write(f"\nconst uint16_t {name.lower()}_rows[{len(table)}] = {{\n")
        for start in range(0, len(table), 12):
            line = ", ".join(f"0x{r:04x}" for r in table[start:start + 12])
            out.write(f"    {line},\n")
        out.write("};\n")


if __name__ == "__main__":
    main()
