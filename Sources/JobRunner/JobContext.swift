import GuardedFiles
import Jobs
import TensorCore
import Training

/// What a run of a job works with, beside the job itself.
struct JobContext {
  let directory: JobDirectory
  /// What the job may read outside of its folder.
  let access: FileAccess
  /// The most threads that the numerics may use at any time.
  let threads: Int
  /// How many of them they may use now; nil: all.
  let threadLimit: ThreadLimit?
  /// The most memory that the job can get.
  let memory: MemoryLimit
  let progress: ProgressPipe
  /// Asked at every step boundary.
  let shouldStop: () -> Bool
  /// Takes a line for the job's log.
  let log: (String) -> Void

  /// The threads that may be used now.
  var threadsNow: Int { min(threads, threadLimit?.count ?? threads) }

  /// Threads for the numerics.
  func makePool() -> ThreadPool { ThreadPool(threads: threads, limit: threadLimit) }
}
