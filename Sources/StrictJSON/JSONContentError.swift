/// JSON that says something which is not allowed: every problem found, each with its place.
public struct JSONContentError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One thing that is wrong.
  public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// Where.
    public let path: JSONPath
    /// What was found and what is allowed, without the place.
    public var message: String
    /// Set if the problem is a key that is not known here and that resembles no known one.
    var strangeKey: String?
    /// Where that key would be known: if its own object were of another kind.
    var otherKind: String?

    /// A problem at `path`.
    public init(_ path: JSONPath, _ message: String) {
      self.path = path
      self.message = message
    }

    /// "$.training.steps: …".
    public var description: String { "\(path): \(message)" }
  }

  /// At least one, in the order of the description that was decoded against.
  public var problems: [Problem]

  /// An error with all of `problems`, of which there must be one.
  public init(_ problems: [Problem]) {
    precondition(!problems.isEmpty, "an error needs a problem")
    self.problems = problems
  }

  /// An error with one problem.
  public init(_ path: JSONPath, _ message: String) { self.init([Problem(path, message)]) }

  /// An error for a value of the wrong kind or outside its range.
  public init(_ path: JSONPath, found: JSONValue, allowed: String) {
    self.init(path, "found \(found.excerpt), allowed is \(allowed)")
  }

  /// One problem a line.
  public var description: String { problems.map(\.description).joined(separator: "\n") }

  /// Adds to keys that are unknown where they stand, but known elsewhere in `schema` or to another
  /// kind of object, where they belong; the value that the schema is of stands at `path`.
  public func locatingKeys(in schema: JSONValue, at path: JSONPath) -> JSONContentError {
    JSONContentError(
      problems.map { problem in
        guard let key = problem.strangeKey else { return problem }
        var homes: [JSONPath] = []
        schema.findProperty(key, at: path, into: &homes)
        let elsewhere = homes.first { $0 != problem.path }.map(\.description)
        guard let home = elsewhere ?? problem.otherKind else { return problem }
        var located = problem
        located.message += "; it belongs to \(home)"
        return located
      })
  }
}

extension JSONValue {
  /// Collects the paths of the objects that, by this JSON Schema, have the property `key`.
  fileprivate func findProperty(_ key: String, at path: JSONPath, into homes: inout [JSONPath]) {
    for variant in self["oneOf"]?.array ?? [] { variant.findProperty(key, at: path, into: &homes) }
    guard let properties = self["properties"]?.object else { return }
    if properties[key] != nil { homes.append(path) }
    for (name, schema) in properties.members {
      schema.findProperty(key, at: path.appending(name), into: &homes)
    }
  }
}
