internal import ModelConfig
internal import TensorCore

/// Two normalised convolutions around the time embedding, and a shortcut past them:
/// h = conv1(silu(norm1(x))); h += proj(silu(emb)), or norm2's scale and shift come from it;
/// y = (shortcut(x) + conv2(dropout(silu(norm2(h))))) / scale.
struct ResnetBlock {
  private let norm1: GroupNormalization
  private let conv1: Convolution
  private let timeProjection: Linear
  private let norm2: GroupNormalization
  private let conv2: Convolution
  /// Where input and output differ in channels.
  private let shortcut: Linear?
  private let scaleShift: Bool
  private let outputScale: Float
  private let dropout: Double
  private let dropoutStream: UInt32

  struct Activations {
    let x: Tensor
    let norm1: GroupNormalization.Activations
    /// norm2's input.
    let hidden: Tensor
    let norm2: GroupNormalization.Activations
    /// N×2C, with `scale_shift`.
    let modulation: Tensor?
  }

  init(
    _ name: String, inputs: Int, outputs: Int, embedding: Int, scaleFactor: Double = 1,
    _ config: UNetConfig, _ p: inout ParameterLayout
  ) {
    func norm(_ part: String, _ channels: Int, _ p: inout ParameterLayout) -> GroupNormalization {
      GroupNormalization(
        name + part, channels: channels, groups: config.normNumGroups, epsilon: config.normEps,
        silu: true, &p)
    }
    scaleShift = config.resnetTimeScaleShift == .scaleShift
    dropoutStream = Philox.dropoutStreams + UInt32(p.parameters.count)
    norm1 = norm(".norm1", inputs, &p)
    conv1 = Convolution(name + ".conv1", inputs: inputs, outputs: outputs, .same3x3, &p)
    timeProjection = Linear(
      name + ".time_emb_proj", inputs: embedding, outputs: scaleShift ? 2 * outputs : outputs, &p)
    norm2 = norm(".norm2", outputs, &p)
    conv2 = Convolution(name + ".conv2", inputs: outputs, outputs: outputs, .same3x3, &p)
    shortcut =
      inputs == outputs
      ? nil
      : Linear(
        name + ".conv_shortcut", inputs: inputs, outputs: outputs, pointwise: true, &p)
    outputScale = Float(1 / scaleFactor)
    dropout = config.dropout
  }

  /// What a forward pass of so many pixels costs.
  func operations(pixels: Int) -> OperationCount {
    .sum([
      conv1.operations(pixels: pixels), conv2.operations(pixels: pixels),
      timeProjection.operations(rows: 1), shortcut?.operations(rows: pixels) ?? OperationCount(),
    ])
  }

  /// x: N×H×W×I; `embedding`: N×E, after SiLU; returns N×H×W×O.
  func forward(_ x: Tensor, embedding: Tensor, _ pass: Pass) -> (Tensor, Activations) {
    let (normalized1, saved1) = norm1.forward(x, pass)
    let time = timeProjection.forward(embedding, pass)
    let hidden = conv1.forward(normalized1, offset: scaleShift ? nil : time, pass)
    pass.arena.recycle(normalized1)
    let (normalized2, saved2) =
      scaleShift
      ? norm2.forward(hidden, scaleShift: time, pass) : norm2.forward(hidden, pass)
    dropOut(normalized2, pass)
    let y = conv2.forward(normalized2, pass)
    pass.arena.recycle(normalized2)
    if let shortcut {
      let skipped = shortcut.forward(x, pass)
      add(skipped, into: y)
      pass.arena.recycle(skipped)
    } else {
      add(x, into: y)
    }
    if outputScale != 1 { scale(y, by: outputScale) }
    return (
      y,
      Activations(
        x: x, norm1: saved1, hidden: hidden, norm2: saved2, modulation: scaleShift ? time : nil)
    )
  }

  /// Takes dy over; returns dx, adds the parameters' gradients and that of `embedding` into
  /// `embeddingGradient`, and recycles what was saved (but not x).
  func backward(
    _ dy: Tensor, _ saved: Activations, embedding: Tensor, embeddingGradient: Tensor, _ pass: Pass
  ) -> Tensor {
    if outputScale != 1 { scale(dy, by: outputScale) }
    let normalized2 = normalized2(saved, pass)
    let hidden = conv2.backward(dy, x: normalized2, pass)
    pass.arena.recycle(normalized2)
    dropOut(hidden, pass)

    let time: Tensor
    if let modulation = saved.modulation {
      time = norm2.backward(hidden, x: saved.hidden, saved.norm2, scaleShift: modulation, pass)
    } else {
      norm2.backward(hidden, x: saved.hidden, saved.norm2, pass)
      time = pass.arena.take(Shape(rows: hidden.shape.n, columns: hidden.shape.c))
      fill(time, with: 0)
      addColumnSums(hidden, into: time)
    }
    timeProjection.backward(time, x: embedding, addingInto: embeddingGradient, pass)
    pass.arena.recycle(time)
    pass.arena.recycle(saved.hidden)

    let normalized1 = norm1.normalize(saved.x, saved.norm1, pass)
    let dx = conv1.backward(hidden, x: normalized1, pass)
    pass.arena.recycle(normalized1)
    pass.arena.recycle(hidden)
    norm1.backward(dx, x: saved.x, saved.norm1, pass)
    if let shortcut {
      shortcut.backward(dy, x: saved.x, addingInto: dx, pass)
    } else {
      add(dy, into: dx)
    }
    pass.arena.recycle(dy)
    return dx
  }

  /// conv2's input, made again.
  func normalized2(_ saved: Activations, _ pass: Pass) -> Tensor {
    let y = norm2.normalize(saved.hidden, saved.norm2, pass)
    dropOut(y, pass)
    return y
  }

  /// Masks activations on the way forward and their gradients on the way back alike.
  private func dropOut(_ x: Tensor, _ pass: Pass) {
    guard let noise = pass.dropout, dropout > 0 else { return }
    let mask = Philox(seed: noise.seed, stream: dropoutStream)
    for image in 0..<x.shape.n {
      mask.dropOut(
        x.images(image..<image + 1), probability: dropout, step: noise.step,
        image: noise.firstImage + UInt32(image))
    }
  }
}

extension ResnetBlock.Activations {
  /// Gives back what the forward pass made, where no backward pass follows.
  func recycle(_ arena: Arena) { arena.recycle(hidden) }
}
