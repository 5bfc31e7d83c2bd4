/// Mean and variance of numbers that come one after the other (Welford 1962), in Double. The bits
/// depend on the numbers and their order only.
public struct Moments: Equatable, Sendable {
  /// How many numbers.
  public private(set) var count = 0
  /// Their mean; 0 of none.
  public private(set) var mean = 0.0
  /// The sum of their squared distances from the mean.
  public private(set) var squares = 0.0

  /// Of no numbers.
  public init() {}

  /// All of it, to be stored exactly.
  public var stored: [Double] { [Double(count), mean, squares] }

  /// Of numbers whose moments were `stored`; nil for what was not.
  public init?(stored: [Double]) {
    guard stored.count == 3 else { return nil }
    (count, mean, squares) = (Int(stored[0]), stored[1], stored[2])
  }

  /// Takes in one more number.
  public mutating func add(_ number: Double) {
    count += 1
    let distance = number - mean
    mean += distance / Double(count)
    squares += distance * (number - mean)
  }

  /// The standard error of the mean; nil for fewer than two numbers, which do not tell.
  public var standardError: Double? {
    guard count > 1 else { return nil }
    return (squares / (Double(count) * Double(count - 1))).squareRoot()
  }
}
