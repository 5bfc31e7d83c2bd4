/// Floating-point operations of a forward pass for one image, computed as the layers' definitions
/// say: a multiplication and an addition for each product. Norms, activations and sums are left out.
public struct OperationCount: Equatable, Sendable {
  /// In convolutions and linear layers.
  public var layers = 0
  /// In attention's products of pixels with pixels, which grow with the square of their number.
  public var attention = 0

  /// All of them.
  public var total: Int { layers + attention }

  static func + (a: OperationCount, b: OperationCount) -> OperationCount {
    OperationCount(layers: a.layers + b.layers, attention: a.attention + b.attention)
  }

  static func sum(_ counts: [OperationCount]) -> OperationCount {
    counts.reduce(OperationCount(), +)
  }
}
