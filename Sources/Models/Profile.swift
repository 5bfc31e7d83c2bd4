public import TensorCore

/// A layer's work on one pass's images: what it does, and on which shapes.
public struct Operation: Hashable, Sendable {
  /// What a layer does.
  public enum Kind: Hashable, Sendable {
    case convolution(ConvolutionGeometry)
    /// A linear layer, or a 1×1 convolution.
    case linear
    case groupNorm
    /// Softmax attention, without its projections.
    case attention(headDim: Int)
  }

  /// The part of a training step that it belongs to.
  public enum Direction: Hashable, Sendable {
    case forward
    case inputGradient
    case weightGradient
    /// Both gradients, where one computation gives them.
    case backward
  }

  /// What the layer does.
  public let kind: Kind
  /// Forward or backward.
  public let direction: Direction
  /// N×H×W×I, the layer's input.
  public let input: Shape
  /// O, the channels of its output.
  public let outputs: Int
}

/// How long each operation of a network took, all passes on one thread together.
@safe public final class Profile {
  /// Calls and seconds of each operation.
  public private(set) var entries: [Operation: (calls: Int, seconds: Double)] = [:]

  /// A profile of nothing yet.
  public init() {}

  func measure<Result>(_ operation: Operation, _ body: () -> Result) -> Result {
    let clock = ContinuousClock()
    let start = clock.now
    let result = body()
    let entry = entries[operation] ?? (0, 0)
    entries[operation] = (entry.calls + 1, entry.seconds + (clock.now - start) / .seconds(1))
    return result
  }
}
