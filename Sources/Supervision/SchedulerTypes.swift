// The vocabulary between the scheduler, which decides, and the supervisor, which acts.

package import Jobs
package import Spool

/// What the scheduler knows of a job when it first hears of it.
package struct JobSummary: Equatable, Sendable {
  package var id: Int
  package var kind: String
  package var name: String
  /// Who submitted it; nil if its file is unreadable.
  package var submitter: UInt32?
  /// Jobs of higher priority start first.
  package var priority: Int
  /// Crashes in a row without the checkpoint having moved on.
  package var crashes: Int
  /// The step that the newest run known of began at, which is where its checkpoint was.
  package var resumedAt: Int?
  /// The model the job reads: it waits for a job that is still making it.
  package var model: ModelReference?
  /// The jobs it waits for, as far as it is not known that they have ended as they should.
  package var after: [Prerequisite]
  /// How long the job may run yet, if there is a limit.
  package var timeLeft: Duration?
  /// The most threads that the job wants; nil: as many as there are.
  package var threads: Int?
  /// Bytes of memory that the job may take, if its file says.
  package var memoryLimit: Int?
  /// What its file says of crashes.
  package var retry = RetrySpec()

  package init(
    id: Int, kind: String, name: String, priority: Int = 0, crashes: Int = 0,
    resumedAt: Int? = nil, model: ModelReference? = nil, after: [Prerequisite] = [],
    timeLeft: Duration? = nil
  ) {
    self.id = id
    self.kind = kind
    self.name = name
    self.priority = priority
    self.crashes = crashes
    self.resumedAt = resumedAt
    self.model = model
    self.after = after
    self.timeLeft = timeLeft
  }

  /// Whether there can be jobs that this one waits for.
  var mayWait: Bool {
    switch model {
    case .job, .jobNamed: true
    case .path, nil: !after.isEmpty
    }
  }

  /// `job 3 (train fashion-mnist)`.
  var title: String { "job \(id) (\(kind) \(name))" }
}

/// A job that another one waits for.
package struct Prerequisite: Equatable, Sendable {
  package var job: Int
  /// The end that is waited for.
  package var when: Dependency.Condition
  package var fate: Fate
  /// Whether it is waited for because of its model, and not because the job's file says so.
  var isMaker = false

  /// What is known of the job.
  package enum Fate: Equatable, Sendable {
    /// It has not ended.
    case open
    case ended(JobState)
    /// There is no such job any more.
    case gone
  }

  package init(job: Int, when: Dependency.Condition, fate: Fate = .open) {
    self.job = job
    self.when = when
    self.fate = fate
  }

  var isMet: Bool { if case .ended(let state) = fate { when.isMet(by: state) } else { false } }
}

/// How a job stands when it appears.
package enum Standing: Equatable, Sendable {
  case queued
  /// To be tried again after a while.
  case deferred(remaining: Duration, reason: String)
  /// Not to run until it is released.
  case held
  /// A worker of an earlier daemon still runs it.
  case orphaned(ActiveJob.StopReason)
}

/// How a worker's life ended.
package enum WorkerEnd: Equatable, Sendable {
  case exited(code: Int32)
  case killed(signal: Int32)
}

/// What is known after a worker's end.
package struct WorkerReport: Equatable, Sendable {
  package var end: WorkerEnd
  /// Whether the job's results are in their final place.
  package var resultsPublished: Bool
  /// The last lines of the job's log.
  package var logLines: [String]
  /// How long the worker has run.
  package var ran: Duration

  package init(
    end: WorkerEnd, resultsPublished: Bool, logLines: [String], ran: Duration = .zero
  ) {
    self.ran = ran
    self.end = end
    self.resultsPublished = resultsPublished
    self.logLines = logLines
  }
}

/// Where a job goes from where it is.
package enum Transition: Equatable, Sendable {
  /// Runs again as soon as there is room.
  case queued
  /// Runs again after a while.
  case deferred(Retry)
  /// Runs again when somebody releases it.
  case held
  case done
  case failed(reason: String, logLines: [String])
  /// Has run for as long as it may.
  case timedOut
  case cancelled
}

/// When and why a job runs again.
package struct Retry: Equatable, Sendable {
  package var delay: Duration
  package var reason: String
  /// Crashes in a row without the checkpoint having moved on, the latest included.
  package var crashes: Int
  /// See `JobSummary.resumedAt`.
  package var resumedAt: Int?
  /// Whether a crash is the reason, and not the machine.
  package var isCrash: Bool
  /// The worker's last words.
  package var logLines: [String]
}

/// One-shot timers; starting one that runs restarts it.
package enum SchedulerTimer: Hashable, Sendable {
  /// Try again to put the spool in order.
  case recover
  /// Look into `drop/` in case a hint got lost.
  case rescan
  /// Time to tell systemd that the scheduler's loop is alive.
  case watchdog
  /// From now on a request to stop is a second one, and no echo of the first.
  case hurry
  /// A job told to stop has had its time.
  case grace(Int)
  /// A job has run for as long as it may.
  case limit(Int)
  /// Time to look whether a job's worker does anything.
  case examination(Int)
  /// Time to ask the service manager for more time to stop.
  case stopExtension
  /// Look again which ended jobs are to be removed.
  case purge
  /// A deferred job may run again.
  case retry(Int)
  /// A transition that could not be written is tried again.
  case record(Int)
  /// Look again whether an earlier worker is gone.
  case orphan(Int)
}

/// Everything that can happen to the scheduler.
package enum Event: Equatable, Sendable {
  /// The daemon is there: the first event.
  case began
  /// The spool could not be put in order: the machine is at fault.
  case recoveryFailed(reason: String)
  /// A job was admitted, or found at the start.
  case appeared(JobSummary, Standing)
  /// Whether no job is to be started, which is noted on disk.
  case paused(Bool)
  /// Every job of earlier has appeared: the daemon is open for work.
  case opened
  /// Something changed in `drop/`.
  case dropChanged
  /// `drop/` was looked through; `problem` says why something in it could not be admitted yet.
  case scanned(retryAfter: Duration?, problem: String?)
  /// Somebody who may do so cancels the job, which is noted in its entry.
  case cancelRequested(Int)
  /// Somebody holds the job, which is noted in its entry.
  case holdRequested(Int)
  /// Somebody withdraws the hold; what was held is queued on disk.
  case released(Int)
  /// Somebody has a job run again that had ended or waited for its next try; it is queued on disk.
  case revived(JobSummary)
  /// Somebody has made a job that does not run another one, which is queued or held on disk.
  case edited(JobSummary, isHeld: Bool)
  /// Somebody changes the job's priority, which is noted in its entry.
  case prioritized(Int, Int)
  /// The worker could not be started, which is the machine's fault.
  case startFailed(Int, reason: String)
  case message(Int, WorkerMessage)
  /// Whether the worker has used any processor time since it was started or examined before.
  case examined(Int, hasWorked: Bool)
  case exited(Int, WorkerReport)
  /// The worker of an earlier daemon, which has run for so long, has let go of the job's lock.
  case orphanGone(Int, ran: Duration, resultsPublished: Bool = false)
  /// The transition is on disk.
  case recorded(Int)
  /// The transition could not be written: no space, for example.
  case recordFailed(Int, reason: String)
  /// Ended jobs were removed; there may be more to remove if it is not complete.
  case purged(isComplete: Bool)
  /// Somebody removed the job's entry: there is no such job any more.
  case vanished(Int)
  case timer(SchedulerTimer)
  /// The daemon is asked to read its configuration anew.
  case reloadRequested
  /// That is done, and this holds from now on.
  case reloaded(SchedulingPolicy)
  /// The daemon is asked to stop; asked again after a moment: without waiting.
  case stop
}

/// Everything the scheduler can ask for.
package enum Action: Equatable, Sendable {
  /// Puts the spool in order after whatever ended the daemon before; answered by `appeared` for
  /// every job and `opened`, or by `recoveryFailed`.
  case recover
  case scanDrop
  /// Moves the entry to `running` and starts a worker; answered by `startFailed` or `vanished`
  /// if that cannot be done.
  case start(Int)
  /// Looks whether the job's worker does anything; answered by `examined`.
  case examine(Int)
  /// Asks the job's worker to stop at the next step boundary.
  case stopWorker(Int)
  /// Kills the worker's process group.
  case killWorker(Int)
  /// Asks a worker of an earlier daemon to stop, and watches its lock; answered by `orphanGone`.
  case stopOrphan(Int)
  case killOrphan(Int)
  /// Writes into the queued job's entry why it waits, nil: only for room; and which of the jobs
  /// that its file names it still waits for.
  case explain(Int, String?, after: [QueueEntry.Dependency])
  /// Writes into the job's history that it is being cancelled.
  case noteCancellation(Int)
  /// Writes a transition; answered by `recorded`, `recordFailed` or `vanished`.
  case record(Int, Transition)
  case saveProgress(Int, Progress)
  /// Removes ended jobs as configured, but not those that others wait for or read, nor train jobs
  /// with these names; answered by `purged`.
  case purge(sparing: Set<Int>, names: Set<String>)
  case startTimer(SchedulerTimer, after: Duration)
  case cancelTimer(SchedulerTimer)
  /// Reads the configuration anew; answered by `reloaded`.
  case reload
  case notify(ServiceMessage)
  /// Tells whoever asks for the daemon's state what keeps it from its work; nil: nothing does.
  case showProblem(String?)
  case exit
}

/// What the service manager is told.
package enum ServiceMessage: Equatable, Sendable {
  case ready
  case stopping
  case reloading
  case watchdog
  /// Wants the daemon to be left alone for so long from now on, whatever the unit says.
  case extendTimeout(Duration)
  case status(String)
}

/// The numbers that scheduling depends on.
package struct SchedulingPolicy: Equatable, Sendable {
  package var maxWorkers = 1
  /// What a worker gets to reach a step boundary and write its checkpoint before it is killed.
  package var stopGrace = Duration.seconds(60)
  /// How long one request to stop may reach the daemon more than once: as the terminal's SIGINT
  /// and then the SIGTERM of the script that it runs in, for example.
  package var stopEcho = Duration.seconds(2)
  /// How often a stopping daemon asks for more time; it asks for three times as much.
  package var stopExtension = Duration.seconds(10)
  /// A worker that uses no processor time for so long hangs; nil lets it.
  package var workerTimeout: Duration?
  /// A job that crashes this often without its checkpoint moving on has failed.
  package var crashLimit = 5
  /// Waiting time after the first, second … crash; the last one repeats.
  package var crashDelays: [Duration] = [
    .seconds(1), .seconds(5), .seconds(30), .seconds(120), .seconds(600),
  ]
  /// Waiting time after the machine failed the job the first, second … time; the last one repeats.
  package var retryDelays: [Duration] = [.seconds(10), .seconds(30), .seconds(60), .seconds(300)]
  /// Waiting time before anything else that could not be written or read is tried again.
  package var diskDelay = Duration.seconds(10)
  /// Time between two looks which ended jobs, refused or unfinished files and receipts are to be
  /// removed.
  package var purgeInterval = Duration.seconds(3600)
  package var rescanInterval = Duration.seconds(30)
  /// nil when nobody watches.
  package var watchdogInterval: Duration?

  package init() {}

  /// The longest time that a job with such retries ever waits for its next run.
  func longestDelay(_ retry: RetrySpec) -> Duration {
    let own = (retry.delays ?? []).map { Duration.seconds($0) }
    return (crashDelays + retryDelays + own).max() ?? .zero
  }

  /// Takes over what the administrator decides.
  package mutating func adopt(_ configuration: Configuration) {
    maxWorkers = configuration.maxWorkers
    stopGrace = configuration.stopGrace
    workerTimeout = configuration.workerTimeout
    crashLimit = configuration.crashLimit
  }
}
