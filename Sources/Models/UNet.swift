public import ModelConfig
public import TensorCore

/// The U-Net of diffusers' `UNet2DModel`, forward and backward, on one thread and with weights that
/// belong to the caller: any number of threads may share one network.
///
/// The walk: conv_in; down blocks, leaving skip connections; the mid block; up blocks, taking the
/// skips in reverse; norm, SiLU, conv_out. The embedded timestep, plus the embedded class in a
/// class-conditional network, enters every resnet block.
public struct UNet: Sendable {
  /// The architecture.
  public let config: UNetConfig
  /// Where each parameter is in a flat buffer.
  public let layout: ParameterLayout

  private let timeEmbedding: TimestepEmbedding
  private let classEmbedding: ClassEmbedding?
  private let convIn: Convolution
  private let downBlocks: [DownBlock]
  private let midBlock: MidBlock
  private let upBlocks: [UpBlock]
  private let normOut: GroupNormalization
  private let convOut: Convolution

  /// Lays out the network that `config`, already validated, describes.
  public init(_ config: UNetConfig) {
    self.config = config
    var layout = ParameterLayout()
    let channels = config.blockOutChannels
    convIn = Convolution(
      "conv_in", inputs: config.inChannels, outputs: channels[0], .same3x3, &layout)
    timeEmbedding = TimestepEmbedding(config, &layout)
    let embedding = timeEmbedding.outputs
    classEmbedding = config.numClassEmbeds.map {
      ClassEmbedding(classes: $0, channels: embedding, &layout)
    }

    var downBlocks: [DownBlock] = []
    for (i, type) in config.downBlockTypes.enumerated() {
      downBlocks.append(
        DownBlock(
          "down_blocks.\(i)", inputs: channels[max(i - 1, 0)], outputs: channels[i],
          embedding: embedding, attention: type == .attentionDown,
          downsampling: i < channels.count - 1, config, &layout))
    }
    self.downBlocks = downBlocks

    let reversed = Array(channels.reversed())
    midBlock = MidBlock(channels: reversed[0], embedding: embedding, config, &layout)

    var upBlocks: [UpBlock] = []
    for (i, type) in config.upBlockTypes.enumerated() {
      // The last stage of a block takes the skip that the block before, on the way down, left.
      let oldest = reversed[min(i + 1, channels.count - 1)]
      let skips = Array(repeating: reversed[i], count: config.layersPerBlock) + [oldest]
      upBlocks.append(
        UpBlock(
          "up_blocks.\(i)", previous: reversed[max(i - 1, 0)], outputs: reversed[i], skips: skips,
          embedding: embedding, attention: type == .attentionUp,
          upsampling: i < channels.count - 1, config, &layout))
    }
    self.upBlocks = upBlocks

    normOut = GroupNormalization(
      "conv_norm_out", channels: channels[0], groups: config.normNumGroups,
      epsilon: config.normEps, silu: true, &layout)
    convOut = Convolution(
      "conv_out", inputs: channels[0], outputs: config.outChannels, .same3x3, &layout)
    self.layout = layout
  }

  /// Draws a new network's weights, from PyTorch's default distributions, into a flat buffer.
  public func initialize(_ weights: Tensor, seed: UInt64) {
    layout.initialize(weights, seed: seed)
  }

  /// What `predict` costs for one image; a training step costs three times as much.
  public var operations: OperationCount {
    func pixels(_ level: Int) -> Int { (config.sampleSize >> level) * (config.sampleSize >> level) }
    let last = downBlocks.count - 1
    return .sum(
      [timeEmbedding.operations, midBlock.operations(pixels: pixels(last))]
        + [convIn, convOut].map { $0.operations(pixels: pixels(0)) }
        + downBlocks.enumerated().map { $1.operations(pixels: pixels($0)) }
        + upBlocks.enumerated().map { $1.operations(pixels: pixels(last - $0)) })
  }

  /// ε_θ(x, t) without dropout.
  ///
  /// - x: N×S×S×C; timesteps: N values counted from 0; weights: flat; output: N×S×S×C_out.
  /// - labels: N classes, nil for a network without classes.
  /// - profile: receives each operation's time, if given.
  public func predict(
    _ x: Tensor, timesteps: [Int], labels: [Int]? = nil, weights: Tensor, arena: Arena,
    into output: Tensor, profile: Profile? = nil
  ) {
    let pass = Pass(
      weights: weights, gradients: nil, arena: arena, dropout: nil, profile: profile)
    arena.scope("predict") {
      copy(forward(x, timesteps, labels, pass, keeping: .nothing).output, into: output)
    }
  }

  /// One training pass: forward, the loss's gradient from `lossGradient`, backward.
  ///
  /// - x: N×S×S×C; timesteps: N values counted from 0; weights: flat.
  /// - labels: N classes, nil for a network without classes.
  /// - gradients: flat; those of this pass are added.
  /// - dropout: names the masks; nil drops nothing.
  /// - recomputing: keeps the blocks' inputs only and walks through a block again on the way back:
  ///   the same bits, with less memory and more time.
  /// - profile: receives each operation's time, if given.
  /// - lossGradient: given the output, N×S×S×C_out, fills the gradient of the loss, same shape.
  public func train(
    _ x: Tensor, timesteps: [Int], labels: [Int]? = nil, weights: Tensor, gradients: Tensor,
    arena: Arena, dropout: DropoutNoise?, recomputing: Bool = false, profile: Profile? = nil,
    lossGradient: (_ output: Tensor, _ gradient: Tensor) -> Void
  ) {
    let pass = Pass(
      weights: weights, gradients: gradients, arena: arena, dropout: dropout, profile: profile)
    arena.scope("train") {
      let (output, saved) = forward(
        x, timesteps, labels, pass, keeping: recomputing ? .inputs : .activations)
      guard let saved else { return }
      let gradient = arena.take(output.shape)
      lossGradient(output, gradient)
      backward(gradient, saved, labels, pass)
    }
  }

  /// Behind a block whose activations are not kept: the next one's have other sizes.
  private func trim(_ pass: Pass, _ keeping: Keeping) {
    if keeping == .inputs { pass.arena.trim() }
  }

  private struct Activations {
    let keeping: Keeping
    let x: Tensor
    let time: TimestepEmbedding.Activations
    /// The embedding of timestep and class before and after SiLU.
    let embedding: Tensor
    let activatedEmbedding: Tensor
    let down: [DownBlock.Activations]
    let mid: MidBlock.Activations
    let up: [UpBlock.Activations]
    /// normOut's input, its statistics, and convOut's input.
    let last: Tensor
    let norm: GroupNormalization.Activations
    let normalized: Tensor
  }

  private func forward(
    _ input: Tensor, _ timesteps: [Int], _ labels: [Int]?, _ pass: Pass, keeping: Keeping
  ) -> (output: Tensor, Activations?) {
    let size = config.sampleSize
    precondition(
      input.shape == Shape(timesteps.count, size, size, config.inChannels),
      "the input does not fit the network")
    precondition(
      (labels != nil) == (classEmbedding != nil),
      "labels are for class-conditional networks, and needed there")
    precondition(pass.weights.count == layout.count, "the weights do not fit the network")

    let x = centered(input, pass)
    let (embedding, timeSaved) = timeEmbedding.forward(timesteps, pass)
    if let labels { classEmbedding?.add(labels, into: embedding, pass) }
    let activated = pass.arena.take(embedding.shape)
    silu(embedding, into: activated)

    var skips = [convIn.forward(x, pass)]
    var downSaved: [DownBlock.Activations] = []
    for block in downBlocks {
      downSaved.append(
        block.forward(
          skips[skips.count - 1], embedding: activated, skips: &skips, pass, keeping: keeping))
      trim(pass, keeping)
    }
    var (h, midSaved) = midBlock.forward(
      skips[skips.count - 1], embedding: activated, pass, keeping: keeping)
    var upSaved: [UpBlock.Activations] = []
    for block in upBlocks {
      let (y, saved) = block.forward(
        h, embedding: activated, skips: &skips, pass, keeping: keeping)
      if let saved { upSaved.append(saved) }
      trim(pass, keeping)
      h = y
    }
    precondition(skips.isEmpty, "up blocks take every skip")
    let (normalized, normSaved) = normOut.forward(h, pass)
    let output = convOut.forward(normalized, pass)
    guard let midSaved else { return (output, nil) }
    return (
      output,
      Activations(
        keeping: keeping, x: x, time: timeSaved, embedding: embedding,
        activatedEmbedding: activated,
        down: downSaved, mid: midSaved, up: upSaved, last: h, norm: normSaved,
        normalized: normalized)
    )
  }

  /// Takes `outputGradient` over.
  private func backward(
    _ outputGradient: Tensor, _ saved: Activations, _ labels: [Int]?, _ pass: Pass
  ) {
    let embedding = saved.activatedEmbedding
    let embeddingGradient = pass.arena.take(embedding.shape)
    fill(embeddingGradient, with: 0)

    var gradient = convOut.backward(outputGradient, x: saved.normalized, pass)
    pass.arena.recycle(saved.normalized)
    normOut.backward(gradient, x: saved.last, saved.norm, pass)
    pass.arena.recycle(saved.last)

    var skipGradients: [Tensor] = []
    for (block, blockSaved) in zip(upBlocks, saved.up).reversed() {
      gradient = block.backward(
        gradient, blockSaved, embedding: embedding, embeddingGradient: embeddingGradient,
        skipGradients: &skipGradients, pass)
      trim(pass, saved.keeping)
    }
    gradient = midBlock.backward(
      gradient, saved.mid, embedding: embedding, embeddingGradient: embeddingGradient, pass)
    for (block, blockSaved) in zip(downBlocks, saved.down).reversed() {
      gradient = block.backward(
        gradient, blockSaved, embedding: embedding, embeddingGradient: embeddingGradient,
        skipGradients: &skipGradients, pass)
      trim(pass, saved.keeping)
    }
    add(skipGradients.removeLast(), into: gradient)
    precondition(skipGradients.isEmpty, "down blocks take every skip's gradient")
    convIn.backwardParameters(gradient, x: saved.x, pass)

    siluBackward(saved.embedding, embeddingGradient, into: embeddingGradient)
    if let labels { classEmbedding?.backward(embeddingGradient, labels: labels, pass) }
    timeEmbedding.backward(embeddingGradient, saved.time, pass)
  }

  private func centered(_ x: Tensor, _ pass: Pass) -> Tensor {
    guard config.centerInputSample else { return x }
    let y = pass.arena.take(x.shape)
    fill(y, with: 1)
    combine(2, x, -1, y, into: y)
    return y
  }
}
