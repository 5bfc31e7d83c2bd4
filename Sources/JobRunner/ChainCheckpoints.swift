import Diffusion
import ModelFiles
import StrictJSON
import TensorCore

/// The state of the batch under way in the middle of its chains, in the checkpoints of a sample job.
struct ChainCheckpoints {
  private let store: CheckpointStore

  /// Checkpoints in the folder `path`, made where missing.
  init(path: String) throws(ModelFileError) { store = try CheckpointStore(path: path) }

  /// Stores the chains of `batch` where they are, and the views of them so far.
  func write(_ batch: SamplingBatch, views: Tensor?) throws(ModelFileError) {
    guard batch.position > 0 else { return }
    try store.write(
      step: batch.images.lowerBound * batch.steps + batch.position,
      state: [
        "first_image": .integer(batch.images.lowerBound), "position": .integer(batch.position),
      ],
      tensors: Self.tensors(of: batch, views))
  }

  /// Takes up the chains of `batch` if the newest checkpoint is of them; says whether it is.
  func restore(
    _ batch: SamplingBatch, views: Tensor?, report: (String) -> Void
  ) throws(ModelFileError) -> Bool {
    guard let checkpoint = try store.newest(report: report),
      checkpoint.state["first_image"]?.int == batch.images.lowerBound,
      let position = checkpoint.state["position"]?.int, position <= batch.steps
    else { return false }
    for tensor in Self.tensors(of: batch, views) {
      try checkpoint.read(tensor.name, into: tensor.values)
    }
    batch.resume(at: position)
    return true
  }

  /// All that a chain is between two steps, beside its position.
  private static func tensors(
    of batch: SamplingBatch, _ views: Tensor?
  ) -> [(name: String, values: Tensor)] {
    [(name: "x", values: batch.x)]
      + batch.carried.enumerated().map { (name: "carried.\($0)", values: $1) }
      + (views.map { [(name: "views", values: $0)] } ?? [])
  }
}
