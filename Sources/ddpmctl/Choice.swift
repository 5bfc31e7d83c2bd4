import ArgumentParser
import StrictJSON

/// Reads an argument that is one of a few words; what is not is refused with the nearest of them.
func choice<Value: RawRepresentable & CaseIterable>(_ argument: String) throws -> Value
where Value.RawValue == String {
  if let value = Value(rawValue: argument) { return value }
  let words = Value.allCases.map(\.rawValue)
  let meant = nearest(to: argument, among: words).map { "; did you mean \"\($0)\"?" }
  throw ValidationError("allowed is \(words.joined(separator: ", "))\(meant ?? "")")
}

extension CompletionKind {
  /// The words that `choice` reads.
  static func choice<Value: RawRepresentable & CaseIterable>(of _: Value.Type) -> CompletionKind
  where Value.RawValue == String {
    .list(Value.allCases.map(\.rawValue))
  }
}
