internal import CKernels

// Functions over all elements of tensors. Shapes need not agree, counts must; results may be
// written over an argument where the comment says so.

/// out = a·x + b·y; `out` may be `x` or `y`.
public func combine(
  _ a: Float, _ x: Tensor, _ b: Float, _ y: Tensor, into out: Tensor,
  using kernels: Kernels = .active
) {
  precondition(x.count == y.count && x.count == out.count, "operands differ in size")
  unsafe kernels.functions.combine(a, x.base, b, y.base, out.base, Int64(x.count))
}

/// Clips `x` to [−limit, limit] in place; a NaN stays one.
public func clamp(_ x: Tensor, to limit: Float, using kernels: Kernels = .active) {
  unsafe kernels.functions.clamp(x.base, Int64(x.count), limit)
}

/// y += x.
public func add(_ x: Tensor, into y: Tensor, using kernels: Kernels = .active) {
  precondition(x.count == y.count, "operands differ in size")
  unsafe kernels.functions.add(x.base, y.base, Int64(x.count))
}

/// x *= a.
public func scale(_ x: Tensor, by a: Float, using kernels: Kernels = .active) {
  unsafe kernels.functions.scale(x.base, Int64(x.count), a)
}

/// y = x.
public func copy(_ x: Tensor, into y: Tensor) {
  precondition(x.count == y.count, "operands differ in size")
  unsafe y.base.update(from: x.base, count: x.count)
}

/// x = value.
public func fill(_ x: Tensor, with value: Float) {
  unsafe x.base.update(repeating: value, count: x.count)
}

/// Σx², accumulated in Double in a fixed order.
public func sumOfSquares(_ x: Tensor, using kernels: Kernels = .active) -> Double {
  unsafe kernels.functions.sum_of_squares(x.base, Int64(x.count))
}

/// Σ(x − y)², accumulated in Double in a fixed order.
public func sumOfSquaredDifferences(
  _ x: Tensor, _ y: Tensor, using kernels: Kernels = .active
) -> Double {
  precondition(x.count == y.count, "operands differ in size")
  return unsafe kernels.functions.sum_of_squared_differences(x.base, y.base, Int64(x.count))
}

/// Pixels 0…255 to [−1, 1]: x/127.5 − 1.
public func floats(
  fromBytes bytes: UnsafeBufferPointer<UInt8>, into x: Tensor, using kernels: Kernels = .active
) {
  precondition(bytes.count == x.count, "operands differ in size")
  guard let base = bytes.baseAddress else { return }
  unsafe kernels.functions.from_bytes(base, x.base, Int64(x.count))
}

/// [−1, 1] to pixels 0…255 as diffusers does it: x/2 + ½ clipped to [0, 1], times 255, rounded half
/// to even. A NaN becomes 0.
public func bytes(
  from x: Tensor, into bytes: UnsafeMutableBufferPointer<UInt8>, using kernels: Kernels = .active
) {
  precondition(bytes.count == x.count, "operands differ in size")
  guard let base = bytes.baseAddress else { return }
  unsafe kernels.functions.to_bytes(x.base, base, Int64(x.count))
}

/// y = x·sigmoid(x) (SiLU, Elfwing et al. 2018).
public func silu(_ x: Tensor, into y: Tensor, using kernels: Kernels = .active) {
  precondition(x.count == y.count, "operands differ in size")
  unsafe kernels.functions.silu(x.base, y.base, Int64(x.count))
}

/// dx = dy·silu′(x); `dx` may be `dy`.
public func siluBackward(
  _ x: Tensor, _ dy: Tensor, into dx: Tensor, using kernels: Kernels = .active
) {
  precondition(x.count == dy.count && x.count == dx.count, "operands differ in size")
  unsafe kernels.functions.silu_backward(x.base, dy.base, dx.base, Int64(x.count))
}
