// Runs the daemon: performs what the scheduler decides, and tells it what happens.
//
// One task owns the scheduler, the admission and the workers' handles. Signals, inotify, the ends
// of workers and timers come to it as events of one stream; it sleeps when nothing happens.
//
// Promises: an entry is in `running` before its worker starts and leaves it after the worker has
// ended. The daemon itself is stopped by a `stop` and by nothing a job or a file does.

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
  /// Threads of one worker.
  public var threads: Int
  /// Who is told how the daemon is.
  public var notifier = ServiceNotifier.systemd
  /// Where the daemon says what it does.
  public var log: Logger

  /// A setup for the daemon of `layout`.
  public init(
    layout: SpoolLayout, configuration: Configuration, worker: String, threads: Int, log: Logger
  ) {
    self.layout = layout
    self.configuration = configuration
    self.worker = worker
    self.threads = threads
    self.log = log
  }
}

/// Why a daemon does not come to life.
public enum SupervisorError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Another daemon, with that process id if it is known, serves the spool.
  case anotherDaemon(state: String, processID: Int32?)
  /// The machine is at fault.
  case system(SystemError)
  /// The state on disk is not what a daemon leaves.
  case spool(SpoolError)

  /// One sentence.
  public var description: String {
    switch self {
    case .anotherDaemon(let state, let processID):
      "another ddpmd\(processID.map { " (process \($0))" } ?? "") serves \(state); "
        + "stop it first, or give this one another --root"
    case .system(let error): error.description
    case .spool(let error): error.description
    }
  }
}

/// The daemon.
public final class Supervisor {
  let setup: SupervisorSetup
  let queue: JobQueue
  var admission: Admission
  var workers: [Int: WorkerProcess] = [:]
  /// May be called from any thread.
  let post: @Sendable (Event) -> Void
  private let lock: FileLock
  private let events: AsyncStream<Event>
  private var scheduler: Scheduler
  private var timers: Timers

  /// Makes what is missing of the spool and takes its lock.
  public convenience init(_ setup: SupervisorSetup) throws(SupervisorError) {
    var policy = SchedulingPolicy()
    policy.maxWorkers = setup.configuration.maxWorkers
    policy.stopGrace = setup.configuration.stopGrace
    policy.crashLimit = setup.configuration.crashLimit
    policy.watchdogInterval = ServiceNotifier.watchdogInterval
    try self.init(setup, policy: policy, admission: Admission.Policy())
  }

  package init(
    _ setup: SupervisorSetup, policy: SchedulingPolicy, admission: Admission.Policy
  ) throws(SupervisorError) {
    self.setup = setup
    lock = try Self.takeLock(setup.layout)
    do {
      self.admission = try Admission(setup.layout, policy: admission)
    } catch {
      lock.release()
      throw .spool(error)
    }
    queue = JobQueue(setup.layout)
    let (events, continuation) = AsyncStream.makeStream(of: Event.self)
    self.events = events
    let post: @Sendable (Event) -> Void = { continuation.yield($0) }
    self.post = post
    scheduler = Scheduler(policy)
    timers = Timers { post(.timer($0)) }
  }

  private static func takeLock(_ layout: SpoolLayout) throws(SupervisorError) -> FileLock {
    do {
      try layout.createDirectories()
      if let lock = try FileLock.acquire(layout.lock) { return lock }
      throw SupervisorError.anotherDaemon(
        state: layout.state, processID: try FileLock.holder(layout.lock))
    } catch let error as SystemError {
      throw .system(error)
    } catch let error as SupervisorError {
      throw error
    } catch {
      preconditionFailure("no other error is thrown: \(error)")
    }
  }

  /// Asks the daemon to stop: workers write their checkpoints first, unless it is asked again.
  /// May be called from any thread.
  public var stop: @Sendable () -> Void {
    let post = post
    return { post(.stop) }
  }

  /// Serves the spool until it is stopped.
  public func run() async {
    // Whatever comes between now and the end of the recovery waits in the stream.
    let watcher = watchDrop()
    post(.began)
    for await event in events {
      if case .timer(let timer) = event { timers.cancel(timer) }
      if await handle(event) { break }
    }
    withExtendedLifetime(watcher) {}
    lock.release()
  }

  /// Lets the scheduler decide and does what it says; true when that is to exit.
  private func handle(_ event: Event) async -> Bool {
    // Answers come before the next event from outside.
    var pending = [event]
    var exits = false
    while !pending.isEmpty {
      for action in scheduler.handle(pending.removeFirst()) {
        if action == .exit { exits = true }
        pending += await perform(action)
      }
    }
    return exits
  }

  private func perform(_ action: Action) async -> [Event] {
    switch action {
    case .recover: return recover()
    case .scanDrop: return scanDrop()
    case .start(let id): return await start(id)
    case .record(let id, let transition): return record(id, transition)
    case .stopWorker(let id): stopWorker(id)
    case .killWorker(let id): killWorker(id)
    case .stopOrphan(let id): stopOrphan(id)
    case .killOrphan(let id): killOrphan(id)
    case .noteCancellation(let id): noteCancellation(id)
    case .saveProgress(let id, let progress): saveProgress(id, progress)
    case .startTimer(let timer, let delay): timers.start(timer, after: delay)
    case .cancelTimer(let timer): timers.cancel(timer)
    case .notify(let message): setup.notifier.notify(message)
    case .exit: setup.log.info("stopped")
    }
    return []
  }

  /// Without hints from the kernel the daemon still finds everything in its regular rescans.
  private func watchDrop() -> DropWatcher? {
    do {
      let post = post
      return try DropWatcher(setup.layout.drop) { post(.dropChanged) }
    } catch {
      setup.log.warning("\(error); new files are found every half minute only")
      return nil
    }
  }
}
