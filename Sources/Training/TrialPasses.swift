import ModelConfig
public import Models
import TensorCore

/// A network and images of zeros, to be walked through on one thread for the time that it takes,
/// which does not depend on the numbers.
public struct TrialPasses {
  private let unet: UNet
  private let weights: FloatBuffer
  private let gradients: FloatBuffer
  private let x: FloatBuffer
  private let output: FloatBuffer
  private let images: Int
  private let arena = Arena()

  /// Passes of so many images.
  public init(_ unet: UNet, images: Int) {
    let config = unet.config
    let pixels = images * config.sampleSize * config.sampleSize
    self.unet = unet
    self.images = images
    weights = FloatBuffer(count: unet.layout.count)
    gradients = FloatBuffer(count: unet.layout.count)
    x = FloatBuffer(count: pixels * config.inChannels)
    output = FloatBuffer(count: pixels * config.outChannels)
  }

  /// One forward pass.
  public func predict(_ profile: Profile? = nil) {
    unet.predict(
      input, timesteps: timesteps, labels: labels, weights: weights.all, arena: arena,
      into: output.tensor(at: 0, shape(unet.config.outChannels)), profile: profile)
  }

  /// One forward and one backward pass.
  ///
  /// - recomputing: as in `UNet.train`.
  public func train(_ profile: Profile? = nil, recomputing: Bool = false) {
    unet.train(
      input, timesteps: timesteps, labels: labels, weights: weights.all,
      gradients: gradients.all, arena: arena, dropout: nil, recomputing: recomputing,
      profile: profile
    ) { output, gradient in copy(output, into: gradient) }
  }

  private var input: Tensor { x.tensor(at: 0, shape(unet.config.inChannels)) }
  private var timesteps: [Int] { Array(repeating: 0, count: images) }
  private var labels: [Int]? {
    unet.config.numClassEmbeds.map { _ in Array(repeating: 0, count: images) }
  }

  private func shape(_ channels: Int) -> Shape {
    Shape(images, unet.config.sampleSize, unet.config.sampleSize, channels)
  }
}
