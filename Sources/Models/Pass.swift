internal import TensorCore

/// Names the dropout masks of one training step: they are drawn from (seed, step, image).
public struct DropoutNoise: Sendable {
  let seed: UInt64
  let step: UInt32
  let firstImage: UInt32

  /// - firstImage: the place in the whole batch of the first image of this pass.
  public init(seed: UInt64, step: UInt32, firstImage: UInt32) {
    self.seed = seed
    self.step = step
    self.firstImage = firstImage
  }
}

/// What a forward pass leaves for a backward one.
enum Keeping {
  /// No backward pass follows.
  case nothing
  /// What a block is given; the backward pass walks through the block again.
  case inputs
  /// All that the backward pass needs.
  case activations
}

/// What one thread's walk through the network works with. Layers take temporary tensors from the
/// arena and recycle them; what a layer returns belongs to its caller.
struct Pass {
  /// Flat, in the layout of the network.
  let weights: Tensor
  /// Flat; backward passes add into it. Nil in a pass without a backward one.
  let gradients: Tensor?
  let arena: Arena
  /// Nil drops nothing.
  let dropout: DropoutNoise?
  /// Nil measures nothing.
  let profile: Profile?

  func weight(_ parameter: Parameter) -> Tensor { parameter.view(in: weights) }

  /// Runs a layer's work, and measures it where that is asked for.
  func run<Result>(
    _ kind: Operation.Kind, _ direction: Operation.Direction, _ input: Shape, outputs: Int,
    _ body: () -> Result
  ) -> Result {
    guard let profile else { return body() }
    return profile.measure(
      Operation(kind: kind, direction: direction, input: input, outputs: outputs), body)
  }

  func gradient(_ parameter: Parameter) -> Tensor {
    guard let gradients else { preconditionFailure("a backward pass needs gradients") }
    return parameter.view(in: gradients)
  }
}
