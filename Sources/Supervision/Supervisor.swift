// Runs the daemon: performs what the scheduler decides, and tells it what happens.
//
// One thread, one loop: it sleeps in poll(2) until a signal, a file in `drop/`, a worker's word or
// end, or a timer wakes it, and does everything there is to do. No state is shared, so nothing is
// locked; and there is no runtime's pool of threads, whose upkeep alone (libdispatch's, once a
// second) would be more work than the daemon has.
//
// Promises: an entry is in `running` before its worker starts and leaves it after the worker has
// ended. The daemon itself is stopped by a `stop` and by nothing a job or a file does.

import CLinux
public import DurableIO
import Glibc
import Jobs
public import Logging
public import Spool

/// Where the daemon works, and with what.
public struct SupervisorSetup: Sendable {
  /// The spool that is served.
  public var layout: SpoolLayout
  /// What the administrator decided.
  public var configuration: Configuration
  /// The absolute path of `ddpm-worker`.
  public var worker: String
  /// What the configuration is read from when it is read anew.
  public var source: ConfigurationSource
  /// When its reading began, by `ReloadReport.now()`: what was written later holds after a reload.
  public var readAt = 0
  /// The processors that the workers divide among them.
  public var processors: Int
  /// The least time between two writings of the metrics file.
  package var metricsInterval = Duration.seconds(15)
  /// Who is told how the daemon is.
  public var notifier = ServiceNotifier.systemd
  /// Where the daemon says what it does.
  public var log: Logger

  /// A setup for the daemon of `layout`.
  public init(
    layout: SpoolLayout, configuration: Configuration, source: ConfigurationSource,
    worker: String, processors: Int, log: Logger
  ) {
    self.layout = layout
    self.configuration = configuration
    self.source = source
    self.worker = worker
    self.processors = processors
    self.log = log
  }
}

/// Why a daemon does not come to life.
public enum SupervisorError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Another daemon, with that process id if it is known, serves the spool.
  case anotherDaemon(state: String, processID: Int32?)
  /// Such a folder of the spool belongs to another user than this process, who could not handle what
  /// it leaves.
  case foreignSpool(path: String, owner: UInt32)
  /// The spool's folders cannot be made or written.
  case noSpool(SystemError)
  /// The state on disk is not what a daemon leaves.
  case spool(SpoolError)

  /// One sentence.
  public var description: String {
    switch self {
    case .anotherDaemon(let state, let processID):
      "another ddpmd\(processID.map { " (process \($0))" } ?? "") serves \(state); "
        + "stop it first, or give this one another --root"
    case .foreignSpool(let path, let owner):
      "\(path) belongs to \(userName(owner)), and this process to \(userName(geteuid())); "
        + (path.hasPrefix(SpoolLayout.system.state)
          || path.hasPrefix(SpoolLayout.system.spool)
          ? "start the service: systemctl start ddpmd; or give --root DIR for a spool of your own"
          : "run ddpmd as that user, or with another --root")
    case .noSpool(let error): "\(error)\(Self.advice(error, to: userName(geteuid())))"
    case .spool(let error): error.description
    }
  }

  /// What helps a user against `error`, which keeps him from making or writing a spool. The service's
  /// own user has no use for a spool of his own; and a full or read-only disk is none of rights.
  static func advice(_ error: SystemError, to user: String) -> String {
    if !error.isPermissionDenied { return "" }
    return user == "ddpmd"
      ? "; it and all folders of the spool must be ddpmd's, with a mode that lets it write, as 755"
      : "; run with --root DIR for a spool of your own"
  }
}

/// The daemon.
public final class Supervisor {
  var setup: SupervisorSetup
  let queue: JobQueue
  var admission: Admission
  var workers: [Int: WorkerProcess] = [:]
  /// The runs whose ends are not on disk yet.
  var runs: [Int: Run] = [:]
  var orphans: [Int: Orphan] = [:]
  /// The threads that each running job may use now.
  var threadShares: [Int: Int] = [:]
  var timers = Timers()
  var export = MetricsExport()
  /// What the last scan could not admit; it was logged when it was new.
  var blocked: Set<String> = []
  /// Where readers see what keeps the daemon from its work: this, or else what it cannot clear away.
  var notice: NoticeFile?
  var problem: String?
  /// What cannot be cleared away, each logged when it was new.
  var remains: [RemovalTrouble] = []
  /// What else is tried again and again without success, each logged when it was new.
  var troubled: Set<String> = []
  private let requests: SignalRequests
  private let lock: FileLock
  private var watcher: DropWatcher?
  private(set) var scheduler: Scheduler
  /// What the service manager is to be told next of what is being done.
  private var status: String?
  private var hasEnded = false
  /// Whether the service manager knows that the daemon has started.
  private var isReady = false
  /// When it was last told of life.
  private var lastSign = ContinuousClock.now

  /// Makes what is missing of the spool and takes its lock.
  public convenience init(
    _ setup: SupervisorSetup, requests: SignalRequests
  ) throws(SupervisorError) {
    var policy = SchedulingPolicy()
    policy.adopt(setup.configuration)
    policy.watchdogInterval = ServiceNotifier.watchdogInterval
    var admission = Admission.Policy()
    admission.adopt(setup.configuration)
    try self.init(setup, requests: requests, policy: policy, admission: admission)
  }

  package init(
    _ setup: SupervisorSetup, requests: SignalRequests, policy: SchedulingPolicy,
    admission: Admission.Policy
  ) throws(SupervisorError) {
    self.setup = setup
    self.requests = requests
    lock = try Self.takeLock(setup.layout)
    do {
      self.admission = try Admission(setup.layout, policy: admission)
    } catch {
      lock.release()
      throw .spool(error)
    }
    queue = JobQueue(setup.layout)
    scheduler = Scheduler(policy)
  }

  private static func takeLock(_ layout: SpoolLayout) throws(SupervisorError) -> FileLock {
    do {
      for path in [layout.state, layout.spool] where try Directory.exists(path) {
        let owner = try FileStatus(ofLink: path + "/.").owner
        if owner != geteuid() { throw SupervisorError.foreignSpool(path: path, owner: owner) }
      }
      try layout.createDirectories()
      if let lock = try FileLock.acquire(layout.lock) { return lock }
      throw SupervisorError.anotherDaemon(
        state: layout.state, processID: try FileLock.holder(layout.lock))
    } catch let error as SystemError {
      throw .noSpool(error)
    } catch let error as SupervisorError {
      throw error
    } catch {
      preconditionFailure("no other error is thrown: \(error)")
    }
  }

  /// Serves the spool until it is asked to stop: workers then write their checkpoints first,
  /// unless it is asked again.
  public func run() {
    // What a long queue took for a moment goes back to the system: glibc would learn from its size to
    // keep such blocks.
    mallopt(LEAST_MAPPED_SIZE, 128 * 1024)
    // Before the first scan, so that nothing comes unnoticed between the two.
    watchDrop()
    say(
      .notice,
      "serving \(setup.layout.spool) with \(setup.configuration.maxWorkers) worker(s) on "
        + "\(setup.processors) processor(s)", .serving)
    // Also forgets what an earlier daemon was kept from.
    showProblem()
    publish(ReloadReport(file: setup.source.file, readAt: setup.readAt))
    openMetricsSocket()
    var exits = handle(.began)
    while !exits {
      writeMetrics()
      for event in sleep() where handle(event) { exits = true }
    }
    closeMetrics()
    lock.release()
  }

  /// A run of this daemon's workers.
  struct Run {
    /// How long the job's log was when it began.
    var logStart: Int
    /// Which of the job's runs it is, and when it began.
    var attempt: Int
    var started: Timestamp
    var began = ContinuousClock.now
    var ended: ContinuousClock.Instant?

    /// How long it has taken, whatever has been done to the system's clock.
    var duration: Duration { began.duration(to: ended ?? .now) }
  }

  /// Lets the scheduler decide and does what it says; true when that is to exit.
  private func handle(_ event: Event) -> Bool {
    // Answers come before the next event from outside.
    var pending = [event]
    while !pending.isEmpty { pending = pending.flatMap { settle($0) } }
    if let status {
      setup.notifier.notify(.status(status))
      self.status = nil
    }
    return hasEnded
  }

  /// Lets the scheduler decide on one event and does what it says; returns the answers.
  func settle(_ event: Event) -> [Event] {
    let actions = scheduler.handle(event)
    shareThreads(among: scheduler.jobs.atWork)
    return actions.flatMap { action in
      showLife()
      return perform(action)
    }
  }

  /// Tells the service manager, in the middle of what takes long, that the daemon is alive: a start with
  /// a long queue, on a slow disk, or the end of a job that ten thousand have waited for.
  func showLife() {
    let policy = scheduler.policy
    let interval = isReady ? policy.watchdogInterval : policy.stopExtension
    guard let interval, lastSign + interval <= .now else { return }
    lastSign = .now
    setup.notifier.notify(isReady ? .watchdog : .extendTimeout(policy.stopExtension * 6))
  }

  /// Something that can wake the daemon.
  private enum Source {
    case requests
    case drop
    case output(Int)
    case end(Int)
    case orphan(Int)
    case metrics(Int32)
  }

  /// Sleeps until something happens, and says what.
  private func sleep() -> [Event] {
    var sources: [(descriptor: Int32, source: Source)] = [(requests.descriptor, .requests)]
    var deadline = [timers.next, metricsDeadline].compactMap { $0 }.min()
    if let watcher { sources.append((watcher.descriptor, .drop)) }
    for (id, worker) in workers {
      if let from = worker.listensFrom {
        if from <= .now {
          sources.append((worker.output, .output(id)))
        } else {
          deadline = min(from, deadline ?? from)
        }
      }
      sources.append((worker.child, .end(id)))
    }
    for (id, orphan) in orphans { sources.append((orphan.descriptor, .orphan(id))) }
    sources += (export.server?.descriptors ?? []).map { ($0, .metrics($0)) }

    let ready = poll(sources.map(\.descriptor), until: deadline)
    let events = zip(sources, ready).flatMap { $1 ? take($0.source) : [] }
    export.server?.expire(.now)
    return events + timers.takeDue(.now).map { .timer($0) }
  }

  private func take(_ source: Source) -> [Event] {
    switch source {
    case .requests:
      switch requests.take() {
      case .stop: return [.stop]
      case .reload: return [.reloadRequested]
      case nil: return []
      }
    case .drop:
      watcher?.takeHints()
      admission.noteArrival()
      return [.dropChanged]
    case .output(let id): return hear(id)
    case .end(let id): return reap(id)
    case .orphan(let id): return lookAtOrphan(id)
    case .metrics(let descriptor):
      export.server?.take(descriptor, metricsText)
      return []
    }
  }

  private func perform(_ action: Action) -> [Event] {
    switch action {
    case .recover: return recover()
    case .scanDrop: return scanDrop()
    case .start(let id): return start(id)
    case .record(let id, let transition): return record(id, transition)
    case .examine(let id): return [.examined(id, hasWorked: workers[id]?.hasWorked() ?? true)]
    case .stopWorker(let id): stopWorker(id)
    case .killWorker(let id): killWorker(id)
    case .stopOrphan(let id): return stopOrphan(id)
    case .killOrphan(let id): killOrphan(id)
    case .explain(let id, let reason, let after): explain(id, reason, after)
    case .noteCancellation(let id): noteCancellation(id)
    case .saveProgress(let id, let progress): saveProgress(id, progress)
    case .purge(let needed, let names): return purge(sparing: needed, names: names)
    case .startTimer(let timer, let delay): timers.start(timer, after: delay)
    case .cancelTimer(let timer): timers.cancel(timer)
    case .reload: return reload(scheduler.policy)
    // Of many jobs that are admitted at once, the last one's line is enough.
    case .notify(.status(let line)): status = line
    case .notify(let message):
      setup.notifier.notify(message)
      if message == .ready { isReady = true }
    case .showProblem(let problem):
      self.problem = problem
      showProblem()
    case .exit:
      hasEnded = true
      say(.notice, "stopped", .ended)
    }
    return []
  }

  /// Without hints from the kernel the daemon still finds everything in its regular rescans.
  func watchDrop() {
    do {
      watcher = try DropWatcher(setup.layout.drop)
    } catch {
      say(.warning, "\(error); new files are found every half minute only")
    }
  }
}
