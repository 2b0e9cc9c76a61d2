#!/usr/bin/env python3
"""Write src/tensor/codebook_tables.c: the codebooks of the IQ types.

They are facts of the file format, found by its authors by clustering, and cannot be computed.
They are read from the `gguf` package of PyPI, version 0.19.0. Each row of a codebook is written
as 8 numbers of 2 bits or 4 numbers of 4 bits, the first one lowest; macros make a row of bytes of
it, as codebook.h describes them.
"""

import sys

import numpy as np
from gguf import quants

# Type, C type of a row, macro that makes it.
TABLES = (
    ("IQ2_XXS", "uint64_t", "IQ2"), ("IQ2_XS", "uint64_t", "IQ2"), ("IQ2_S", "uint64_t", "IQ2"),
    ("IQ3_XXS", "uint32_t", "IQ3_XXS"), ("IQ3_S", "uint32_t", "IQ3_S"), ("IQ1_S", "uint64_t", "IQ1"),
)

MACROS = """
/* Number i of a row goes to byte i. */
#define NUMBER_2(row, i) ((uint64_t)((row) >> 2 * (i)) & 3)
#define NUMBER_4(row, i) ((uint32_t)((row) >> 4 * (i)) & 15)
#define BYTES_8(VALUE, row)                                                                        \\
    (VALUE(NUMBER_2(row, 0)) | VALUE(NUMBER_2(row, 1)) << 8 | VALUE(NUMBER_2(row, 2)) << 16 |      \\
     VALUE(NUMBER_2(row, 3)) << 24 | VALUE(NUMBER_2(row, 4)) << 32 |                               \\
     VALUE(NUMBER_2(row, 5)) << 40 | VALUE(NUMBER_2(row, 6)) << 48 |                               \\
     VALUE(NUMBER_2(row, 7)) << 56)
#define BYTES_4(VALUE, row)                                                                        \\
    (VALUE(NUMBER_4(row, 0)) | VALUE(NUMBER_4(row, 1)) << 8 | VALUE(NUMBER_4(row, 2)) << 16 |      \\
     VALUE(NUMBER_4(row, 3)) << 24)

#define IQ2_VALUE(i) ((i) == 0 ? UINT64_C(8) : (i) == 1 ? UINT64_C(25) : UINT64_C(43))
#define IQ3_XXS_VALUE(i) (8 * (i) + ((i) == 7 ? 6 : 4))
#define IQ3_S_VALUE(i) (2 * (i) + 1)
#define IQ1_VALUE(i) (8 * (i))
#define IQ2(row) BYTES_8(IQ2_VALUE, row)
#define IQ1(row) BYTES_8(IQ1_VALUE, row)
#define IQ3_XXS(row) BYTES_4(IQ3_XXS_VALUE, row)
#define IQ3_S(row) BYTES_4(IQ3_S_VALUE, row)
"""


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
    out.write(MACROS)
    for name, row_type, macro in TABLES:
        table = rows(name)
        n = 90 // len(f"{macro}(0x0000), ")
        out.write(f"\nconst {row_type} {name.lower()}_rows[{len(table)}] = {{\n")
        for start in range(0, len(table), n):
            line = ", ".join(f"{macro}(0x{r:04x})" for r in table[start:start + n])
            out.write(f"    {line},\n")
        out.write("};\n")


if __name__ == "__main__":
    main()
