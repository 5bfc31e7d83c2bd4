internal import ModelConfig
internal import TensorCore

/// `UpBlock2D` and `AttnUpBlock2D`: stages at one resolution, each on [h, the newest skip], then
/// nearest-neighbour enlargement and a convolution.
struct UpBlock {
  private let stages: [Stage]
  /// Channels of h before each stage; the rest of its input is the skip.
  private let inputs: [Int]
  private let upsampler: Convolution?

  enum Activations {
    /// The block's input and the skips it took: the rest is made again on the way back.
    case inputs(Tensor, skips: [Tensor])
    case all(stages: [StageActivations], enlarged: Tensor?)
  }

  struct StageActivations {
    /// The stage's input.
    let joined: Tensor
    let saved: Stage.Activations
  }

  /// - previous: channels of h; skips: channels of the skip that each stage takes, in order.
  init(
    _ name: String, previous: Int, outputs: Int, skips: [Int], embedding: Int, attention: Bool,
    upsampling: Bool, _ config: UNetConfig, _ p: inout ParameterLayout
  ) {
    inputs = skips.indices.map { $0 == 0 ? previous : outputs }
    var stages: [Stage] = []
    for (i, skip) in skips.enumerated() {
      let resnet = ResnetBlock(
        "\(name).resnets.\(i)", inputs: (i == 0 ? previous : outputs) + skip, outputs: outputs,
        embedding: embedding, config, &p)
      let block =
        attention ? AttentionBlock("\(name).attentions.\(i)", channels: outputs, config, &p) : nil
      stages.append(Stage(resnet, block))
    }
    self.stages = stages
    upsampler =
      upsampling
      ? Convolution(name + ".upsamplers.0.conv", inputs: outputs, outputs: outputs, .same3x3, &p)
      : nil
  }

  /// What a forward pass costs; `pixels` of the input.
  func operations(pixels: Int) -> OperationCount {
    .sum(stages.map { $0.operations(pixels: pixels) })
      + (upsampler?.operations(pixels: 4 * pixels) ?? OperationCount())
  }

  /// x: N×H×W×I, taken over; takes one skip a stage off the end of `skips`.
  func forward(
    _ x: Tensor, embedding: Tensor, skips: inout [Tensor], _ pass: Pass, keeping: Keeping
  ) -> (Tensor, Activations?) {
    let taken = stages.map { _ in skips.removeLast() }
    let (h, saved) = walk(x, taken, embedding: embedding, pass, keeping: keeping)
    let enlarged = upsampler.map { _ in enlarge(h, pass) }
    let y = if let upsampler, let enlarged { upsampler.forward(enlarged, pass) } else { h }
    switch keeping {
    case .activations: return (y, .all(stages: saved, enlarged: enlarged))
    case .inputs, .nothing:
      if let enlarged { pass.arena.recycle(enlarged) }
      return (y, keeping == .inputs ? .inputs(x, skips: taken) : nil)
    }
  }

  /// Through the stages; takes x over unless inputs are kept.
  private func walk(
    _ x: Tensor, _ skips: [Tensor], embedding: Tensor, _ pass: Pass, keeping: Keeping
  ) -> (Tensor, [StageActivations]) {
    var h = x
    var all: [StageActivations] = []
    for (i, stage) in stages.enumerated() {
      let joined = join(h, skips[i], pass)
      if i > 0 || keeping != .inputs { pass.arena.recycle(h) }
      if keeping == .nothing { pass.arena.recycle(skips[i]) }
      let (y, saved) = stage.forward(joined, embedding: embedding, pass, keeping: keeping)
      if keeping == .activations, let saved {
        all.append(StageActivations(joined: joined, saved: saved))
      } else {
        pass.arena.recycle(joined)
      }
      h = y
    }
    return (h, all)
  }

  /// Twice as high and wide; takes h over.
  private func enlarge(_ h: Tensor, _ pass: Pass) -> Tensor {
    let s = h.shape
    let enlarged = pass.arena.take(Shape(s.n, 2 * s.h, 2 * s.w, s.c))
    upsample(h, into: enlarged)
    pass.arena.recycle(h)
    return enlarged
  }

  /// Takes dy over; returns dx, and appends the gradient of each skip it took to `skipGradients`.
  func backward(
    _ dy: Tensor, _ saved: Activations, embedding: Tensor, embeddingGradient: Tensor,
    skipGradients: inout [Tensor], _ pass: Pass
  ) -> Tensor {
    let (saved, enlarged) = everything(saved, embedding: embedding, pass)
    var gradient = dy
    if let upsampler, let enlarged {
      let large = upsampler.backward(gradient, x: enlarged, pass)
      pass.arena.recycle(gradient)
      pass.arena.recycle(enlarged)
      let s = large.shape
      gradient = pass.arena.take(Shape(s.n, s.h / 2, s.w / 2, s.c))
      upsampleBackward(large, into: gradient)
      pass.arena.recycle(large)
    }
    var skips: [Tensor] = []
    for (i, stage) in stages.enumerated().reversed() {
      let both = stage.backward(
        gradient, saved[i].saved, embedding: embedding, embeddingGradient: embeddingGradient, pass)
      pass.arena.recycle(saved[i].joined)
      let (h, skip) = split(both, at: inputs[i], pass)
      pass.arena.recycle(both)
      skips.append(skip)
      gradient = h
    }
    // Skips were taken newest first, and so the gradients come out oldest first.
    skipGradients.append(contentsOf: skips)
    return gradient
  }

  /// What the backward pass needs, made again where only inputs were kept.
  private func everything(
    _ saved: Activations, embedding: Tensor, _ pass: Pass
  ) -> (stages: [StageActivations], enlarged: Tensor?) {
    switch saved {
    case .all(let stages, let enlarged): return (stages, enlarged)
    case .inputs(let x, let skips):
      let (h, stages) = walk(x, skips, embedding: embedding, pass, keeping: .activations)
      if upsampler != nil { return (stages, enlarge(h, pass)) }
      pass.arena.recycle(h)
      return (stages, nil)
    }
  }

  /// [h, skip] along the channels.
  private func join(_ h: Tensor, _ skip: Tensor, _ pass: Pass) -> Tensor {
    let s = h.shape
    let joined = pass.arena.take(Shape(s.n, s.h, s.w, s.c + skip.shape.c))
    let rows = 0..<s.rows
    copy(h.matrix, into: joined.matrix.block(rows: rows, columns: 0..<s.c))
    copy(skip.matrix, into: joined.matrix.block(rows: rows, columns: s.c..<joined.shape.c))
    return joined
  }

  private func split(_ joined: Tensor, at channel: Int, _ pass: Pass) -> (Tensor, Tensor) {
    let s = joined.shape
    let h = pass.arena.take(Shape(s.n, s.h, s.w, channel))
    let skip = pass.arena.take(Shape(s.n, s.h, s.w, s.c - channel))
    let rows = 0..<s.rows
    copy(joined.matrix.block(rows: rows, columns: 0..<channel), into: h.matrix)
    copy(joined.matrix.block(rows: rows, columns: channel..<s.c), into: skip.matrix)
    return (h, skip)
  }
}
