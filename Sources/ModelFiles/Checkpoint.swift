public import StrictJSON
public import TensorCore
import TensorFiles

/// A verified checkpoint: the state of a run after some number of steps.
///
/// On disk it is `step-N.safetensors`, with the state's tensors and, in the header's metadata, a
/// JSON text; beside it `step-N.json` holds the size and the SHA-256 of that file. The JSON file is
/// written last: without it there is no checkpoint.
public struct Checkpoint: Sendable {
  /// Steps done.
  public let step: Int
  /// What the run stored beside its tensors.
  public let state: JSONObject
  let file: SafetensorsFile

  /// Names and numbers of elements of the tensors.
  public var tensors: [(name: String, count: Int)] { file.entries.map { ($0.name, $0.count) } }

  /// Reads a tensor; its number of elements must agree.
  public func read(_ name: String, into tensor: Tensor) throws(ModelFileError) {
    guard let entry = file.entry(name), entry.count == tensor.count else {
      throw .unusable(
        path: file.path,
        problem: "it has no tensor \"\(name)\" of \(tensor.count) elements; the job was changed"
          + " since")
    }
    do {
      try unsafe file.read(name, into: tensor.elements)
    } catch {
      throw ModelFileError(error)
    }
  }

  /// The key of the header's metadata under which `state` is.
  static let stateKey = "state"
}
