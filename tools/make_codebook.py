#!/usr/bin/env python3
"""Write src/tensor/codebook_numbers.h: the codebooks of the IQ types.

They are facts of the file format, found by its authors by clustering, and cannot be computed.
They are read from the `gguf` package of PyPI, version 0.19.0. Each row of a codebook is written
as 8 numbers of 2 bits or 4 numbers of 4 bits, the first one lowest.
"""

import sys

import numpy as np
from gguf import quants

TYPES = ("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ1_S")

HEAD = """/* Written by tools/make_codebook.py, which says where the numbers come from.
 *
 * A row of a codebook is one number: of IQ1 and IQ2 8 values, 2 bits each, of IQ3 4 values, 4 bits
 * each, the first one lowest. A list applies a macro to each of its rows. */
#pragma once

/* clang-format off */
"""
N_TO_A_LINE = 7


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
    out.write(HEAD)
    for name in TYPES:
        numbers = [f"ROW(0x{r:04x})" for r in rows(name)]
        lines = [", ".join(numbers[i:i + N_TO_A_LINE]) for i in range(0, len(numbers), N_TO_A_LINE)]
        out.write(f"\n#define {name}_NUMBERS(ROW) \\\n    ")
        out.write(", \\\n    ".join(lines) + "\n")


if __name__ == "__main__":
    main()
