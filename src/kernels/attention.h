/* Scaled dot-product attention of one sample (Vaswani et al. 2017), in tiles: a strip of a few queries against all keys
   is the most that exists at once, never queries x keys; the backward pass keeps the logarithm of each row's sum alone
   and computes the weights again (Dao et al., FlashAttention, 2022). Source: v_attention.c; its definition, which it
   equals bit for bit: v_attention_plain.c.

   q (queries, heads * width), k and v (keys, kv_heads * width), o as q; head h reads keys and values of head
   h / (heads / kv_heads) (grouped queries: Ainslie et al. 2023). Query i sees key j where mask[j] != 0 (mask NULL: all)
   and, if causal, j <= i + keys - queries: with fewer queries than keys these are the last ones, so that a step that
   adds one position to kept keys and values has the bits of the whole.

     z_ij  = scale * chain over ascending d of fma(q_id, k_jd, .)
     m_i   = max_j z_ij,  p_ij = e^(z_ij - m_i),  s_i = sum_j p_ij: accumulator j mod 16, then the tree over 16
     o_id  = (chain over ascending j of fma(p_ij, v_jd, .)) * (1 / s_i);  lse_i = m_i + log s_i
   backward:
     P_ij  = e^(z_ij - lse_i),  dP_ij = chain over d of fma(do_id, v_jd, .),  D_i = row dot product of do_i and o_i
     dS_ij = P_ij (dP_ij - D_i)
     dq_id = scale * chain over ascending j of fma(dS_ij, k_jd, .)
     dk_jd = scale * chain over ascending heads of the group, then ascending i, of fma(dS_ij, q_id, .);  dv_jd: the same
             chain of fma(P_ij, do_id, .)
   e^x is as_exp_normal of math.h, which is 0 where it would be subnormal. All over the keys that a query sees; a query
   that sees none has o = 0, lse = -inf and no gradient. A chain that ends in -0 counts as +0. What is not finite in a
   sample makes results of that sample not finite, which ones is not said. Cost, of the pairs seen: 4 width flops and
   one e^x forward, 10 width flops and one e^x backward. */
#ifndef AS_KERNELS_ATTENTION_H
#define AS_KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct as_attention {
    int64_t queries, keys; /* causal: queries <= keys */
    int64_t heads, kv_heads;
    int64_t width;              /* of a head */
    int64_t ldq, ldk, ldv, ldo; /* reals from one position to the next */
    int64_t ldl;                /* of lse */
    double scale;               /* usually 1 / sqrt(width) */
    bool causal;
} as_attention;

/* Arrays of one sample, of the variant's real; gradients have the strides of what they belong to. */
typedef struct as_attention_arrays {
    const void *q, *k, *v;
    const uint8_t *mask;  /* (keys) or NULL */
    void *o, *lse;        /* lse (queries, heads): written by forward, read by backward */
    const void *d_o;      /* backward */
    void *dq, *dk, *dv;   /* backward: written; may take the place of q, k, v (but not in the oracle) */
    void *work;           /* scratch on a cache line, as many reals as as_attention_kernels.work says */
    int64_t first, count; /* heads of k and v, with their queries, that this call does: each may be another thread's */
} as_attention_arrays;

typedef struct as_attention_kernels {
    int64_t (*work)(const as_attention *a, bool backward);
    void (*forward)(const as_attention *a, const as_attention_arrays *x);
    void (*backward)(const as_attention *a, const as_attention_arrays *x);
    /* The oracles: the definition above. work: keys reals. */
    void (*forward_plain)(const as_attention *a, const as_attention_arrays *x);
    void (*backward_plain)(const as_attention *a, const as_attention_arrays *x);
} as_attention_kernels;

#endif
