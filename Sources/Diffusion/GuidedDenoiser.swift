/// Classifier-free guidance: Ho & Salimans (2022), "Classifier-Free Diffusion Guidance".

internal import Synchronization
public import TensorCore

/// How far samples are driven towards their class.
public struct Guidance: Equatable, Sendable {
  /// s: 1 is the conditional model as it is, 0 the unconditional one; more is more typical of the
  /// class and less varied.
  public var scale: Double
  /// φ of Lin et al. (2023), "Common Diffusion Noise Schedules and Sample Steps are Flawed": how much
  /// of the contrast that guidance adds is taken away again, 0 … 1.
  public var rescale: Double
  /// The class that stands for none.
  public var nullClass: Int

  /// Guidance of a network that knows `nullClass`.
  public init(scale: Double, rescale: Double = 0, nullClass: Int) {
    precondition((0...1).contains(rescale), "φ lies in 0 … 1")
    self.scale = scale
    self.rescale = rescale
    self.nullClass = nullClass
  }
}

/// A class-conditional denoiser under guidance: ε = ε_u + s(ε_c − ε_u) with the predictions ε_c for
/// the image's class and ε_u for the null class, which one call of the network makes together. Then,
/// by Lin et al., equations 15 and 16, ε is multiplied by φ·σ(ε_c)/σ(ε) + 1 − φ, with standard
/// deviations over an image's elements.
///
/// What the network predicts is guided, whatever that is; a learned variance is that of the class.
/// An image's bits do not depend on the others in its call.
public final class GuidedDenoiser: Denoiser {
  private let denoiser: any Denoiser
  private let guidance: Guidance
  private let arena = Mutex(Arena())

  /// - denoiser: of a network that knows the null class; used by the guided one's thread alone.
  public init(_ denoiser: any Denoiser, _ guidance: Guidance) {
    self.denoiser = denoiser
    self.guidance = guidance
  }

  /// The guided prediction; see `Denoiser`. `labels` are needed.
  public func predict(_ x: Tensor, timesteps: [Int], labels: [Int]?, into output: Tensor) {
    guard let labels else { preconditionFailure("guidance is towards a class") }
    let images = labels.count
    func twice(_ shape: Shape) -> Shape { Shape(2 * shape.n, shape.h, shape.w, shape.c) }
    arena.withLock { arena in
      arena.scope("guidance") {
        let pairs = arena.take(twice(x.shape))
        copy(x, into: pairs.images(0..<images))
        copy(x, into: pairs.images(images..<2 * images))
        let predictions = arena.take(twice(output.shape))
        denoiser.predict(
          pairs, timesteps: timesteps + timesteps,
          labels: labels + Array(repeating: guidance.nullClass, count: images), into: predictions)
        for image in 0..<images {
          guide(
            predictions.images(image..<image + 1),
            unconditional: predictions.images(images + image..<images + image + 1),
            channels: x.shape.c, into: output.images(image..<image + 1))
        }
      }
    }
  }

  /// One image; `channels` of each pixel are the prediction, what follows them its variance.
  private func guide(
    _ conditional: Tensor, unconditional: Tensor, channels: Int, into output: Tensor
  ) {
    copy(conditional, into: output)
    let (guided, null) = unsafe (output.elements, unconditional.elements)
    let scale = Float(guidance.scale)
    forEachElement(of: output, channels) { i in
      unsafe guided[i] = null[i] + scale * (guided[i] - null[i])
    }
    guard guidance.rescale > 0 else { return }
    let (wanted, found) = (deviation(conditional, channels), deviation(output, channels))
    guard found > 0 else { return }
    let factor = Float(guidance.rescale * wanted / found + 1 - guidance.rescale)
    forEachElement(of: output, channels) { i in unsafe guided[i] *= factor }
  }
}

/// Calls `body` with the index of each element in the first `channels` of a pixel.
private func forEachElement(of x: Tensor, _ channels: Int, _ body: (Int) -> Void) {
  for pixel in stride(from: 0, to: x.count, by: x.shape.c) {
    for i in pixel..<pixel + channels { body(i) }
  }
}

/// The standard deviation of these elements.
private func deviation(_ x: Tensor, _ channels: Int) -> Double {
  var (sum, squares) = (0.0, 0.0)
  forEachElement(of: x, channels) { i in
    let value = unsafe Double(x.elements[i])
    sum += value
    squares += value * value
  }
  let count = Double(x.count / x.shape.c * channels)
  return max(0, squares / count - sum / count * (sum / count)).squareRoot()
}
