import ArgumentParser
import DurableIO
import Glibc
import Jobs
import Spool
import StrictJSON

struct Edit: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Change a job that has never run.",
    discussion: """
      The job keeps its number and its place in the queue, and is from then on what the new file \
      says. Without a file your editor ($VISUAL, $EDITOR or vi) opens the job's. A job that is \
      held stays held. Of several jobs with one name the newest that is not over is meant.
      """)

  @OptionGroup var spool: SpoolOptions

  @Argument(
    help: "The job's number or name.", completion: .jobs([.queued, .held]), transform: jobReference)
  var job: JobReference

  @Argument(
    help: "The new job file; - is standard input.", completion: .file(extensions: ["json"]))
  var file: String?

  func run() throws {
    let view = try spool.job(job, preferring: { !$0.state.isFinal })
    if let file { return try replace(view, by: file) }
    guard let text = Self.text(of: view) else {
      throw Refusal("this ddpmctl cannot read \(view.directory.job)")
    }
    let path = try attempt { try Self.temporaryFile(text, named: "job-\(view.id).json") }
    try Self.openEditor(path)
    if try attempt({ try readFile(path) }) == Array(text.utf8) {
      try attempt { try Directory.removeTree(Self.folder(of: path)) }
      return say("nothing was changed")
    }
    do {
      try replace(view, by: path)
    } catch let refusal as Refusal {
      throw Refusal(
        "\(refusal.message)\nwhat you wrote is in \(path); try again with: "
          + spool.command("edit \(view.id) \(quoted(path))"), refusal.code)
    }
    try attempt { try Directory.removeTree(Self.folder(of: path)) }
  }

  private func replace(_ view: JobView, by path: String) throws {
    let file = try JobFile(path)
    if file.array != nil {
      throw Refusal("\(file.name): $.array: an edited job is one job", Exit.wrongFile)
    }
    for sentence in file.missingFiles { say("warning: \(sentence)") }
    let json = (try? JSONValue(parsing: file.bytes)) ?? file.spec.json
    try spool.give(
      .edit(ReplacementJob(spec: file.spec, json: json)), to: [.one(.number(view.id))],
      what: "edit", preferring: { _ in true },
      outcome: { "\($0.kind) \($0.name) (job \($0.id)) is changed" })
  }

  /// The job's file, with what commands have changed of its place in the queue since.
  private static func text(of view: JobView) -> String? {
    guard let envelope = view.job.envelope, var file = envelope.job.object else { return nil }
    if view.job.entry.priority != envelope.spec.queue.priority {
      var queue = file["queue"]?.object ?? JSONObject()
      queue["priority"] = .integer(view.job.entry.priority)
      file["queue"] = .object(queue)
    }
    return JSONValue.object(file).serialized(pretty: true) + "\n"
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
    guard unsafe system("\(editor) \(quoted(path))") == 0 else {
      throw Refusal("\(editor) failed; what you wrote, if anything, is in \(path)")
    }
  }
}
