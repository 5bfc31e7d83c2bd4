public import DurableIO
import TensorFiles

/// Why a model folder or a checkpoint cannot be read or written.
public enum ModelFileError: Error, Equatable {
  /// The system refused; nothing is said about the content.
  case system(SystemError)
  /// A file of the model is missing, damaged or of a kind that is not supported.
  case unusable(path: String, problem: String)
}

extension ModelFileError {
  /// Sorts a tensor file's trouble into the system's and the content's.
  init(_ error: TensorFileError) {
    switch error {
    case .system(let error): self = .system(error)
    case .damaged(let path, let problem): self = .unusable(path: path, problem: problem)
    case .unsupported(let path, let problem): self = .unusable(path: path, problem: problem)
    case .missing(let path, let tensor):
      self = .unusable(path: path, problem: "it has no tensor \"\(tensor)\"")
    }
  }
}

extension ModelFileError: CustomStringConvertible {
  /// One sentence: where, what was found, what is allowed.
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .unusable(let path, let problem): "\(path) cannot be used: \(problem)"
    }
  }
}
