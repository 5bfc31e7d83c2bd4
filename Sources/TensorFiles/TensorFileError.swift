public import DurableIO

/// Why a tensor file cannot be read or written.
public enum TensorFileError: Error, Equatable {
  /// The system refused; nothing is said about the file's content.
  case system(SystemError)
  /// The content breaks the format's rules.
  case damaged(path: String, problem: String)
  /// Valid content of a kind that is not read here.
  case unsupported(path: String, problem: String)
  /// A safetensors file has no tensor of this name.
  case missing(path: String, tensor: String)
}

extension TensorFileError {
  /// Whether the machine's state is at fault, not the file, so that trying again may help.
  public var isTransient: Bool {
    if case .system(let error) = self { error.isTransient } else { false }
  }
}

extension TensorFileError: CustomStringConvertible {
  /// One sentence: where, what was found, what is allowed.
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .damaged(let path, _), .unsupported(let path, _), .missing(let path, _):
      "\(path): \(problem)"
    }
  }

  /// The sentence without the path.
  public var problem: String {
    switch self {
    case .system(let error): "cannot \(error.operation) it: \(error.reason)"
    case .damaged(_, let problem): "the file is damaged: \(problem)"
    case .unsupported(_, let problem): problem
    case .missing(_, let tensor): "it has no tensor \"\(tensor)\""
    }
  }
}
