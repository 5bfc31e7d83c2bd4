internal import ModelConfig
internal import TensorCore

/// `DownBlock2D` and `AttnDownBlock2D`: stages at one resolution, each leaving a skip connection,
/// then a convolution with stride 2 that leaves one more.
struct DownBlock {
  private let stages: [Stage]
  private let downsampler: Convolution?

  struct Activations {
    let stages: [Stage.Activations]
    /// The downsampler's input.
    let last: Tensor
  }

  init(
    _ name: String, inputs: Int, outputs: Int, embedding: Int, attention: Bool, downsampling: Bool,
    _ config: UNetConfig, _ p: inout ParameterLayout
  ) {
    stages = (0..<config.layersPerBlock).map { i in
      let resnet = ResnetBlock(
        "\(name).resnets.\(i)", inputs: i == 0 ? inputs : outputs, outputs: outputs,
        embedding: embedding, config, &p)
      return Stage(
        resnet,
        attention
          ? AttentionBlock("\(name).attentions.\(i)", channels: outputs, config, &p) : nil)
    }
    downsampler =
      downsampling
      ? Convolution(
        name + ".downsamplers.0.conv", inputs: outputs, outputs: outputs,
        ConvolutionGeometry(
          kernel: 3, stride: 2, paddingBefore: config.downsamplePadding, paddingAfter: 1), &p)
      : nil
  }

  /// What a forward pass costs; `pixels` of the input.
  func operations(pixels: Int) -> OperationCount {
    .sum(stages.map { $0.operations(pixels: pixels) })
      + (downsampler?.operations(pixels: pixels / 4) ?? OperationCount())
  }

  /// x: N×H×W×I; appends its outputs to `skips`, the last of which is the block's.
  func forward(
    _ x: Tensor, embedding: Tensor, skips: inout [Tensor], _ pass: Pass, keeping: Keeping
  ) -> Activations {
    var h = x
    var saved: [Stage.Activations] = []
    for stage in stages {
      let (y, stageSaved) = stage.forward(h, embedding: embedding, pass, keeping: keeping)
      if let stageSaved { saved.append(stageSaved) }
      skips.append(y)
      h = y
    }
    if let downsampler { skips.append(downsampler.forward(h, pass)) }
    return Activations(stages: saved, last: h)
  }

  /// Takes over dy and one gradient of `skipGradients` for each skip that the block left; returns
  /// dx.
  func backward(
    _ dy: Tensor, _ saved: Activations, embedding: Tensor, embeddingGradient: Tensor,
    skipGradients: inout [Tensor], _ pass: Pass
  ) -> Tensor {
    var gradient = sum(dy, skipGradients.removeLast(), pass)
    if let downsampler {
      let dh = downsampler.backward(gradient, x: saved.last, pass)
      pass.arena.recycle(gradient)
      gradient = sum(dh, skipGradients.removeLast(), pass)
    }
    for (i, stage) in stages.enumerated().reversed() {
      gradient = stage.backward(
        gradient, saved.stages[i], embedding: embedding, embeddingGradient: embeddingGradient, pass)
      if i > 0 { gradient = sum(gradient, skipGradients.removeLast(), pass) }
    }
    return gradient
  }

  /// Takes both over and returns their sum.
  private func sum(_ a: Tensor, _ b: Tensor, _ pass: Pass) -> Tensor {
    add(a, into: b)
    pass.arena.recycle(a)
    return b
  }
}
