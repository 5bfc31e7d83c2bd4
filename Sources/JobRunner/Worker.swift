/// One run of one job, from the lock on its folder to the exit code.
///
/// **Promises.** At most one worker works on a job: it holds the folder's lock as long as it lives.
/// It writes inside the folder only. It ends with `WorkerExit.finished` once the results are
/// published, also if they already were; with `stopped` when asked to stop (then with a checkpoint),
/// when a twin is alive, or when the machine is at fault; with `failed` when running again cannot
/// help. What it has to say goes to the daemon as `WorkerMessage`s and to `log` as text.

import Datasets
import DurableIO
import Glibc
import GuardedFiles
import Jobs
import TensorCore
import Training

/// Runs jobs.
public struct Worker {
  private let directory: JobDirectory
  private let threads: Int
  private let share: ThreadShare?
  private let memoryLimit: Int?
  private let dataRoots: [String]?
  private let progress: ProgressPipe
  private let isStopRequested: () -> Bool
  private let log: (String) -> Void

  /// A worker for the job in folder `path`.
  ///
  /// - threads: as many as the job may ever use; it may want fewer.
  /// - share: as many as it may use now, asked at every step boundary; nil: all.
  /// - memoryLimit: the bytes that `MemoryCap` holds the process to, if it does.
  /// - dataRoots: the folders that what the job names must lie in; nil: anywhere.
  /// - isStopRequested: asked at every step boundary.
  /// - log: takes a line without its newline.
  public init(
    job path: String, threads: Int, share: ThreadShare? = nil, memoryLimit: Int? = nil,
    dataRoots: [String]? = nil, progress: ProgressPipe,
    isStopRequested: @escaping () -> Bool, log: @escaping (String) -> Void
  ) {
    directory = JobDirectory(path: Self.absolute(path))
    self.threads = threads
    self.share = share
    self.memoryLimit = memoryLimit
    self.dataRoots = dataRoots
    self.progress = progress
    self.isStopRequested = isStopRequested
    self.log = { log($0.printableLines) }
  }

  /// Runs the job; returns the exit code.
  public func run() -> Int32 {
    do throws(JobFailure) {
      guard let lock = try attempt({ try FileLock.acquire(directory.lock) }) else {
        throw JobFailure.machine(reason: "another worker holds \(directory.lock)")
      }
      defer { lock.release() }
      try work()
      progress.send(.finished)
      return WorkerExit.finished
    } catch {
      log("\(error)".printable)
      switch error {
      case .failed(let reason):
        progress.send(.failed(reason: reason))
        return WorkerExit.failed
      case .stopped:
        progress.send(.stopped)
        return WorkerExit.stopped
      case .machine(let reason):
        // Where the disk is full, the log cannot tell it.
        progress.send(.hindered(reason: reason))
        return WorkerExit.stopped
      }
    }
  }

  /// Runs the job as far as its results are not there yet, clears away what they make superfluous,
  /// and publishes them.
  private func work() throws(JobFailure) {
    if try attempt({ try ResultsFolder.isPublished(directory) }) { return }
    let (job, access) = try readJob()
    let isSealed = try attempt { try ResultsFolder.isSealed(directory, for: job) }
    switch job.work {
    case .train(let spec):
      if !isSealed {
        try TrainJob(job, spec, context(access, wanting: spec.training.threads)).run()
      }
      try attempt { try TrainJob.removeLeftovers(in: directory) }
    case .sample(let spec):
      if !isSealed { try SampleJob(job, spec, context(access, wanting: spec.threads)).run() }
      try attempt { try SampleJob.removeLeftovers(in: directory) }
    case .evaluate(let spec):
      if !isSealed { try EvaluateJob(job, spec, context(access, wanting: spec.threads)).run() }
      try attempt { try EvaluateJob.removeLeftovers(in: directory) }
    }
    try attempt { try ResultsFolder.publish(directory) }
  }

  private func context(_ access: FileAccess, wanting wanted: Int?) -> JobContext {
    let (progress, isStopRequested, share) = (progress, isStopRequested, share)
    share?.update()
    return JobContext(
      directory: directory, access: access, threads: min(threads, wanted ?? threads),
      threadLimit: share?.limit, memory: .ofThisProcess.lowered(toOwn: memoryLimit),
      progress: progress,
      shouldStop: {
        share?.update()
        return isStopRequested() || progress.isBroken
      }, log: log)
  }

  /// The job as it was submitted, with what was changed since, and what it may read for those who
  /// wrote it.
  private func readJob() throws(JobFailure) -> (JobSpec, FileAccess) {
    let envelope = try parse(directory.job, Envelope.parse)
    let authors = [envelope.submitter] + [envelope.editor].compactMap { $0 }
    let access = FileAccess(for: try attempt { try authors.map(User.init) }, below: dataRoots)
    guard try attempt({ try Directory.exists(directory.amendment) }) else {
      return (envelope.spec, access)
    }
    let amendment = try parse(directory.amendment, Amendment.init(parsing:))
    return (amendment.applied(to: envelope.spec), access)
  }

  private func parse<Content>(
    _ path: String, _ body: ([UInt8]) throws(JobFileError) -> Content
  ) throws(JobFailure) -> Content {
    let bytes = try attempt { try readFile(path) }
    do {
      return try body(bytes)
    } catch {
      throw .failed(reason: "\(path): \("\(error)".inOneLine)")
    }
  }

  /// `path` without a slash at its end, and from the root.
  private static func absolute(_ path: String) -> String {
    guard let resolved = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }
}
