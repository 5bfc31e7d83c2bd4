import DurableIO
import Glibc
import Jobs
import Spool
import StrictJSON
import Supervision

/// Cycle after cycle of a daemon that is asked for things and killed; between cycles the oracle
/// judges. Every `round` cycles the daemon is left alone until all jobs have come to their ends,
/// and everything is judged by what must be true then.
final class Campaign {
  static let round = 25

  let oracle: Oracle
  private(set) var endings: [Ending: Int] = [:]
  private(set) var moments: [Moment: Int] = [:]
  private(set) var cycles = 0
  /// What was done, for whoever looks for the cause of a violation.
  private let journal: AppendLog
  let start = ContinuousClock.now
  private let folder: String
  let layout: SpoolLayout
  private let programs: Programs
  let images: String
  private let watch: TreeWatch
  var dice: Dice
  var submitter: Submitter
  private(set) var daemon: Daemon?
  /// What the configuration file says, but for a moment.
  var settings = Settings()
  let configuration: String
  /// Idempotency keys so far.
  var keys = 0

  /// - folder: gets the spool and everything else; must be new.
  init(folder: String, programs: Programs, seed: UInt64) throws {
    self.folder = folder
    self.programs = programs
    dice = Dice(seed: seed)
    layout = SpoolLayout(root: folder)
    submitter = Submitter(layout)
    try layout.createDirectories()
    images = folder + "/images.idx"
    try AtomicFile.write(Images.idx, to: images)
    configuration = folder + "/ddpmd.conf"
    try AtomicFile.write(settings.text, to: configuration)
    journal = try AppendLog(folder + "/journal")
    oracle = Oracle(
      layout,
      try References(folder: folder + "/references", programs: programs, images: images))
    watch = try TreeWatch([layout.spool, layout.state])
    ChildProcess.adoptOrphans()
  }

  /// Lets a daemon live for a while and ends it; judges what is left.
  func cycle() throws {
    cycles += 1
    if daemon == nil && dice.chance(0.6) { try ask() }
    let ending = dice.pick(Ending.weights)
    let moment = dice.pick(Moment.weights)
    try live(until: moment, asking: dice.chance(0.7))
    try end(ending, at: moment)
    if daemon == nil { try oracle.judge() }
    if cycles % Self.round == 0 { try finishRound() }
  }

  private func live(until moment: Moment, asking: Bool) throws {
    try startDaemon()
    let first = ContinuousClock.now
    if asking && moment != .recovery {
      pause(dice.microseconds(0...50_000))
      try ask()
    }
    switch moment {
    case .recovery: sleep(until: first + dice.microseconds(0...25_000))
    case .early: sleep(until: first + dice.microseconds(0...300_000))
    case .late: sleep(until: first + dice.microseconds(300_000...1_000_000))
    case .admission, .transition, .checkpoint, .publication, .removal, .reload:
      watch.discard()
      // Not always the first such change, nor just behind it.
      for _ in 0..<Int.random(in: 1...4, using: &dice) {
        _ = watch.wait(until: first + .milliseconds(700)) {
          moment.isThat(of: String($0.dropFirst(folder.count)))
        }
      }
      if dice.chance(0.5) { pause(dice.microseconds(0...1500)) }
    }
  }

  private func end(_ ending: Ending, at moment: Moment) throws {
    guard let daemon else { return }
    var workers = try daemon.workers()
    let patience = ContinuousClock.now + .milliseconds(200)
    while ending == .workerKilled && workers.isEmpty && ContinuousClock.now < patience {
      pause(.milliseconds(2))
      workers = try daemon.workers()
    }
    var ending = ending
    if ending == .workerKilled && workers.isEmpty { ending = .daemonKilled }
    endings[ending, default: 0] += 1
    moments[moment, default: 0] += 1
    try note("\(ending.rawValue), \(moment.rawValue)")
    switch ending {
    case .workerKilled:
      workers.randomElement(using: &dice)?.send(SIGKILL)
      return
    case .daemonKilled:
      try daemon.kill()
    case .bothKilled:
      if dice.chance(0.5) { workers.forEach { $0.send(SIGKILL) } }
      try daemon.kill()
      try orphans().forEach { $0.send(SIGKILL) }
    case .stopped:
      return try stopDaemon()
    case .killedWhileStopping:
      try daemon.requestStop()
      pause(dice.microseconds(0...20_000))
      try daemon.kill()
    }
    forgetDaemon()
    // The next daemon sometimes finds a worker alive.
    if ending == .bothKilled || dice.chance(0.5) { try awaitOrphans() }
  }

  func startDaemon() throws {
    if daemon != nil { return }
    daemon = try Daemon(
      programs, root: folder, configuration: configuration, settings, running: oracle.running,
      log: folder + "/ddpmd.log")
  }

  /// Has the daemon stop in order.
  func stopDaemon() throws {
    guard let daemon else { return }
    try daemon.requestStop()
    try daemon.awaitEnd()
    // What it was asked before it was to do first.
    try settleReload()
    forgetDaemon()
    try awaitOrphans()
  }

  private func forgetDaemon() {
    if let daemon { oracle.mostRunning = daemon.mostRunning }
    daemon = nil
  }

  private func sleep(until deadline: ContinuousClock.Instant) {
    pause(max(deadline - .now, .zero))
  }

  // MARK: Processes that are left

  private func orphans() throws -> [ChildProcess] {
    try ChildProcess.children().filter { $0.id != daemon?.id }
  }

  /// Workers end soon after their daemon, with a checkpoint.
  private func awaitOrphans() throws {
    for orphan in try orphans() where try orphan.wait() == nil {
      throw Violation(
        found: "process \(orphan.id) is alive", expected: "workers end with their daemon")
    }
  }

  /// Leaves no process behind, whatever has happened.
  func abandon() throws {
    for _ in 0..<2 {
      for process in try ChildProcess.children() {
        process.send(SIGKILL)
        _ = try process.wait(atMost: .seconds(10))
      }
    }
  }

  // MARK: Waiting

  /// Waits for ten minutes at least, those not counted in which everything here is stopped.
  func wait(_ what: String, _ condition: () throws -> Bool) throws {
    for _ in 0..<120_000 {
      if try condition() { return }
      pause(.milliseconds(5))
    }
    throw Violation(found: "nothing for ten minutes", expected: what)
  }

  func note(_ what: String) throws {
    let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
    try journal.append("cycle \(cycles), \(Int(milliseconds)) ms: \(what)")
  }
}
