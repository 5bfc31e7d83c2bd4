/// What a worker tells the daemon: one JSON object a line on the worker's standard output.
public enum WorkerMessage: Equatable, Sendable {
  /// Sent at most about once a second; the first one says the job is under way.
  case progress(Progress)
  /// The results are published; the worker exits with 0.
  case finished
  /// Stopped as asked, with a checkpoint; the worker exits with `WorkerExit.stopped`.
  case stopped
  /// The machine is at fault; the worker exits with `WorkerExit.stopped`.
  case hindered(reason: String)
  /// The job cannot succeed as it stands; the worker exits with `WorkerExit.failed`.
  case failed(reason: String)
}

/// How far a job is.
public struct Progress: Equatable, Sendable {
  /// `step` counts optimizer steps (train) or finished images (sample, evaluate).
  public var step: Int
  /// All that there are to do.
  public var steps: Int
  /// Moving average of the training loss.
  public var loss: Double?
  /// The negative log-likelihood of the images evaluated so far, in bits per dimension.
  public var bitsPerDimension: Double?
  /// Throughput of late.
  public var imagesPerSecond: Double?
  /// Estimated time to the end.
  public var secondsLeft: Double?

  /// A position; nil where something is not known.
  public init(
    step: Int, steps: Int, loss: Double? = nil, bitsPerDimension: Double? = nil,
    imagesPerSecond: Double? = nil,
    secondsLeft: Double? = nil
  ) {
    self.step = step
    self.steps = steps
    self.loss = loss
    self.bitsPerDimension = bitsPerDimension
    self.imagesPerSecond = imagesPerSecond
    self.secondsLeft = secondsLeft
  }
}

/// Exit codes of `ddpm-worker`, after sysexits.h. Anything else, or a signal, is a crash: the
/// job is run again from its checkpoint.
public enum WorkerExit {
  /// The results are published.
  public static let finished: Int32 = 0
  /// EX_DATAERR: the job or its input is at fault; running it again cannot help.
  public static let failed: Int32 = 65
  /// EX_TEMPFAIL: stopped at a step boundary with a checkpoint, or the machine is at fault
  /// (no space, no memory): run it again.
  public static let stopped: Int32 = 75
}
