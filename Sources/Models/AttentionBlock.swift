internal import ModelConfig
internal import TensorCore

/// Self-attention over an image's pixels (Vaswani et al. 2017), heads side by side in the channels:
/// y = (x + out(softmax(q·kᵀ/√d)·v)) / scale with q, k, v linear in norm(x).
struct AttentionBlock {
  private let norm: GroupNormalization?
  private let query: Linear
  private let key: Linear
  private let value: Linear
  private let output: Linear
  private let headDim: Int
  private let outputScale: Float

  struct Activations {
    let x: Tensor
    let norm: GroupNormalization.Activations?
    let query: Tensor
    let key: Tensor
    let value: Tensor
    /// The heads' outputs, input of the last projection.
    let attended: Tensor
    /// See `attend`.
    let statistics: Tensor
  }

  /// - normalized: false only in the mid block of a `scale_shift` model.
  init(
    _ name: String, channels: Int, normalized: Bool = true, scaleFactor: Double = 1,
    _ config: UNetConfig, _ p: inout ParameterLayout
  ) {
    func linear(_ part: String, _ p: inout ParameterLayout) -> Linear {
      Linear(name + part, inputs: channels, outputs: channels, &p)
    }
    norm =
      normalized
      ? GroupNormalization(
        name + ".group_norm", channels: channels, groups: config.normNumGroups,
        epsilon: config.normEps, silu: false, &p)
      : nil
    query = linear(".to_q", &p)
    key = linear(".to_k", &p)
    value = linear(".to_v", &p)
    output = linear(".to_out.0", &p)
    headDim = config.attentionHeadDim ?? channels
    outputScale = Float(1 / scaleFactor)
  }

  /// What a forward pass of so many pixels costs: each meets the key and the value of every other.
  func operations(pixels: Int) -> OperationCount {
    .sum([query, key, value, output].map { $0.operations(rows: pixels) })
      + OperationCount(attention: 2 * 2 * pixels * pixels * query.outputs)
  }

  /// x: N×H×W×C; returns the same shape.
  func forward(_ x: Tensor, _ pass: Pass) -> (Tensor, Activations) {
    let (normalized, normSaved) = norm.map { $0.forward(x, pass) } ?? (x, nil)
    let q = query.forward(normalized, pass)
    let k = key.forward(normalized, pass)
    let v = value.forward(normalized, pass)
    if norm != nil { pass.arena.recycle(normalized) }
    let attended = pass.arena.take(x.shape)
    let heads = x.shape.c / headDim
    let statistics = pass.arena.take(
      Shape(rows: x.shape.n * heads, columns: 2 * x.shape.h * x.shape.w))
    pass.run(.attention(headDim: headDim), .forward, x.shape, outputs: x.shape.c) {
      attend(
        q, k, v, headDim: headDim, into: attended, statistics: statistics, arena: pass.arena)
    }
    let y = output.forward(attended, pass)
    add(x, into: y)
    if outputScale != 1 { scale(y, by: outputScale) }
    return (
      y,
      Activations(
        x: x, norm: normSaved, query: q, key: k, value: v,
        attended: attended, statistics: statistics)
    )
  }

  /// Takes dy over; returns dx, adds the parameters' gradients, and recycles what was saved (but
  /// not x).
  func backward(_ dy: Tensor, _ saved: Activations, _ pass: Pass) -> Tensor {
    if outputScale != 1 { scale(dy, by: outputScale) }
    let attended = output.backward(dy, x: saved.attended, pass)
    let shape = saved.x.shape
    let (dq, dk, dv) = (pass.arena.take(shape), pass.arena.take(shape), pass.arena.take(shape))
    pass.run(.attention(headDim: headDim), .backward, shape, outputs: shape.c) {
      attendBackward(
        saved.query, saved.key, saved.value, out: saved.attended, outGradient: attended,
        headDim: headDim, statistics: saved.statistics, into: dq, dk, dv, arena: pass.arena)
    }
    pass.arena.recycle(attended)

    var normalized = saved.x
    if let norm, let normSaved = saved.norm {
      normalized = norm.normalize(saved.x, normSaved, pass)
    }
    let dx = query.backward(dq, x: normalized, pass)
    key.backward(dk, x: normalized, addingInto: dx, pass)
    value.backward(dv, x: normalized, addingInto: dx, pass)
    for tensor in [dq, dk, dv] { pass.arena.recycle(tensor) }
    if let norm, let normSaved = saved.norm {
      pass.arena.recycle(normalized)
      norm.backward(dx, x: saved.x, normSaved, pass)
    }
    add(dy, into: dx)
    pass.arena.recycle(dy)
    saved.recycle(pass.arena)
    return dx
  }
}

extension AttentionBlock.Activations {
  /// Gives back what the forward pass made.
  func recycle(_ arena: Arena) {
    for tensor in [query, key, value, attended, statistics] { arena.recycle(tensor) }
  }
}
