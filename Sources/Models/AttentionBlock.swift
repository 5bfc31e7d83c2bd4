internal import Glibc
internal import ModelConfig
internal import TensorCore

/// Self-attention over an image's pixels (Vaswani et al. 2017), heads side by side in the channels:
/// y = (x + out(softmax(q·kᵀ/√d)·v)) / scale with q, k, v linear in norm(x).
///
/// The T×T probabilities are made head by head and made again on the way back, so memory grows
/// with the number of pixels, not with its square times images and heads.
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
    /// Input of the projections; x itself without a norm.
    let normalized: Tensor
    let query: Tensor
    let key: Tensor
    let value: Tensor
    /// The heads' outputs, input of the last projection.
    let attended: Tensor
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

  /// x: N×H×W×C; returns the same shape.
  func forward(_ x: Tensor, _ pass: Pass) -> (Tensor, Activations) {
    let (normalized, normSaved) = norm.map { $0.forward(x, pass) } ?? (x, nil)
    let q = query.forward(normalized, pass)
    let k = key.forward(normalized, pass)
    let v = value.forward(normalized, pass)
    let attended = pass.arena.take(x.shape)
    forEachHead(x.shape, pass) { head in
      let probabilities = probabilities(head, q, k)
      multiply(
        probabilities.matrix, head.block(of: v), into: head.block(of: attended))
    }
    let y = output.forward(attended, pass)
    add(x, into: y)
    if outputScale != 1 { scale(y, by: outputScale) }
    return (
      y,
      Activations(
        x: x, norm: normSaved, normalized: normalized, query: q, key: k, value: v,
        attended: attended)
    )
  }

  /// Takes dy over; returns dx, adds the parameters' gradients, and recycles what was saved (but
  /// not x).
  func backward(_ dy: Tensor, _ saved: Activations, _ pass: Pass) -> Tensor {
    if outputScale != 1 { scale(dy, by: outputScale) }
    let attended = output.backward(dy, x: saved.attended, pass)
    let shape = saved.x.shape
    let (dq, dk, dv) = (pass.arena.take(shape), pass.arena.take(shape), pass.arena.take(shape))
    let pixels = shape.h * shape.w
    let scores = pass.arena.take(Shape(rows: pixels, columns: pixels))
    forEachHead(shape, pass) { head in
      let probabilities = probabilities(head, saved.query, saved.key)
      let dOut = head.block(of: attended)
      multiply(probabilities.matrix.transposed, dOut, into: head.block(of: dv))
      multiply(dOut, head.block(of: saved.value).transposed, into: scores.matrix)
      softmaxBackward(scores, probabilities: probabilities, scale: scoreScale)
      multiply(scores.matrix, head.block(of: saved.key), into: head.block(of: dq))
      multiply(scores.matrix.transposed, head.block(of: saved.query), into: head.block(of: dk))
    }
    pass.arena.recycle(scores)
    pass.arena.recycle(attended)

    let dx = query.backward(dq, x: saved.normalized, pass)
    key.backward(dk, x: saved.normalized, addingInto: dx, pass)
    value.backward(dv, x: saved.normalized, addingInto: dx, pass)
    for tensor in [dq, dk, dv] { pass.arena.recycle(tensor) }
    if let norm, let normSaved = saved.norm { norm.backward(dx, x: saved.x, normSaved, pass) }
    add(dy, into: dx)
    pass.arena.recycle(dy)
    saved.recycle(pass.arena)
    return dx
  }

  private var scoreScale: Float { Float(1 / Double(headDim).squareRoot()) }

  /// Fills the head's buffer with softmax(q·kᵀ/√d), T×T.
  private func probabilities(_ head: Head, _ q: Tensor, _ k: Tensor) -> Tensor {
    multiply(
      head.block(of: q), head.block(of: k).transposed, into: head.buffer.matrix)
    softmax(head.buffer, scale: scoreScale)
    return head.buffer
  }

  private func forEachHead(_ shape: Shape, _ pass: Pass, _ body: (Head) -> Void) {
    let pixels = shape.h * shape.w
    let buffer = pass.arena.take(Shape(rows: pixels, columns: pixels))
    for image in 0..<shape.n {
      for first in stride(from: 0, to: shape.c, by: headDim) {
        body(
          Head(
            rows: image * pixels..<(image + 1) * pixels, columns: first..<first + headDim,
            buffer: buffer))
      }
    }
    pass.arena.recycle(buffer)
  }
}

/// One head of one image: the rows and columns of q, k, v that are its own.
private struct Head {
  let rows: Range<Int>
  let columns: Range<Int>
  let buffer: Tensor

  func block(of tensor: Tensor) -> Matrix { tensor.matrix.block(rows: rows, columns: columns) }
}

extension AttentionBlock.Activations {
  /// Gives back what the forward pass made.
  func recycle(_ arena: Arena) {
    for tensor in [query, key, value, attended] { arena.recycle(tensor) }
    if norm != nil { arena.recycle(normalized) }
  }
}
