import Diffusion
import TensorCore

/// Hides the class of some images of a step behind the null class, so that one network learns the
/// conditional and the unconditional model: Ho & Salimans (2022), "Classifier-Free Diffusion
/// Guidance", algorithm 1.
public struct LabelDropout: Equatable, Sendable {
  /// Of an image, to be hidden.
  public var probability: Double
  /// What stands for a hidden class.
  public var nullClass: Int

  /// - probability: 0 ..< 1.
  public init(probability: Double, nullClass: Int) {
    precondition((0..<1).contains(probability), "a probability of dropout is in [0, 1)")
    self.probability = probability
    self.nullClass = nullClass
  }

  /// What the network is told of image `image` of a batch in step `step`, counted from 0.
  func label(_ label: Int, seed: UInt64, step: UInt32, image: Int) -> Int {
    let random = Philox(seed: seed, stream: RandomStream.labelDropout.rawValue)
    let word = random.words(count: 1, step: step, image: UInt32(image))[0]
    return Double(word) < probability * 0x1p32 ? nullClass : label
  }
}
