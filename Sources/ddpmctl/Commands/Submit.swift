import ArgumentParser
import DurableIO
import Jobs
import Spool

struct Submit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Submit job files; print the jobs' numbers, a line for each file.",
    discussion: """
      All files are checked before any is submitted, in their order. Relative paths in a file are \
      taken from its folder. Of an array the numbers are printed as 17-19. A private spool (--root) \
      that is not there yet is made. With --wait the exit code is the job's own outcome: 0 done, 1 \
      failed, 2 cancelled. Ctrl-C while waiting leaves the jobs alone. Of an array the exit code is \
      that of the first job that is not done; of several files it is the worst: 65 before 75, 1, 2 \
      and 0.
      """)

  @OptionGroup var spool: SpoolOptions

  @OptionGroup(title: "The jobs' place in the queue") var queue: QueueOptions

  @Flag(help: "Show the jobs' progress and end as they end.")
  var wait = false

  @Argument(help: "The job files; - is standard input.", completion: .file(extensions: ["json"]))
  var files: [String]

  func validate() throws {
    if files.count > 1 && queue.key != nil {
      throw ValidationError(
        "--key names one submission; several files say it themselves, in $.queue.idempotency_key")
    }
  }

  func run() throws {
    let files = try checkedFiles()
    try spool.createSpool()
    for (index, file) in files.enumerated() {
      for warning in try warnings(of: file, behind: files[..<index]) {
        say("\(place(of: file))warning: \(warning)")
      }
    }
    for case .one(.name(let name)) in queue.after { try spool.sayWhichIsMeant(.name(name)) }
    let interrupt = Interrupt()
    var troubles = Troubles()
    let submitted = submit(files, &troubles)
    var follower = Follower(spool, interrupt)
    var jobs: [ClosedRange<Int>] = []
    var waited = 0
    for (file, token) in submitted where !troubles.wereInterrupted {
      do {
        let ids =
          try wait
          ? follower.admission(of: token)
          : spool.decision(on: token, what: "job", interrupt, waited: &waited)
        Terminal.output.write("\(text(ids, isArray: file.array != nil))\n")
        jobs.append(ids)
      } catch let refusal as Refusal {
        troubles.add(refusal, place(of: file))
      }
    }
    for ids in jobs where wait && !troubles.wereInterrupted {
      do {
        try follower.end(ofAll: ids)
      } catch let code as ExitCode {
        troubles.add(code)
      }
    }
    try troubles.end()
  }

  /// Reads and checks all files.
  ///
  /// Throws: what is wrong with any of them.
  private func checkedFiles() throws -> [JobFile] {
    var troubles = Troubles()
    var checked: [JobFile] = []
    for path in files {
      do {
        let file = try JobFile(path, changing: queue.applied)
        _ = try file.cost()
        checked.append(file)
      } catch let refusal as Refusal {
        troubles.add(refusal)
      }
    }
    try troubles.end()
    return checked
  }

  /// Hands the files over, in their order, as far as the machine lets it.
  private func submit(
    _ files: [JobFile], _ troubles: inout Troubles
  ) -> [(file: JobFile, token: Submission.Token)] {
    var submitted: [(JobFile, Submission.Token)] = []
    do {
      for file in files { submitted.append((file, try spool.submit(file.bytes))) }
    } catch {
      let rest = files[submitted.count...].map(\.name).joined(separator: ", ")
      troubles.add(error, self.files.count > 1 ? "not submitted: \(rest): " : "")
    }
    return submitted
  }

  /// What may keep the job of a file from running.
  ///
  /// - earlier: The files that are submitted before it.
  private func warnings(of file: JobFile, behind earlier: ArraySlice<JobFile>) throws -> [String] {
    var warnings = try [file.cost()?.warning].compactMap(\.self) + file.missingFiles
    guard let (key, model) = file.model else { return warnings }
    // The newest of that name is meant, which is there only when its file is submitted.
    let isMadeHere = earlier.contains { model == .jobNamed($0.spec.name) && $0.spec.isTraining }
    if isMadeHere { return warnings }
    let jobs = try model.job.map { reference in
      try attempt { try spool.reader.jobs(reference) }.map(spool.view)
    }
    if let jobs, let reference = model.job, let doubt = spool.doubt(about: reference, jobs) {
      warnings.append("\(key).job: \(doubt); the job fails unless that changes before it runs")
    }
    if let folder = model.folder ?? jobs.flatMap(resultsMeant),
      let misfit = file.misfit(with: folder)
    {
      warnings.append("\(misfit); the job fails unless its model changes before it runs")
    }
    return warnings
  }

  /// What a message about a file begins with, where there are several.
  private func place(of file: JobFile) -> String { files.count > 1 ? "\(file.name): " : "" }

  private func text(_ ids: ClosedRange<Int>, isArray: Bool) -> String {
    isArray ? "\(ids.lowerBound)-\(ids.upperBound)" : "\(ids.lowerBound)"
  }
}

extension JobSpec {
  fileprivate var isTraining: Bool { if case .train = work { true } else { false } }
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
  /// - waited: Milliseconds that have been waited since the daemon has last decided on anything.
  ///
  /// Throws: the exit code where it was refused, or not decided in time.
  func decision(
    on token: Submission.Token, what: String, _ interrupt: Interrupt, waited: inout Int
  ) throws -> ClosedRange<Int> {
    let file = layout.drop + "/" + token.fileName
    // Admission takes some milliseconds; half a minute is far longer than it ever takes. What is
    // counted is the time spent waiting, so that who is suspended meanwhile misses nothing.
    var pause = 10
    repeat {
      let outcome = try outcome(of: token)
      if outcome != .pending { waited = 0 }
      switch outcome {
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
            + startCommand
            + (token.isCommand
              ? "; were it refused then, the reason would be in "
                + layout.reason(ofRejected: token.fileName) : ""),
          Exit.undecided)
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
    } while waited < 30_000
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
