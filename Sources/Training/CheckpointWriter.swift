/// Writes checkpoints beside the training: `write` copies the state and returns; the copy goes to
/// disk on a thread of its own.
///
/// One write is under way at a time; the next one waits for it. A failure is thrown by the next
/// `write` or by `finish`, and never lost.

import Dispatch
public import ModelFiles
public import StrictJSON
import Synchronization
import TensorCore

/// The background writer of one run's checkpoints.
public final class CheckpointWriter {
  private let store: CheckpointStore
  private let queue = DispatchQueue(label: "checkpoint")
  private let failure = Failure()
  private var copy: TrainingState?

  /// A writer into `store`.
  public init(_ store: CheckpointStore) { self.store = store }

  /// Begins to store `state`, with `note` beside its tensors.
  public func write(_ state: TrainingState, note: JSONObject) throws(ModelFileError) {
    try finish()
    var copy =
      self.copy
      ?? TrainingState(parameters: state.weights.count, averaging: state.average != nil)
    copy.copy(from: state)
    self.copy = copy
    queue.async { [store, failure, copy] in
      do throws(ModelFileError) {
        try store.write(step: copy.step, state: note, tensors: copy.tensors)
      } catch {
        failure.error.withLock { $0 = error }
      }
    }
  }

  /// Returns when all that was begun is on disk.
  public func finish() throws(ModelFileError) {
    queue.sync {}
    let error = failure.error.withLock { error in
      defer { error = nil }
      return error
    }
    if let error { throw error }
  }
}

/// What a write in the background threw.
private final class Failure: Sendable {
  let error = Mutex<ModelFileError?>(nil)
}
