/// The paths inside `jobs/ID/`. Paths only: nothing here touches the disk.
public struct JobDirectory: Equatable, Sendable {
  /// The directory itself.
  public let path: String

  /// The directory at `path`.
  public init(path: String) { self.path = path }

  /// The job's number; nil for a directory of another name.
  public var id: Int? { path.split(separator: "/").last.flatMap { Int($0) } }
  /// The envelope with the job in it, written once at admission.
  public var job: String { path + "/job.json" }
  /// What was changed of the job since; absent if nothing was.
  public var amendment: String { path + "/amendment.json" }
  /// What happened to the job, one JSON object a line, appended by the daemon.
  public var events: String { path + "/events.jsonl" }
  /// The worker's standard error.
  public var log: String { path + "/log" }
  /// The latest `Progress`, with the run that it is of and how long that had taken then; replaced
  /// whole by the daemon.
  public var progress: String { path + "/progress.json" }
  /// Locked by the worker as long as it lives; holds its process id.
  public var lock: String { path + "/lock" }
  /// One JSON object a training step, appended by the worker.
  public var metrics: String { path + "/metrics.jsonl" }
  /// The scores on held-out images, one JSON object a line, appended by the worker.
  public var heldOut: String { path + "/heldout.jsonl" }
  /// The same for TensorBoard, with the previews, in a folder of the job's name.
  public var tensorBoard: String { path + "/tensorboard" }
  /// The newest checkpoints: two while a training run is under way, one when it has ended.
  /// With held-out images the best one, too, in the folder `best`.
  public var checkpoints: String { path + "/checkpoints" }
  /// The model that the job uses, and its other files, as they were when it first began; absent if
  /// it has none or has not begun.
  public var inputs: String { path + "/inputs.json" }
  /// Results before they are whole.
  public var resultsInProgress: String { path + "/results.partial" }
  /// The published results; absent until they are whole.
  public var results: String { path + "/results" }
  /// The results that the job had before it was extended from `steps` steps.
  public func results(after steps: Int) -> String { path + "/results-\(steps)" }
}
