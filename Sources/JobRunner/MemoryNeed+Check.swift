import Jobs
import Training

extension MemoryNeed {
  /// Fails the job if it cannot fit into what it may have.
  func check(in context: JobContext) throws(JobFailure) {
    guard let reason = refusal(by: context.memory) else { return }
    let advice = context.memory.isOwn ? MemoryCap.advice(context.directory.path) : ""
    throw .failed(reason: reason + advice)
  }
}
