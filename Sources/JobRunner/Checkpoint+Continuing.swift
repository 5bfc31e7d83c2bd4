import Jobs
import ModelFiles
import StrictJSON
import TensorCore

// Whether a job may go on from a checkpoint as if nothing had happened.

extension Checkpoint {
  /// Fails the job if its data set has another number of images than when it began.
  ///
  /// - stored: what the checkpoint says.
  func requireImages(
    _ stored: JSONValue?, areStill count: Int, of dataset: DatasetSpec
  ) throws(JobFailure) {
    guard stored?.int != count else { return }
    throw .failed(
      reason: "$.dataset.path: \(dataset.path) has \(count) images now, and \(stored?.int ?? 0)"
        + " when the job began; restore it, or submit the job anew")
  }

  /// Says so if bits may differ from those of an uninterrupted run.
  func warnOfOtherKernels(log: (String) -> Void) {
    guard state["kernels"]?.string != Kernels.inUse else { return }
    log(
      "checkpoint \(step) was computed by other kernels; the result will agree with that of an"
        + " uninterrupted run to rounding only")
  }
}
