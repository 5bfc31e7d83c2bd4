import Jobs

/// What a run of a job works with, beside the job itself.
struct JobContext {
  let directory: JobDirectory
  /// Threads that the numerics may use.
  let threads: Int
  let progress: ProgressPipe
  /// Asked at every step boundary.
  let shouldStop: () -> Bool
  /// Takes a line for the job's log.
  let log: (String) -> Void
}
