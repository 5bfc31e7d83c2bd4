/// Text that is not JSON: where, and what is wrong.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Counted from 1.
  public let line: Int
  /// Counted from 1, in Unicode scalars.
  public let column: Int
  /// What was found and what is allowed, without the place.
  public let problem: String
  /// Whether the text only ends too early: more bytes could still make it JSON. A half-copied
  /// file is incomplete, since no proper prefix of an object is an object.
  public let isIncomplete: Bool

  /// "line 3, column 7: …".
  public var description: String { "line \(line), column \(column): \(problem)" }
}
