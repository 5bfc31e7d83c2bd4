public import TensorCore

/// One named array of weights and its place in the flat buffers.
public struct Parameter: Sendable, Equatable {
  /// As in diffusers' `state_dict`, such as `conv_in.weight`.
  public let name: String
  /// As in diffusers: out, in, kernel height, kernel width for a convolution.
  public let shape: [Int]
  /// The first element's index in a flat buffer.
  public let offset: Int
  /// How a new network's values are drawn.
  let initialization: Initialization

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The parameter in `flat`, as the matrix that the layers multiply with: inputs by outputs, a
  /// convolution's inputs in the order kernel height, kernel width, channels; a vector is one row.
  func view(in flat: Tensor) -> Tensor {
    flat.part(at: offset, Shape(rows: count / shape[0], columns: shape[0]))
  }
}

/// Where every parameter of a network lies in one flat buffer; weights, gradients, moments and
/// averages share it, so optimiser, clipping and checkpoints are each one loop.
public struct ParameterLayout: Sendable {
  /// All parameters, in order of `offset`, without gaps.
  public private(set) var parameters: [Parameter] = []
  /// Elements of a flat buffer.
  public private(set) var count = 0

  init() {}

  /// Adds a parameter behind the others.
  mutating func add(_ name: String, _ shape: [Int], _ initialization: Initialization) -> Parameter {
    let parameter = Parameter(
      name: name, shape: shape, offset: count, initialization: initialization)
    parameters.append(parameter)
    count += parameter.count
    return parameter
  }

  /// Copies a parameter of `flat` to `values` in diffusers' order (outputs first, taps last).
  public func export(
    _ parameter: Parameter, from flat: Tensor, into values: UnsafeMutableBufferPointer<Float>
  ) {
    precondition(values.count == parameter.count && flat.count == count, "buffers do not fit")
    let memory = unsafe parameter.view(in: flat).elements
    parameter.forEachIndex { file, index in unsafe values[file] = memory[index] }
  }

  /// Copies `values` in diffusers' order to a parameter of `flat`.
  public func load(
    _ parameter: Parameter, from values: UnsafeBufferPointer<Float>, into flat: Tensor
  ) {
    precondition(values.count == parameter.count && flat.count == count, "buffers do not fit")
    let memory = unsafe parameter.view(in: flat).elements
    parameter.forEachIndex { file, index in unsafe memory[index] = values[file] }
  }
}

extension Parameter {
  /// Calls `body` with each element's index in a file (O×I×k×k) and in memory (k×k×I×O).
  fileprivate func forEachIndex(_ body: (_ file: Int, _ memory: Int) -> Void) {
    let outputs = shape[0]
    let inputs = shape.count > 1 ? shape[1] : 1
    let taps = count / (outputs * inputs)
    for output in 0..<outputs {
      for input in 0..<inputs {
        for tap in 0..<taps {
          body((output * inputs + input) * taps + tap, (tap * inputs + input) * outputs + output)
        }
      }
    }
  }
}
