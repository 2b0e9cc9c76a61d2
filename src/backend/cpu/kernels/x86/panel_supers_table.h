/* The kernel of each super-block type, under the name that the including file gave. */
matmul_kernel *PANEL_TABLE(enum dtype dtype)
{
    static matmul_kernel *const table[DTYPE_LIMIT] = {
        [DTYPE_Q2_K] = panel_q2_k,       [DTYPE_Q3_K] = panel_q3_k,
        [DTYPE_Q4_K] = panel_q4_k,       [DTYPE_Q5_K] = panel_q5_k,
        [DTYPE_Q6_K] = panel_q6_k,       [DTYPE_IQ4_XS] = panel_iq4_xs,
        [DTYPE_IQ2_XXS] = panel_iq2_xxs, [DTYPE_IQ2_XS] = panel_iq2_xs,
        [DTYPE_IQ2_S] = panel_iq2_s,     [DTYPE_IQ3_XXS] = panel_iq3_xxs,
        [DTYPE_IQ3_S] = panel_iq3_s,     [DTYPE_IQ1_S] = panel_iq1_s,
        [DTYPE_IQ1_M] = panel_iq1_m,     [DTYPE_TQ1_0] = panel_tq1_0,
        [DTYPE_TQ2_0] = panel_tq2_0,
    };
    return table[dtype];
}
