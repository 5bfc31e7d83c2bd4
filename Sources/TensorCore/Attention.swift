internal import CKernels

/// Self-attention over the pixels of each image (Vaswani et al. 2017), heads side by side in the
/// channels: out = softmax(q·kᵀ/√d)·v.
///
/// Memory grows with the number of pixels, not with its square.
///
/// - q, k, v, out: N×H×W×C; a head is `headDim` consecutive channels.
/// - statistics: N·C/headDim rows of 2·H·W floats, receives what the backward pass needs.
public func attend(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, headDim: Int, into out: Tensor, statistics: Tensor,
  arena: Arena, using kernels: Kernels = .active
) {
  forEachHead(q.shape, [k, v, out], headDim, statistics, arena) { plan, at, statistics, scratch in
    unsafe kernels.functions.attention(
      plan, q.base + at, k.base + at, v.base + at, out.base + at, statistics.base, scratch.base)
  }
}

/// The gradients of `attend`'s inputs, overwritten, given its output and that one's gradient.
public func attendBackward(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, out: Tensor, outGradient: Tensor, headDim: Int,
  statistics: Tensor, into dq: Tensor, _ dk: Tensor, _ dv: Tensor, arena: Arena,
  using kernels: Kernels = .active
) {
  forEachHead(q.shape, [k, v, out, outGradient, dq, dk, dv], headDim, statistics, arena) {
    plan, at, statistics, scratch in
    unsafe kernels.functions.attention_backward(
      plan, q.base + at, k.base + at, v.base + at, out.base + at, outGradient.base + at,
      statistics.base, dq.base + at, dk.base + at, dv.base + at, scratch.base)
  }
}

/// Calls `body` for each head with the index of its first element.
private func forEachHead(
  _ shape: Shape, _ others: [Tensor], _ headDim: Int, _ statistics: Tensor, _ arena: Arena,
  _ body: (ddpm_attention, _ at: Int, _ statistics: Tensor, _ scratch: Tensor) -> Void
) {
  let (tokens, heads) = (shape.h * shape.w, shape.c / headDim)
  precondition(shape.c % headDim == 0, "heads do not fit the channels")
  precondition(others.allSatisfy { $0.shape == shape }, "operands differ in shape")
  precondition(
    statistics.shape == Shape(rows: shape.n * heads, columns: 2 * tokens), "statistics do not fit")
  let plan = ddpm_attention(
    tokens: Int64(tokens), dim: Int64(headDim), stride: Int64(shape.c),
    scale: Float(1 / Double(headDim).squareRoot()))
  let scratch = arena.take(
    Shape(rows: 1, columns: Int(ddpm_attention_floats(plan.tokens, plan.dim))))
  for image in 0..<shape.n {
    for head in 0..<heads {
      let row = image * heads + head
      body(
        plan, image * tokens * shape.c + head * headDim, statistics.images(row..<row + 1), scratch)
    }
  }
  arena.recycle(scratch)
}
