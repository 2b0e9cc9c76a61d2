/* The kernel of each block type, under the name that the including file gave. */
matmul_kernel *PANEL_TABLE(enum dtype dtype)
{
    static matmul_kernel *const table[DTYPE_LIMIT] = {
        [DTYPE_Q4_0] = panel_q4_0,   [DTYPE_Q4_1] = panel_q4_1,   [DTYPE_Q5_0] = panel_q5_0,
        [DTYPE_Q5_1] = panel_q5_1,   [DTYPE_Q8_0] = panel_q8_0,   [DTYPE_IQ4_NL] = panel_iq4_nl,
        [DTYPE_MXFP4] = panel_mxfp4, [DTYPE_NVFP4] = panel_nvfp4,
    };
    return table[dtype];
}
