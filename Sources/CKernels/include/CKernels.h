/// The loops over elements that need SIMD: one source, `kernels.inc`, built once per instruction
/// set, and a table of functions per build. Every function is pure (its arguments are all it
/// touches), single-threaded and trusts its caller about sizes; `TensorCore` checks them.
///
/// Tensors are float32, N×H×W×C; "rows" are pixels, "columns" channels. Pointers do not alias
/// unless a comment says so. Reductions have a fixed order for a given build; random numbers are
/// the same bits in every build.
#ifndef DDPM_CKERNELS_H
#define DDPM_CKERNELS_H

#include <stdbool.h>
#include <stdint.h>

/// Counter and key of a Philox stream; the first counter word counts blocks of four numbers.
typedef struct {
  uint32_t key[2];
  uint32_t image, step, stream;
} ddpm_philox;

/// One convolution's geometry. Input h×w×c, output oh×ow; the kernel is k×k.
typedef struct {
  int64_t h, w, c, oh, ow, k, stride, pad_top, pad_left;
} ddpm_window;

/// Coefficients of one Adam step, bias corrections folded in by the caller.
typedef struct {
  float gradient_scale, beta1, beta2, step_size, inverse_sqrt_correction2, epsilon;
  /// 1 − β, rounded once: 1 − 0.999f would have an error of 1e-5.
  float complement1, complement2;
  float coupled_decay, decoupled_keep;
} ddpm_adam;

/// One head of an image: `tokens` rows of `dim` floats, `stride` apart.
typedef struct {
  int64_t tokens, dim, stride;
  float scale;
} ddpm_attention;

/// Floats that hold a block's scores and its panels in either direction.
static inline int64_t ddpm_attention_floats(int64_t tokens, int64_t dim) {
  return 32 * (3 * dim + 2 * tokens) + tokens;
}

/// A 3×3 convolution with stride 1 that keeps n images of h×w; channels are multiples of 16.
typedef struct {
  int64_t n, h, w, inputs, outputs;
  /// Tiles of 4×4 outputs, and output channels, that are worked on together. One of them is all
  /// there are: what is transformed of the other is then used up while it is in cache. `group` is a
  /// multiple of 32 or all channels.
  int64_t block, group;
} ddpm_winograd;

/// Floats that hold 36 transformed matrices, in rows or in panels.
static inline int64_t ddpm_winograd_matrices(int64_t rows, int64_t columns) {
  return 36 * (rows * ((columns + 31) / 32 * 32) + 16);
}

/// Floats of scratch memory: the transforms of a block of tiles of x and y, and of a group of
/// kernels.
static inline int64_t ddpm_winograd_scratch(ddpm_winograd g) {
  return ddpm_winograd_matrices(g.block, g.inputs) + ddpm_winograd_matrices(g.block, g.group) +
         ddpm_winograd_matrices(g.inputs, g.group);
}

typedef struct {
  const char *name;
  /// Columns of a panel; a multiple of it is 32.
  int64_t panel;

  void (*philox_bits)(ddpm_philox p, uint32_t *x, int64_t n);
  void (*philox_uniform)(ddpm_philox p, float *x, int64_t n);
  void (*philox_normal)(ddpm_philox p, float *x, int64_t n);
  /// x *= keep ? scale : 0 with P(keep) = 1 − threshold/2³².
  void (*dropout)(ddpm_philox p, float *x, int64_t n, uint32_t threshold, float scale);

  /// out = a·x + b·y; out may alias x or y.
  void (*combine)(float a, const float *x, float b, const float *y, float *out, int64_t n);
  void (*clamp)(float *x, int64_t n, float limit);
  void (*add)(const float *x, float *y, int64_t n);
  void (*scale)(float *x, int64_t n, float a);
  double (*sum_of_squares)(const float *x, int64_t n);
  double (*sum_of_squared_differences)(const float *x, const float *y, int64_t n);
  void (*from_bytes)(const uint8_t *x, float *y, int64_t n);
  void (*to_bytes)(const float *x, uint8_t *y, int64_t n);
  void (*adam)(ddpm_adam c, float *w, const float *g, float *m, float *v, int64_t n);

  void (*silu)(const float *x, float *y, int64_t n);
  /// dx = dy·silu′(x); dx may alias dy.
  void (*silu_backward)(const float *x, const float *dy, float *dx, int64_t n);

  /// y[r] = row for every r of `rows`.
  void (*fill_rows)(const float *row, float *y, int64_t rows, int64_t c);
  /// sums[c] += Σ_r x[r][c].
  void (*add_column_sums)(const float *x, float *sums, int64_t rows, int64_t c);
  /// Copies `rows` runs of `c` floats between strided matrices.
  void (*copy_rows)(const float *x, int64_t xs, float *y, int64_t ys, int64_t rows, int64_t c);

  /// One image: each group's mean and 1/√(var + eps).
  void (*group_statistics)(const float *x, float *mean, float *rstd, int64_t rows, int64_t c,
                           int64_t groups, float eps);
  /// One image: y = act(γ·(x − mean)·rstd + β), act = SiLU or identity.
  void (*group_normalize)(const float *x, const float *gamma, const float *beta, const float *mean,
                          const float *rstd, float *y, int64_t rows, int64_t c, int64_t groups,
                          bool silu);
  /// One image, given its mean and rstd: dx, and dgamma, dbeta (overwritten).
  /// `scratch` holds 2·c floats; dx may alias dy.
  void (*group_norm_backward)(const float *x, const float *gamma, const float *beta,
                              const float *mean, const float *rstd, const float *dy, float *dx,
                              float *dgamma, float *dbeta, float *scratch, int64_t rows, int64_t c,
                              int64_t groups, bool silu);

  /// One head: out = softmax(scale·q·kᵀ)·v. `statistics` receives 2·tokens floats for the backward
  /// pass; `scratch` holds ddpm_attention_floats.
  void (*attention)(ddpm_attention g, const float *q, const float *k, const float *v, float *out,
                    float *statistics, float *scratch);
  /// The gradients of q, k and v, overwritten, given out and that one's gradient.
  void (*attention_backward)(ddpm_attention g, const float *q, const float *k, const float *v,
                             const float *out, const float *dout, const float *statistics,
                             float *dq, float *dk, float *dv, float *scratch);

  /// One image's output rows y0 ..< y1 as patches: ((y1 − y0)·ow) × (k·k·c).
  void (*im2col)(ddpm_window g, const float *x, float *patches, int64_t y0, int64_t y1);
  /// The adjoint: adds patches' gradients into dx.
  void (*col2im)(ddpm_window g, const float *patches, float *dx, int64_t y0, int64_t y1);

  /// Nearest-neighbour ×2 of one image, h×w×c to 2h×2w×c.
  void (*upsample)(const float *x, float *y, int64_t h, int64_t w, int64_t c);
  /// The adjoint: sums of 2×2 blocks, overwriting dx.
  void (*upsample_backward)(const float *dy, float *dx, int64_t h, int64_t w, int64_t c);

  /// c (m × n) = or += a·b; a[i][l] is at a + i·a_row + l·a_column. Columns of b are read a panel at
  /// a time: b[l][j] is at b + j/panel·b_panel + l·b_row + j%panel. Where n is no multiple of 16, b
  /// is packed.
  void (*multiply)(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                   const float *b, int64_t b_row, int64_t b_panel, float *c, int64_t c_row,
                   bool accumulate);
  /// b (k × n), b[l][j] at b + l·b_row + j·b_column, into panels of k rows: b_row is then `panel`,
  /// b_panel k·`panel`. Takes k·(n rounded up to panels) floats.
  void (*pack)(const float *b, int64_t b_row, int64_t b_column, int64_t k, int64_t n, float *panels);

  /// y += conv(x). w is 3×3×inputs×outputs; turned, it is 3×3×outputs×inputs and the convolution the
  /// one that takes the output's gradient to the input's.
  void (*winograd_convolve)(ddpm_winograd g, const float *x, const float *w, bool turned, float *y,
                            float *scratch);
  /// dw += the weights' gradient.
  void (*winograd_weight_gradient)(ddpm_winograd g, const float *x, const float *dy, float *dw,
                                   float *scratch);
} ddpm_kernels;

/// Number of builds this processor can run; index 0 is the baseline, the last the fastest.
int ddpm_kernel_variants(void);
/// The table of build `index`, 0 ≤ index < ddpm_kernel_variants().
const ddpm_kernels *ddpm_kernel_variant(int index);

#endif
