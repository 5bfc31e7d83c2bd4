import ArgumentParser
import DurableIO
import Jobs
import Spool

struct Submit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Submit a job file; print the job's number, or those of an array's jobs.",
    discussion: """
      The file is checked first. Relative paths in it are taken from its folder. A private spool \
      (--root) that is not there yet is made. With --wait the exit code is the job's own outcome: 0 done, 1 failed, 2 cancelled. Ctrl-C while waiting \
      leaves the job alone. Of an array it is that of the first job that is not done.
      """)

  @OptionGroup var spool: SpoolOptions

  @OptionGroup(title: "The job's place in the queue") var queue: QueueOptions

  @Flag(help: "Show the job's progress and end as it ends.")
  var wait = false

  @Argument(help: "The job file; - is standard input.", completion: .file(extensions: ["json"]))
  var file: String

  func run() throws {
    let file = try JobFile(file, changing: queue.applied)
    let cost = try file.cost()
    try spool.createSpool()
    if let warning = cost?.warning { say("warning: \(warning)") }
    for sentence in file.missingFiles { say("warning: \(sentence)") }
    if let (key, model) = file.model {
      let jobs = try model.job.map { reference in
        try attempt { try spool.reader.jobs(reference) }.map(spool.view)
      }
      if let jobs, let reference = model.job, let doubt = spool.doubt(about: reference, jobs) {
        say("warning: \(key).job: \(doubt); the job fails unless that changes before it runs")
      }
      if let folder = model.folder ?? jobs.flatMap(resultsMeant),
        let misfit = file.misfit(with: folder)
      {
        say("warning: \(misfit); the job fails unless its model changes before it runs")
      }
    }
    for case .one(.name(let name)) in queue.after { try spool.sayWhichIsMeant(.name(name)) }
    let interrupt = Interrupt()
    let token = try spool.submit(file.bytes)
    if wait {
      var follower = Follower(spool, interrupt)
      let ids = try follower.admission(of: token)
      Terminal.output.write("\(text(ids, isArray: file.array != nil))\n")
      try follower.end(ofAll: ids)
    } else {
      let ids = try spool.decision(on: token, what: "job", interrupt)
      print(text(ids, isArray: file.array != nil))
    }
  }

  private func text(_ ids: ClosedRange<Int>, isArray: Bool) -> String {
    isArray ? "\(ids.lowerBound)-\(ids.upperBound)" : "\(ids.lowerBound)"
  }
}

extension SpoolOptions {
  /// Why a model may not be there when a job wants it, as far as the queue tells.
  ///
  /// - jobs: Those that `reference`, where it is to come from, means now.
  fileprivate func doubt(about reference: JobReference, _ jobs: [JobView]) -> String? {
    let makers = jobs.filter { $0.kind == "train" }
    if makers.contains(where: \.mayMakeModel) { return nil }
    if let maker = makers.last { return ending(of: maker) }
    if let other = jobs.last { return "\(other.title) is not a train job" }
    return "there is no job \(reference) so far"
  }

  /// Waits a short while for the daemon's decision on a job or command; the numbers of
  /// the jobs.
  ///
  /// Throws: the exit code where it was refused, or not decided in time.
  func decision(
    on token: Submission.Token, what: String, _ interrupt: Interrupt
  ) throws -> ClosedRange<Int> {
    let file = layout.drop + "/" + token.fileName
    // Admission takes some milliseconds; half a minute is far longer than it ever takes. What is
    // counted is the time spent waiting, so that who is suspended meanwhile misses nothing.
    var (waited, pause) = (0, 10)
    while waited < 30_000 {
      switch try outcome(of: token) {
      case .accepted(let job): return job...job
      case .acceptedArray(let ids): return ids
      case .rejected(let reason):
        throw Refusal(
          "the \(what) was refused: \(reason)", token.isCommand ? Exit.failed : Exit.wrongFile)
      case .pending: break
      }
      // A daemon that is just starting gets a moment.
      if waited >= 1000, !hasDaemon {
        throw Refusal(
          "ddpmd is not running; the \(what) lies in \(file) and will be taken in when it starts: "
            + startCommand, Exit.undecided)
      }
      if waited >= 1000, let problem = try attempt({ try reader.daemonProblem() }) {
        throw Refusal(
          "ddpmd cannot take the \(what) in yet: \(problem); it lies in \(file)", Exit.undecided)
      }
      if !interrupt.pause(milliseconds: pause) {
        throw Refusal("stopped waiting; the \(what) lies in \(file)", Exit.interrupted)
      }
      waited += pause
      pause = min(pause * 2, 250)
    }
    throw Refusal(
      "ddpmd has not taken the \(what) in yet; it lies in \(file). See: \(command("status"))",
      Exit.undecided)
  }
}

/// Where a model is, of those that `jobs` make, that is made already; nil if it is not, or another one
/// will be meant.
private func resultsMeant(_ jobs: [JobView]) -> String? {
  let maker = jobs.last { $0.kind == "train" && $0.mayMakeModel }
  return maker.flatMap { $0.job.state == .done ? $0.directory.results : nil }
}

extension JobView {
  /// Whether it has results or may get to them.
  fileprivate var mayMakeModel: Bool { job.state == .done || !job.state.isFinal }
}
