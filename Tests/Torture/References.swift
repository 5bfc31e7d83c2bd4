import DurableIO
import Glibc
import Jobs
import Supervision
import StrictJSON

/// What jobs end in that nobody interrupts: each recipe is run once, by the real worker and without
/// a daemon, when its outcome is first asked for.
final class References {
  private let folder: String
  private let programs: Programs
  private let images: String
  private var known: [Recipe: ResultFiles] = [:]

  /// - folder: gets the reference jobs' folders.
  init(folder: String, programs: Programs, images: String) throws {
    self.folder = folder
    self.programs = programs
    self.images = images
    try Directory.create(folder)
  }

  /// The results of `recipe`.
  func results(of recipe: Recipe) throws -> ResultFiles {
    if let results = known[recipe] { return results }
    var model: JSONValue?
    if recipe.work != .train {
      var maker = recipe
      maker.work = .train
      _ = try results(of: maker)
      model = ["path": .string(directory(maker).results)]
    }
    let results = try run(recipe, recipe.job(images: images, model: model))
    known[recipe] = results
    return results
  }

  private func run(_ recipe: Recipe, _ job: JSONObject) throws -> ResultFiles {
    let directory = directory(recipe)
    try Directory.create(directory.path)
    let envelope = Envelope(
      id: known.count + 1, submitter: geteuid(), submitted: .now(), sha256: "", fileName: "",
      spec: try JobSpec(json: .object(job)), original: .object(job))
    try AtomicFile.write(envelope.json.serialized(), to: directory.job)
    let worker = try ChildProcess(
      programs.worker, [directory.path, "--threads", "1"], log: directory.log)
    let end = try worker.wait()
    guard end == .exited(code: WorkerExit.finished) else {
      throw Violation(
        found: "left alone, \(recipe.name) ends with \(end.map { "\($0)" } ?? "no end"); see "
          + directory.log, expected: "results")
    }
    return try ResultFiles(directory.results)
  }

  private func directory(_ recipe: Recipe) -> JobDirectory {
    JobDirectory(path: "\(folder)/\(recipe.name)-\(recipe.steps)")
  }
}
