import ArgumentParser
import DurableIO
import Glibc
import GuardedFiles
import Jobs
import Spool

/// Which spool is meant.
struct SpoolOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder given to 'ddpmd --root'. Default: $DDPM_ROOT, else the machine's own spool.",
      valueName: "dir"), completion: .directory)
  var root: String?

  /// The folder, absolute; nil for the machine's spool.
  private var folder: String? {
    (root ?? environment("DDPM_ROOT")).flatMap { $0.isEmpty ? nil : absolutePath($0) }
  }

  var layout: SpoolLayout { folder.map { SpoolLayout(root: $0) } ?? .system }

  var reader: SpoolReader { SpoolReader(layout) }

  /// What starts a daemon for this spool.
  var startCommand: String {
    folder.map { "ddpmd --root \(shellWord($0))" } ?? "systemctl start ddpmd"
  }

  /// A `ddpmctl` command line for this spool, to be shown to people.
  func command(_ arguments: String) -> String {
    root == nil ? "ddpmctl \(arguments)" : "ddpmctl \(arguments) --root \(shellWord(folder ?? ""))"
  }

  /// Ends with an explanation where there is no spool at all.
  func requireSpool() throws {
    if try attempt({ try Directory.exists(layout.jobs) }) { return }
    let how =
      folder == nil
      ? "install and start the service (\(startCommand)), or name a private one with --root"
      : "check --root, or start the daemon there once: \(startCommand)"
    throw Refusal("there is no spool in \(folder ?? layout.state); \(how)")
  }

  /// Makes a private spool that is not there yet, as its daemon would. The machine's own is made
  /// when it is installed.
  func createSpool() throws {
    if folder == nil { return try requireSpool() }
    try attempt {
      if try !Directory.exists(layout.jobs) { try layout.createDirectories() }
    }
  }

  /// Hands the content of a job file to the daemon.
  func submit(_ file: [UInt8]) throws(Refusal) -> Submission.Token {
    try submitting { () throws(SystemError) in try Submission.submit(file, to: layout) }
  }

  /// Hands a command to the daemon.
  func submit(_ command: Command) throws(Refusal) -> Submission.Token {
    try submitting { () throws(SystemError) in try Submission.submit(command, to: layout) }
  }

  private func submitting(
    _ submit: () throws(SystemError) -> Submission.Token
  ) throws(Refusal) -> Submission.Token {
    do {
      return try submit()
    } catch {
      guard folder == nil, error.isPermissionDenied else { throw Refusal(error.description) }
      throw Refusal(
        "only members of the group ddpm may submit jobs and commands; root makes you one with "
          + "\"adduser \(userName(geteuid())) ddpm\", which holds when you log in anew")
    }
  }

  /// The job that `reference` means: of several with one name the newest, if possible one that
  /// `isPreferred`; then it is said which.
  func job(
    _ reference: JobReference, preferring isPreferred: (SpoolReader.Job) -> Bool = { _ in true }
  ) throws -> JobView {
    try requireSpool()
    let jobs = try allJobs(.one(reference))
    let job = jobs.last(where: isPreferred) ?? jobs[jobs.count - 1]
    sayIsMeant(job, of: jobs, reference)
    return view(job)
  }

  /// Says which job is meant where several have one name: the newest.
  func sayWhichIsMeant(_ reference: JobReference) throws {
    let jobs = try attempt { try reader.jobs(reference) }
    if let job = jobs.last { sayIsMeant(job, of: jobs, reference) }
  }

  private func sayIsMeant(
    _ job: SpoolReader.Job, of jobs: [SpoolReader.Job], _ reference: JobReference
  ) {
    if jobs.count > 1 { say("\(jobs.count) jobs are named \(reference); job \(job.id) is meant") }
  }

  func view(_ job: SpoolReader.Job) -> JobView {
    JobView(
      job, in: layout, isServed: job.state.isFinal || hasDaemon,
      isPaused: job.state == .queued && isPaused)
  }

  /// The same for many jobs, for which the daemon is asked after once.
  ///
  /// - isServed: Whether there is a daemon, where that is known.
  func viewer(isServed: Bool? = nil) -> (SpoolReader.Job) -> JobView {
    let (isServed, isPaused) = (isServed ?? hasDaemon, isPaused)
    return { JobView($0, in: layout, isServed: isServed, isPaused: isPaused) }
  }

  private var isPaused: Bool { (try? reader.pause().isPaused) == true }

  /// Whether a daemon serves the spool. Not knowing counts as yes: no false alarm.
  var hasDaemon: Bool {
    do {
      return try reader.daemon() != nil
    } catch {
      return true
    }
  }
}

/// Does what may fail because of the machine; such a failure ends ddpmctl with its reason.
func attempt<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as SystemError {
    throw Refusal(error.description)
  }
}

/// Writes a file that the user has named `path`, whole or not at all.
func writeForUser(_ content: [UInt8], to path: String) throws {
  do {
    try AtomicFile.write(content, to: absolutePath(path))
  } catch {
    throw Refusal("cannot write \(path): \(error.reason)")
  }
}

/// `path` from the root of the file system; relative ones are taken from `folder`, or from the
/// working directory, and go without `.` and `..`.
func absolutePath(_ path: String, in folder: String? = nil) -> String {
  if path.hasPrefix("/") { return path }
  var parts: [Substring] = []
  for part in "\(folder ?? workingDirectory())/\(path)".split(separator: "/") {
    switch part {
    case ".": break
    case "..": _ = parts.popLast()
    default: parts.append(part)
    }
  }
  return "/" + parts.joined(separator: "/")
}

private func workingDirectory() -> String {
  guard let path = unsafe getcwd(nil, 0) else { return "" }
  defer { unsafe free(path) }
  return unsafe String(cString: path)
}
