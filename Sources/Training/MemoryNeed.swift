/// Whether work with a network can fit into memory at all, asked before any of it is taken: an
/// allocation that fails ends the process, and would end it again in every later run.
///
/// Only what is certainly needed is counted, flat buffers over the network's parameters;
/// activations and images come on top (`MemoryEstimate`). Swap space is not memory: every step
/// walks over all of it.

public import Models

/// The least memory that work with a network takes.
public struct MemoryNeed {
  /// What the network is used for, with the fields that decide how much that takes.
  private enum Use {
    case training(shards: Int)
    case sampling
    case evaluating
  }

  private let use: Use
  private let parameters: Int
  private let bytes: Double

  /// Training `unet`.
  public init(training unet: UNet, averaging: Bool, shards: Int) {
    self.init(
      .training(shards: shards), unet,
      buffers: MemoryEstimate.trainingBuffers(averaging: averaging, shards: shards))
  }

  /// Drawing samples with `unet`: its weights.
  public init(sampling unet: UNet) { self.init(.sampling, unet, buffers: 1) }

  /// Evaluating so many sets of weights of `unet`.
  public init(evaluating unet: UNet, models: Int) {
    self.init(.evaluating, unet, buffers: models)
  }

  private init(_ use: Use, _ unet: UNet, buffers: Int) {
    self.use = use
    parameters = unet.layout.count
    bytes = Double(parameters) * Double(buffers * MemoryLayout<Float>.size)
  }

  /// Why it cannot fit, in a sentence that ends in what to do about it; nil if it may.
  public func refusal(by limit: MemoryLimit) -> String? {
    guard bytes > limit.bytes else { return nil }
    let network =
      "the network has \(parameters) parameters and needs at least \(MemoryLimit.text(bytes))"
    let (purpose, remedy) =
      switch use {
      case .training(let shards):
        (
          "to be trained",
          "lower $.unet.block_out_channels"
            + (shards > 1 ? " or $.training.shards, which is \(shards)" : "")
        )
      case .sampling: ("to draw samples", "draw them on a larger machine")
      case .evaluating: ("to be evaluated", "evaluate one of $.weights, or on a larger machine")
      }
    return "\(network) of memory \(purpose), and \(limit); "
      + (limit.isOwn ? "raise $.queue.memory_limit, or " : "") + remedy
  }
}
