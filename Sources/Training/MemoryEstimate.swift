/// How much memory work with a network takes: flat buffers over its parameters, which are certain,
/// and the activations of the passes under way, which are known nearly.

import Diffusion
public import Models

/// Bytes of memory beside data set and program.
public struct MemoryEstimate: Equatable, Sendable {
  /// In flat buffers over the parameters.
  public let parameterBytes: Int
  /// In activations, one pass for each thread.
  public let activationBytes: Int

  /// Both.
  public var bytes: Int { parameterBytes + activationBytes }

  /// Training `unet` by `recipe`.
  ///
  /// - recomputing: as the trainer's `recomputesActivations`.
  public init(
    training unet: UNet, _ recipe: TrainingRecipe, recomputing: Bool = false, threads: Int
  ) {
    let buffers = Self.trainingBuffers(averaging: recipe.average != nil, shards: recipe.shards)
    parameterBytes = buffers * unet.parameterBytes
    activationBytes =
      min(threads, recipe.shards) * recipe.imagesInAPass(of: unet)
      * unet.activationBytes(recomputing: recomputing)
  }

  /// Drawing so many images at once with `unet`.
  public init(sampling unet: UNet, images: Int, threads: Int) {
    let group = min(SamplingBatch.largestGroup, (images + threads - 1) / threads)
    parameterBytes = unet.parameterBytes
    activationBytes = min(threads, images) * group * unet.predictionBytes
  }

  /// Flat buffers that training takes: weights, two moments, the average, and a copy of these four
  /// for the checkpoint under way; and a gradient for each shard.
  public static func trainingBuffers(averaging: Bool, shards: Int) -> Int {
    2 * (averaging ? 4 : 3) + shards
  }
}

extension UNet {
  fileprivate var parameterBytes: Int { layout.count * MemoryLayout<Float>.size }
}
