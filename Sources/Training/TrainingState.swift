/// Everything that a run carries from one step to the next. Random numbers and the order of the
/// data are functions of the step, so this is all a checkpoint has to hold.

import Diffusion
public import ModelFiles
public import StrictJSON
public import TensorCore

/// Weights, their average, Adam's moments, the latest losses, and the number of steps done; each
/// one flat buffer.
public struct TrainingState: Sendable {
  /// Optimizer steps done.
  public internal(set) var step = 0
  let weights: FloatBuffer
  /// Nil where no average is kept.
  let average: FloatBuffer?
  let firstMoments: FloatBuffer
  let secondMoments: FloatBuffer
  /// Nil where t is drawn uniformly.
  let lossHistory: LossHistory?

  /// - importanceSteps: T, where t is drawn by importance.
  init(parameters: Int, averaging: Bool, importanceSteps: Int? = nil) {
    weights = FloatBuffer(count: parameters)
    average = averaging ? FloatBuffer(count: parameters) : nil
    firstMoments = FloatBuffer(count: parameters)
    secondMoments = FloatBuffer(count: parameters)
    lossHistory = importanceSteps.map { LossHistory(steps: $0) }
  }

  /// A copy with memory of its own.
  init(copying other: TrainingState) {
    self.init(
      parameters: other.weights.count, averaging: other.average != nil,
      importanceSteps: other.lossHistory?.steps)
    copy(from: other)
  }

  /// The state's tensors under the names they have in a checkpoint.
  var tensors: [(name: String, values: Tensor)] {
    let always = [
      (name: "weights", values: weights.all),
      (name: "adam.first_moments", values: firstMoments.all),
      (name: "adam.second_moments", values: secondMoments.all),
    ]
    let sometimes = [
      average.map { (name: "average", values: $0.all) },
      lossHistory.map { (name: "loss_history", values: $0.losses.all) },
    ]
    return always + sometimes.compactMap { $0 }
  }

  /// Stores the state as a checkpoint, with `note` beside its tensors.
  public func write(to store: CheckpointStore, note: JSONObject) throws(ModelFileError) {
    try store.write(step: step, state: note, tensors: tensors)
  }

  /// Reads the weights that samples are drawn with, the average where one is kept, from a checkpoint
  /// without the rest of its state.
  public static func readAveragedWeights(
    of checkpoint: Checkpoint, into weights: Tensor
  ) throws(ModelFileError) {
    let hasAverage = checkpoint.tensors.contains { $0.name == "average" }
    try checkpoint.read(hasAverage ? "average" : "weights", into: weights)
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
