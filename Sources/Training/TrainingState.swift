/// Everything that a run carries from one step to the next. Random numbers and the order of the
/// data are functions of the step, so this is all a checkpoint has to hold.

import ModelFiles
import TensorCore

/// Weights, their average, Adam's moments, and the number of steps done; each one flat buffer.
public struct TrainingState: Sendable {
  /// Optimizer steps done.
  public internal(set) var step = 0
  let weights: FloatBuffer
  /// Nil where no average is kept.
  let average: FloatBuffer?
  let firstMoments: FloatBuffer
  let secondMoments: FloatBuffer

  init(parameters: Int, averaging: Bool) {
    weights = FloatBuffer(count: parameters)
    average = averaging ? FloatBuffer(count: parameters) : nil
    firstMoments = FloatBuffer(count: parameters)
    secondMoments = FloatBuffer(count: parameters)
  }

  /// The state's tensors under the names they have in a checkpoint.
  var tensors: [(name: String, values: Tensor)] {
    let always = [
      (name: "weights", values: weights.all),
      (name: "adam.first_moments", values: firstMoments.all),
      (name: "adam.second_moments", values: secondMoments.all),
    ]
    return always + (average.map { [(name: "average", values: $0.all)] } ?? [])
  }

  /// Takes over the contents of `other`, which belongs to the same network and recipe.
  mutating func copy(from other: TrainingState) {
    step = other.step
    for (target, source) in zip(tensors, other.tensors) {
      TensorCore.copy(source.values, into: target.values)
    }
  }

  /// Takes over the contents of a checkpoint.
  mutating func restore(_ checkpoint: Checkpoint) throws(ModelFileError) {
    for tensor in tensors { try checkpoint.read(tensor.name, into: tensor.values) }
    step = checkpoint.step
  }
}
