import ArgumentParser
import DurableIO
import ModelFiles
import Models
import StrictJSON

struct ModelVerify: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check a model's configs, every tensor and, if it has a manifest, every sum.",
    discussion: """
      Reads all of it: names and shapes of the tensors, whether all values are finite, and the \
      SHA-256 of every file that manifest.json lists. Models inside the folder, such as raw/ of a \
      train job's results, are checked too. Each problem is a line; the exit code is 65 if there is \
      any.
      """)

  @OptionGroup var model: ModelArgument

  func run() throws {
    let path = try model.folder()
    var facts: [String] = []
    var problems: [String] = []
    try attempt {
      for folder in try modelFolders(in: path) {
        do {
          let model = try DiffusersFolder(path: folder)
          let parameters = UNet(model.unet).layout.parameters.map { ($0.name, $0.shape) }
          problems += try model.problemsOfWeights(parameters).map { "\(folder): \($0)" }
          facts.append("\(folder): \(parameters.count) tensors of the right shapes, all finite")
        } catch let error as ModelFileError {
          problems += "\(error)".split(separator: "\n").map(String.init)
        }
      }
      if let manifest = try Manifest(in: path) {
        problems += try manifest.problems()
        facts.append("\(path): \(manifest.files.count) files as manifest.json lists them")
      } else {
        facts.append("\(path): no manifest.json, so no sums were checked")
      }
    }
    guard problems.isEmpty else {
      throw Refusal(problems.joined(separator: "\n"), Exit.wrongFile)
    }
    print(facts.joined(separator: "\n"))
  }

  /// The folder itself, and those directly in it that are models of their own.
  private func modelFolders(in path: String) throws(SystemError) -> [String] {
    guard try Directory.exists(path + "/model_index.json") else { return [path] }
    var folders = [path]
    for name in try Directory.names(in: path).sorted()
    where try Directory.exists("\(path)/\(name)/model_index.json") {
      folders.append("\(path)/\(name)")
    }
    return folders
  }
}

/// `manifest.json` of a job's results.
private struct Manifest {
  let folder: String
  let files: [JSONValue]

  /// Nil if the folder has none.
  init?(in folder: String) throws(SystemError) {
    self.folder = folder
    let path = folder + "/manifest.json"
    guard try Directory.exists(path) else { return nil }
    let bytes = try readFile(path, limit: 64 << 20)
    files = (try? JSONValue(parsing: bytes))?["files"]?.array ?? [.null]
  }

  /// The files that are not what they were when the results were published.
  func problems() throws(SystemError) -> [String] {
    var problems: [String] = []
    for file in files {
      guard let name = file["path"]?.string, let sum = file["sha256"]?.string else {
        problems.append("\(folder)/manifest.json cannot be read")
        continue
      }
      do throws(SystemError) {
        let found = try SHA256.of(file: "\(folder)/\(name)").hex
        if found != sum {
          problems.append(
            "\(folder)/\(name): its SHA-256 is \(found), and \(sum) by manifest.json")
        }
      } catch {
        guard error.isNotFound else { throw error }
        problems.append("\(folder)/\(name) is missing")
      }
    }
    return problems
  }
}
