import ArgumentParser
import DurableIO
import Glibc
import GuardedFiles
import Jobs
import Spool
import StrictJSON

struct Edit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Change a job that is not done.",
    discussion: """
      The job keeps its number and its place in the queue, and is from then on what the new file \
      says. Without a file and without --set your editor ($VISUAL, $EDITOR or vi) opens the job's. \
      Of a job that has run, what does not change its results may change: its section queue, \
      threads and activation_checkpointing. One that is held stays held, and one that has failed \
      or was cancelled runs when you retry it. Of several jobs with one name the newest that is not \
      done is meant.
      """)

  @OptionGroup var spool: SpoolOptions

  @Option(
    help: ArgumentHelp(
      "Change this key of the job's file, as queue.memory_limit=4GiB. May be repeated.",
      valueName: "key=value"),
    transform: Setting.init)
  var set: [Setting] = []

  @Argument(
    help: "The job's number or name.",
    completion: .jobs([.queued, .held, .deferred, .failed, .cancelled]), transform: jobReference)
  var job: JobReference

  @Argument(
    help: "The new job file; - is standard input.", completion: .file(extensions: ["json"]))
  var file: String?

  func run() throws {
    let view = try spool.job(job, preferring: { $0.state != .done })
    func set(_ file: JSONValue) -> JSONValue { self.set.reduce(file) { $1.applied(to: $0) } }
    if let file { return try replace(view, by: JobFile(file, changing: set)) }
    guard let old = Self.file(of: view) else {
      throw Refusal("this ddpmctl cannot read \(view.directory.job)")
    }
    if !self.set.isEmpty {
      return try replace(view, by: JobFile(named: "job \(view.id)", set(old)))
    }
    let text = old.serialized(pretty: true) + "\n"
    let path = try attempt { try Self.temporaryFile(text, named: "job-\(view.id).json") }
    try Self.openEditor(path)
    if try attempt({ try readFile(path) }) == Array(text.utf8) {
      try attempt { try Directory.removeTree(Self.folder(of: path)) }
      return say("nothing was changed")
    }
    do {
      try replace(view, by: JobFile(path))
    } catch let refusal as Refusal {
      throw Refusal(
        "\(refusal.message)\nwhat you wrote is in \(path); try again with: "
          + spool.command("edit \(view.id) \(shellWord(path))"), refusal.code)
    }
    try attempt { try Directory.removeTree(Self.folder(of: path)) }
  }

  private func replace(_ view: JobView, by file: JobFile) throws {
    if file.array != nil {
      throw Refusal("\(file.name): $.array: an edited job is one job", Exit.wrongFile)
    }
    if let warning = try file.cost()?.warning { say("warning: \(warning)") }
    for sentence in file.missingFiles { say("warning: \(sentence)") }
    let json = (try? JSONValue(parsing: file.bytes)) ?? file.spec.json
    try spool.give(
      .edit(ReplacementJob(spec: file.spec, json: json)), to: [.one(.number(view.id))],
      what: "edit", preferring: { _ in true },
      outcome: { view in
        "\(view.title) is changed"
          + (view.job.state.isFinal
            ? "; run it again with: \(spool.command("retry \(view.id)"))" : "")
      })
  }

  /// The job's file, with what commands have changed of its place in the queue since.
  private static func file(of view: JobView) -> JSONValue? {
    guard let envelope = view.job.envelope, envelope.job.object != nil else { return nil }
    guard view.job.entry.priority != envelope.spec.queue.priority else { return envelope.job }
    return envelope.job.setting(["queue", "priority"], to: .integer(view.job.entry.priority))
  }

  private static func temporaryFile(
    _ text: String, named name: String
  ) throws(SystemError) -> String {
    var folder = Array("/tmp/ddpmctl-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&folder) != nil else {
      throw SystemError(operation: "make a folder in", path: "/tmp", code: errno)
    }
    let path = String(decoding: folder.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    try AtomicFile.write(text, to: "\(path)/\(name)", mode: 0o600)
    return "\(path)/\(name)"
  }

  private static func folder(of path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
  }

  private static func openEditor(_ path: String) throws {
    let editor = ["VISUAL", "EDITOR"].lazy.compactMap(environment).first { !$0.isEmpty } ?? "vi"
    guard unsafe system("\(editor) \(shellWord(path))") == 0 else {
      throw Refusal("\(editor) failed; what you wrote, if anything, is in \(path)")
    }
  }
}

/// A key of a job's file and what it is to be.
struct Setting {
  private let path: [String]
  private let value: JSONValue

  /// Reads `queue.memory_limit=4GiB`: a value that is not JSON is text.
  init(_ argument: String) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    path = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !path.contains("") else {
      throw ValidationError("allowed is a key and a value, as queue.memory_limit=4GiB")
    }
    value = (try? JSONValue(parsing: String(parts[1]))) ?? .string(String(parts[1]))
  }

  func applied(to file: JSONValue) -> JSONValue { file.setting(path[...], to: value) }
}
