import Jobs
import TestSupport
import Testing

@testable import Supervision

/// What holds for any order of events.
@Suite struct SchedulerPropertyTests {
  /// Random events: promises of the scheduler that hold in any order, checked by a model of the
  /// processes and the disk that shares no code with it.
  @Test(arguments: 0..<30 as Range<UInt64>)
  func keepsItsPromisesInAnyOrderOfEvents(_ seed: UInt64) {
    var random = SplitMix(seed: seed)
    var world = World(maxWorkers: Int.random(in: 1...3, using: &random))
    for _ in 0..<200 { world.step(&random) }
    world.finish()
  }
}

/// The rest of the world: which workers live, and what the disk says.
private struct World {
  var scheduler: Scheduler
  var maxWorkers: Int
  var workers: Set<Int> = []
  var submitted: Set<Int> = []
  var ended: Set<Int> = []
  /// Jobs that cannot be edited: that have run, or that somebody has cancelled.
  var fixed: Set<Int> = []
  /// Jobs whose entries are in `running`, for all that is known.
  var started: Set<Int> = []
  /// Jobs somebody has asked to hold and not released since.
  var held: Set<Int> = []
  var isPaused = false
  /// Jobs that have ended at least once.
  var hasEnded: Set<Int> = []
  /// What a job has to wait for.
  var mustEnd: [Int: Set<Int>] = [:]
  var timers: Set<SchedulerTimer> = []
  var exited = false
  var nextID = 1

  init(maxWorkers: Int) {
    self.maxWorkers = maxWorkers
    var policy = SchedulingPolicy()
    policy.maxWorkers = maxWorkers
    policy.workerTimeout = .seconds(60)
    scheduler = Scheduler(policy)
    send(.opened) { _ in true }
  }

  mutating func step(_ random: inout SplitMix) {
    let id = Int.random(in: 1...max(1, nextID - 1), using: &random)
    let diskWorks = Bool.random(using: &random)
    switch Int.random(in: 0..<16, using: &random) {
    case 0, 1:
      submitted.insert(nextID)
      nextID += 1
      send(.appeared(job(nextID - 1, &random), .queued)) { _ in diskWorks }
    case 14, 15:
      guard submitted.contains(id), !ended.contains(id), !fixed.contains(id), !started.contains(id)
      else { return }
      // An edit never releases.
      if Bool.random(using: &random) { held.insert(id) }
      send(.edited(job(id, &random), isHeld: held.contains(id))) { _ in diskWorks }
    case 2:
      if submitted.contains(id) { fixed.insert(id) }
      send(.cancelRequested(id)) { _ in diskWorks }
    case 8:
      if submitted.contains(id), !ended.contains(id) { held.insert(id) }
      send(.holdRequested(id)) { _ in diskWorks }
    case 9:
      held.remove(id)
      send(.released(id)) { _ in diskWorks }
    case 10: send(.prioritized(id, Int.random(in: -9...9, using: &random))) { _ in diskWorks }
    case 12:
      isPaused = Bool.random(using: &random)
      send(.paused(isPaused)) { _ in diskWorks }
    case 13:
      maxWorkers = Int.random(in: 1...3, using: &random)
      var policy = scheduler.policy
      policy.maxWorkers = maxWorkers
      send(.reloaded(policy)) { _ in diskWorks }
    case 11:
      guard let job = ended.randomElement(using: &random) else { return }
      ended.remove(job)
      held.remove(job)
      mustEnd[job] = nil
      send(.revived(JobSummary(id: job, kind: "sample", name: "job"))) { _ in diskWorks }
    case 3: send(.message(id, .progress(Progress(step: 1, steps: 9)))) { _ in diskWorks }
    case 4, 5:
      guard let worker = workers.randomElement(using: &random) else { return }
      workers.remove(worker)
      let code: Int32 = [0, 65, 75, 1].randomElement(using: &random) ?? 0
      send(.exited(worker, report(code: code))) { _ in diskWorks }
    default:
      guard let timer = timers.randomElement(using: &random) else { return }
      timers.remove(timer)
      send(.timer(timer)) { _ in diskWorks }
    }
  }

  /// What job `id` is from now on, and waits for.
  private mutating func job(_ id: Int, _ random: inout SplitMix) -> JobSummary {
    let maker = Int.random(in: 1...max(1, nextID - 1), using: &random)
    let summary = JobSummary(
      id: id, kind: "sample", name: "job",
      model: Bool.random(using: &random) ? .job(maker) : nil,
      after: prerequisites(before: id, &random),
      timeLeft: Bool.random(using: &random)
        ? .seconds(Int.random(in: 0...9, using: &random)) : nil)
    var earlier = Set(summary.after.map(\.job))
    if summary.model != nil, maker < id, !ended.contains(maker) { earlier.insert(maker) }
    mustEnd[id] = earlier
    return summary
  }

  /// Some jobs below `id` to wait for, not ended yet.
  private func prerequisites(before id: Int, _ random: inout SplitMix) -> [Prerequisite] {
    (0..<Int.random(in: 0...2, using: &random)).compactMap { _ in
      guard id > 1, let when = Dependency.Condition.allCases.randomElement(using: &random)
      else { return nil }
      let job = Int.random(in: 1..<id, using: &random)
      return hasEnded.contains(job) ? nil : Prerequisite(job: job, when: when)
    }
  }

  /// Lets everything run to its end, with a disk that works.
  mutating func finish() {
    isPaused = false
    send(.paused(false)) { _ in true }
    for id in held.sorted() {
      held.remove(id)
      send(.released(id)) { _ in true }
    }
    for _ in 0..<10_000 where !(workers.isEmpty && timers.subtracting([.rescan]).isEmpty) {
      if let worker = workers.min() {
        workers.remove(worker)
        send(.exited(worker, report(code: 0))) { _ in true }
      } else if let timer = timers.subtracting([.rescan]).first {
        timers.remove(timer)
        send(.timer(timer)) { _ in true }
      }
    }
    #expect(ended == submitted, "jobs are forgotten or never end")
    send(.stop) { _ in true }
    #expect(exited)
  }

  private mutating func send(_ event: Event, diskWorks: (Int) -> Bool) {
    var events = [event]
    while !events.isEmpty {
      for action in scheduler.handle(events.removeFirst()) {
        switch action {
        case .start(let id):
          #expect(!workers.contains(id), "two workers for one job")
          #expect(!ended.contains(id), "a job runs after its end")
          #expect(!held.contains(id), "a held job runs")
          #expect(!isPaused, "a job starts though the queue is paused")
          #expect(mustEnd[id, default: []].isSubset(of: hasEnded), "a job does not wait")
          started.insert(id)
          if diskWorks(id) {
            fixed.insert(id)
            workers.insert(id)
          } else {
            events.append(.startFailed(id, reason: "no space"))
          }
          #expect(workers.count <= maxWorkers)
        case .killWorker(let id), .stopWorker(let id):
          #expect(workers.contains(id), "a signal for a worker that is gone")
        case .record(let id, let transition):
          #expect(!workers.contains(id), "the entry moves while the worker lives")
          #expect(!ended.contains(id), "a job ends twice")
          guard diskWorks(id) else {
            events.append(.recordFailed(id, reason: "no space"))
            break
          }
          started.remove(id)
          switch transition {
          case .done, .failed, .timedOut, .cancelled:
            ended.insert(id)
            hasEnded.insert(id)
          case .queued, .deferred, .held: break
          }
          events.append(.recorded(id))
        case .startTimer(let timer, _): timers.insert(timer)
        case .cancelTimer(let timer): timers.remove(timer)
        case .examine(let id):
          events.append(.examined(id, hasWorked: (id + nextID).isMultiple(of: 2)))
        case .reload: events.append(.reloaded(scheduler.policy))
        case .scanDrop: events.append(.scanned(retryAfter: nil, problem: nil))
        case .exit: exited = true
        case .explain(let id, _, _): #expect(!workers.contains(id) && !ended.contains(id))
        case .recover, .purge, .saveProgress, .notify, .showProblem, .noteCancellation, .stopOrphan,
          .killOrphan:
          break
        }
      }
    }
  }
}
