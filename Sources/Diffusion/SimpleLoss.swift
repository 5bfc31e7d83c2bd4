public import TensorCore

/// L_simple of Ho et al. (2020), equation 14: the mean over all elements of (ε − ε_θ)².
///
/// A batch may be evaluated in parts: each part adds its own terms over the whole batch's number of
/// elements, so that the parts' losses and gradients simply add up.
public struct SimpleLoss: Equatable, Sendable {
  /// Elements of the whole batch: N·H·W·C.
  public let elements: Int

  /// The loss over a batch of `elements` numbers.
  public init(elements: Int) {
    precondition(elements > 0, "a batch is not empty")
    self.elements = elements
  }

  /// This part's share of the loss, accumulated in Double.
  public func value(prediction: Tensor, noise: Tensor) -> Double {
    sumOfSquaredDifferences(prediction, noise) / Double(elements)
  }

  /// ∂L/∂ε_θ = 2(ε_θ − ε)/elements for this part.
  public func gradient(prediction: Tensor, noise: Tensor, into gradient: Tensor) {
    let factor = Float(2 / Double(elements))
    combine(factor, prediction, -factor, noise, into: gradient)
  }
}
