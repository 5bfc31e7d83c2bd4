import ArgumentParser
import DurableIO
import Images
import Jobs
import Spool
import StrictJSON

struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch jobs, the queue and the machine on the whole screen.",
    discussion: """
      Looks once a second. Arrow keys select a job; c cancels it, once confirmed; h holds it, or \
      releases it; q ends. Of the jobs that wait the first \(mostWaiting) are shown.
      """)

  @OptionGroup var spool: SpoolOptions

  func run() throws {
    try spool.requireSpool()
    guard Terminal.output.isInteractive, var screen = FullScreen() else {
      throw Refusal("top needs a terminal; elsewhere see: \(spool.command("status"))")
    }
    defer { screen.restore() }
    var watch = SpoolWatch(spool)
    while true {
      try watch.look()
      let size = Terminal.output.size
      screen.draw(
        watch.screen.lines(
          width: size.columns ?? 80, height: size.rows ?? 24, isUnicode: Terminal.isUnicode,
          isColored: Terminal.output.usesColor))
      switch screen.next() {
      case .end: return
      case .up: watch.select(-1)
      case .down: watch.select(1)
      case .nothing: break
      case .key(let key): if try !watch.press(key) { return }
      }
    }
  }
}

/// So many of the jobs that wait are read at each look.
private let mostWaiting = 200

/// What `top` knows from one look to the next.
private struct SpoolWatch {
  private let spool: SpoolOptions
  private(set) var screen = TopScreen()
  private var processors: ProcessorTime?
  private var views: [JobView] = []
  /// Jobs that wait and are not among them.
  private var moreWaiting = 0
  private var selected: Int?
  /// The record of the job whose curve is shown.
  private var record: (id: Int, record: TrainingRecord)?
  /// The job that is cancelled once that is confirmed.
  private var isAsked: JobView?
  /// A command that is not decided on, and what it is.
  private var given: (token: Submission.Token, what: String)?
  private var lastLook: ContinuousClock.Instant?

  init(_ spool: SpoolOptions) { self.spool = spool }

  /// Reads spool and machine, not more often than once a second, and arranges what is shown.
  mutating func look() throws {
    if lastLook.map({ ContinuousClock.now - $0 >= .milliseconds(900) }) != false {
      lastLook = .now
      try lookAtJobs()
      try lookAtDaemon()
      lookAtMachine()
      try lookAtCommand()
    }
    screen.rows = views.map { view in
      TopScreen.Row(
        id: view.id, name: view.name, kind: view.kind, state: view.stateText,
        progress: view.job.state == .running ? view.progressLine : nil, reason: view.explanation)
    }
    screen.selected = views.firstIndex { $0.id == selected } ?? 0
    selected = views.isEmpty ? nil : views[screen.selected].id
    screen.plot = try attempt { try plot() }
  }

  private mutating func lookAtJobs() throws {
    let (jobs, left) = try attempt { () -> ([SpoolReader.Job], Int) in
      let queue = JobQueue(spool.layout)
      let waiting = try [.queued, .deferred, .held].flatMap { try queue.ids(in: $0) }.sorted()
      let shown = try Set(queue.ids(in: .running) + waiting.prefix(mostWaiting)).sorted()
      return (try shown.compactMap { try spool.reader.job($0) }, waiting.count - mostWaiting)
    }
    let all = jobs.filter { !$0.state.isFinal }.map(spool.viewer())
    views = all.filter { $0.job.state == .running } + all.filter { $0.job.state != .running }
    moreWaiting = max(left, 0)
  }

  private mutating func lookAtDaemon() throws {
    let (daemon, problem, isPaused) = try attempt {
      (
        try spool.reader.daemon(), try spool.reader.daemonProblem(),
        try spool.reader.pause().isPaused
      )
    }
    let state = daemon.map { "ddpmd is running (process \($0))" } ?? "ddpmd is not running"
    let more = moreWaiting > 0 ? "\(moreWaiting) more jobs wait" : nil
    screen.daemon = [state, isPaused ? "paused" : nil, problem, more].compactMap { $0 }
      .joined(separator: ", ")
  }

  private mutating func lookAtMachine() {
    let now = procFile("stat").flatMap(ProcessorTime.init)
    screen.machine = MachineLoad(
      processors: processors.flatMap { now?.load(since: $0) },
      memory: procFile("meminfo").flatMap(MemoryUse.init),
      freeDisk: try? Directory.freeSpace(at: spool.layout.state))
    processors = now
  }

  private mutating func lookAtCommand() throws {
    guard let (token, what) = given else { return }
    switch try spool.outcome(of: token) {
    case .pending: return
    case .accepted, .acceptedArray: screen.message = "\(what): accepted"
    case .rejected(let reason): screen.message = "\(what): refused: \(reason)"
    }
    given = nil
  }

  /// The curve of the selected job, or of the first that runs and has one.
  private mutating func plot() throws -> Plot? {
    let candidates = views.filter { $0.id == selected } + views.filter { $0.job.state == .running }
    for view in candidates {
      guard case .train(let spec) = view.spec?.work else { continue }
      if record?.id == view.id {
        try record?.record.update()
      } else {
        record = (view.id, try TrainingRecord(view.directory))
      }
      guard let record = record?.record, !record.steps.isEmpty else { continue }
      let job = TrainedJob(name: view.name, spec: spec, record: record)
      return TrainingPlots(title: view.title, jobs: [job]).plot(.loss, showsEach: false)
    }
    return nil
  }

  mutating func select(_ direction: Int) {
    (isAsked, screen.message) = (nil, nil)
    let index = min(max(screen.selected + direction, 0), max(views.count - 1, 0))
    selected = views.isEmpty ? nil : views[index].id
  }

  /// Does what a key stands for; false if it ends the program.
  mutating func press(_ key: UInt8) throws -> Bool {
    if let view = isAsked {
      (isAsked, screen.message) = (nil, nil)
      if key == UInt8(ascii: "y") { try give(.cancel, to: view, "cancel \(view.title)") }
      return true
    }
    screen.message = nil
    let view = views.indices.contains(screen.selected) ? views[screen.selected] : nil
    switch (UnicodeScalar(key), view) {
    case ("q", _): return false
    case ("k", _): select(-1)
    case ("j", _): select(1)
    case ("c", let view?):
      isAsked = view
      screen.message = "cancel \(view.title)? y: yes, any other key: no"
    case ("h", let view?):
      if view.job.entry.holdRequested || view.job.state == .held {
        try give(.release, to: view, "release \(view.title)")
      } else {
        try give(.hold, to: view, "hold \(view.title)")
      }
    default: break
    }
    return true
  }

  private mutating func give(_ command: JobCommand, to view: JobView, _ what: String) throws {
    do throws(SystemError) {
      given = (try Submission.submit(.job(view.id, command), to: spool.layout), what)
      screen.message = "\(what): asked"
    } catch {
      screen.message = "\(what): \(error)"
    }
  }
}
