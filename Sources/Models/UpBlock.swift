internal import ModelConfig
internal import TensorCore

/// `UpBlock2D` and `AttnUpBlock2D`: stages at one resolution, each on [h, the newest skip], then
/// nearest-neighbour enlargement and a convolution.
struct UpBlock {
  private let stages: [Stage]
  /// Channels of h before each stage; the rest of its input is the skip.
  private let inputs: [Int]
  private let upsampler: Convolution?

  struct Activations {
    let stages: [Stage.Activations]
    /// Each stage's input.
    let joined: [Tensor]
    /// The upsampler's input, enlarged.
    let enlarged: Tensor?
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
    _ x: Tensor, embedding: Tensor, skips: inout [Tensor], _ pass: Pass, keeping: Bool
  ) -> (Tensor, Activations) {
    var h = x
    var saved: [Stage.Activations] = []
    var joined: [Tensor] = []
    for stage in stages {
      let skip = skips.removeLast()
      let input = join(h, skip, pass)
      pass.arena.recycle(h)
      if !keeping { pass.arena.recycle(skip) }
      let (y, stageSaved) = stage.forward(input, embedding: embedding, pass, keeping: keeping)
      if let stageSaved {
        saved.append(stageSaved)
        joined.append(input)
      } else {
        pass.arena.recycle(input)
      }
      h = y
    }
    guard let upsampler else {
      return (h, Activations(stages: saved, joined: joined, enlarged: nil))
    }
    let s = h.shape
    let enlarged = pass.arena.take(Shape(s.n, 2 * s.h, 2 * s.w, s.c))
    upsample(h, into: enlarged)
    pass.arena.recycle(h)
    let y = upsampler.forward(enlarged, pass)
    return (y, Activations(stages: saved, joined: joined, enlarged: enlarged))
  }

  /// Takes dy over; returns dx, and appends the gradient of each skip it took to `skipGradients`.
  func backward(
    _ dy: Tensor, _ saved: Activations, embedding: Tensor, embeddingGradient: Tensor,
    skipGradients: inout [Tensor], _ pass: Pass
  ) -> Tensor {
    var gradient = dy
    if let upsampler, let enlarged = saved.enlarged {
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
        gradient, saved.stages[i], embedding: embedding, embeddingGradient: embeddingGradient, pass)
      pass.arena.recycle(saved.joined[i])
      let (h, skip) = split(both, at: inputs[i], pass)
      pass.arena.recycle(both)
      skips.append(skip)
      gradient = h
    }
    // Skips were taken newest first, and so the gradients come out oldest first.
    skipGradients.append(contentsOf: skips)
    return gradient
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
