/// Writes checkpoints beside the training: `write` copies the state and returns; the copy goes to
/// disk on a thread of its own.
///
/// One write is under way at a time; the next one waits for it. A failure is thrown by the next
/// `write` or by `finish`, and never lost.

import DurableIO
public import ModelFiles
public import StrictJSON
import TensorCore

/// The background writer of one run's checkpoints.
public final class CheckpointWriter {
  private let store: CheckpointStore
  private let thread = BackgroundThread()
  private var underWay: Pending<Result<Void, ModelFileError>>?
  private var copy: TrainingState?

  /// A writer into `store`.
  public init(_ store: CheckpointStore) { self.store = store }

  /// Begins to store `state`, with `note` beside its tensors.
  public func write(_ state: TrainingState, note: JSONObject) throws(ModelFileError) {
    try finish()
    copy?.copy(from: state)
    let copy = self.copy ?? TrainingState(copying: state)
    self.copy = copy
    underWay = thread.run { [store, copy, fileSystem = Syscalls.fileSystem] in
      // A task's values do not reach a thread by themselves.
      Syscalls.$fileSystem.withValue(fileSystem) {
        Result { () throws(ModelFileError) in try copy.write(to: store, note: note) }
      }
    }
  }

  /// Returns when all that was begun is on disk.
  public func finish() throws(ModelFileError) {
    defer { underWay = nil }
    try underWay?.wait().get()
  }
}
