internal import ModelConfig
internal import TensorCore

/// `UNetMidBlock2D`: a resnet block, attention, a resnet block, at the lowest resolution.
struct MidBlock {
  private let first: Stage
  private let second: Stage

  struct Activations {
    let first: Stage.Activations
    let second: Stage.Activations
    /// Between the two.
    let middle: Tensor
  }

  init(channels: Int, embedding: Int, _ config: UNetConfig, _ p: inout ParameterLayout) {
    func resnet(_ i: Int, _ p: inout ParameterLayout) -> ResnetBlock {
      ResnetBlock(
        "mid_block.resnets.\(i)", inputs: channels, outputs: channels, embedding: embedding,
        scaleFactor: config.midBlockScaleFactor, config, &p)
    }
    let attention =
      config.addAttention
      ? AttentionBlock(
        "mid_block.attentions.0", channels: channels,
        normalized: config.resnetTimeScaleShift == .default,
        scaleFactor: config.midBlockScaleFactor, config, &p)
      : nil
    first = Stage(resnet(0, &p), attention)
    second = Stage(resnet(1, &p), nil)
  }

  /// What a forward pass of so many pixels costs.
  func operations(pixels: Int) -> OperationCount {
    first.operations(pixels: pixels) + second.operations(pixels: pixels)
  }

  /// x: N×H×W×C; returns the same shape, with what the backward pass needs.
  func forward(_ x: Tensor, embedding: Tensor, _ pass: Pass, keeping: Keeping) -> (
    Tensor, Activations?
  ) {
    let (middle, firstSaved) = first.forward(x, embedding: embedding, pass, keeping: keeping)
    let (y, secondSaved) = second.forward(middle, embedding: embedding, pass, keeping: keeping)
    guard let firstSaved, let secondSaved else {
      pass.arena.recycle(middle)
      return (y, nil)
    }
    return (y, Activations(first: firstSaved, second: secondSaved, middle: middle))
  }

  /// Takes dy over and returns dx.
  func backward(
    _ dy: Tensor, _ saved: Activations, embedding: Tensor, embeddingGradient: Tensor, _ pass: Pass
  ) -> Tensor {
    let gradient = second.backward(
      dy, saved.second, embedding: embedding, embeddingGradient: embeddingGradient, pass)
    pass.arena.recycle(saved.middle)
    return first.backward(
      gradient, saved.first, embedding: embedding, embeddingGradient: embeddingGradient, pass)
  }
}
