public import StrictJSON

/// A job file with a key `array`: as many jobs as there are combinations of the values that it
/// lists for some of the job's keys.
///
///     "array": {"seed": [1, 2, 3], "optimizer.learning_rate": [1e-3, 1e-4]}
///
/// is six jobs, numbered in a row; the values of the key named last change fastest.
public struct JobArray: Equatable, Sendable {
  /// No array has more jobs.
  public static let mostMembers = 1000
  /// The jobs of an array, written out, have no more bytes together.
  static let mostBytes = 64 << 20
  /// More keys no job has.
  private static let mostKeys = 100

  /// The value of the key `array`.
  public let json: JSONValue
  /// The number of jobs.
  public let count: Int
  private let base: JSONObject
  private let axes: [Axis]

  /// A key that differs between the jobs.
  private struct Axis: Equatable {
    var key: String
    var path: [String]
    var values: [JSONValue]
  }

  /// The array in a job file; nil if that is one job. Its jobs are not checked yet.
  ///
  /// Throws: everything that is wrong with the key `array`.
  public init?(json file: JSONValue) throws(JSONContentError) {
    guard var base = file.object, let json = base["array"] else { return nil }
    base["array"] = nil
    let place = JSONPath.root.appending("array")
    guard let members = json.object?.members, !members.isEmpty else {
      throw JSONContentError(place, found: json, allowed: Self.allowed)
    }
    guard members.count <= Self.mostKeys else {
      throw JSONContentError(
        place, "found \(members.count) keys; an array has at most \(Self.mostKeys)")
    }
    var axes: [Axis] = []
    var problems: [JSONContentError.Problem] = []
    var count = 1
    for (key, value) in members {
      let place = place.appending(key)
      let axis = Axis(
        key: key,
        path: key.split(separator: ".", omittingEmptySubsequences: false).map(String.init),
        values: value.array ?? [])
      if axis.values.isEmpty {
        problems += JSONContentError(place, found: value, allowed: "a list of values").problems
      } else if let problem = Self.problem(with: axis, among: axes, in: base) {
        problems.append(.init(place, problem))
      }
      axes.append(axis)
      count = count.multipliedReportingOverflow(by: max(axis.values.count, 1)).partialValue
      guard (1...Self.mostMembers).contains(count) else {
        problems.append(
          .init(place, "the array has more than \(Self.mostMembers) jobs, as many as are allowed"))
        break
      }
    }
    if !problems.isEmpty { throw JSONContentError(problems) }
    self.json = json
    (self.base, self.axes, self.count) = (base, axes, count)
    // Each value is in as many of them.
    let bytes = axes.reduce(count * JSONValue.object(base).serialized().utf8.count) { bytes, axis in
      bytes + count / axis.values.count * JSONValue.array(axis.values).serialized().utf8.count
    }
    if bytes > Self.mostBytes {
      throw JSONContentError(
        place,
        "the array has \(count) jobs with \(bytes) bytes together; allowed are "
          + "\(Self.mostBytes)")
    }
  }

  private static func problem(
    with axis: Axis, among others: [Axis], in base: JSONObject
  ) -> String? {
    if axis.path.contains("") {
      return "is no key of a job; allowed is one as \"training.steps\""
    }
    if let first = axis.path.first, fixed.contains(first) || axis.path == ["queue"] {
      return "is the same for all jobs of an array"
    }
    if axis.path == ["queue", "idempotency_key"] {
      return "is one key for the whole array; set it in $.queue"
    }
    for other in others
    where other.path.starts(with: axis.path) || axis.path.starts(with: other.path) {
      return "and \"\(other.key)\" set the same key; name one of them"
    }
    var value = JSONValue.object(base)
    for (index, key) in axis.path.enumerated() {
      guard value.object != nil else {
        let section = axis.path[..<index].joined(separator: ".")
        return "is no key of a job: $.\(section) is no section"
      }
      guard let next = value[key] else { break }
      value = next
    }
    return nil
  }

  private static let fixed = ["schema", "$schema", "kind", "array"]
  private static let allowed = "an object as {\"seed\": [1, 2, 3]}"

  /// What is particular to a job, by key. Jobs are counted from 0.
  public func values(of index: Int) -> JSONObject {
    JSONObject(choice(of: index).map { ($0.key, $0.value) })
  }

  /// A job as its own file would be.
  public func member(_ index: Int) -> JSONValue {
    choice(of: index).reduce(.object(base)) { $0.setting($1.path[...], to: $1.value) }
  }

  /// A job, checked.
  ///
  /// Throws: everything in it that is not allowed, and in which job.
  public func spec(of index: Int) throws(JSONContentError) -> JobSpec {
    do throws(JSONContentError) {
      return try JobSpec(json: member(index))
    } catch {
      let values = choice(of: index).map { "\($0.key) = \($0.value.serialized())" }
      let place =
        "; in job \(index + 1) of the array's \(count) (\(values.joined(separator: ", ")))"
      throw JSONContentError(
        error.problems.map { problem in
          var problem = problem
          problem.message += place
          return problem
        })
    }
  }

  private func choice(of index: Int) -> [(key: String, path: [String], value: JSONValue)] {
    precondition((0..<count).contains(index), "no such job in the array")
    var rest = index
    return axes.reversed().map { axis in
      defer { rest /= axis.values.count }
      return (axis.key, axis.path, axis.values[rest % axis.values.count])
    }.reversed()
  }

  /// The key in job files.
  static let schema: JSONValue = [
    "type": "object", "minProperties": 1,
    "additionalProperties": ["type": "array", "minItems": 1],
    "description": .string(
      "Makes the file as many jobs, at most \(mostMembers), as there are combinations of the values "
        + "listed here, by keys as \"seed\" or \"optimizer.learning_rate\"."),
  ]
}

/// Which job of which array a job is.
public struct ArrayMember: Equatable, Sendable {
  /// The number of the array's first job.
  public var first: Int
  /// The job's place in the array, from 1.
  public var place: Int
  /// The number of jobs in the array.
  public var count: Int
  /// What is particular to the job, by key.
  public var values: JSONObject
  /// Of the value of the key `array`.
  public var sha256: String

  /// A job of an array.
  public init(first: Int, place: Int, count: Int, values: JSONObject, sha256: String) {
    (self.first, self.place, self.count) = (first, place, count)
    (self.values, self.sha256) = (values, sha256)
  }

  /// "seed = 2, training.steps = 100".
  public var description: String {
    values.members.map { "\($0.key) = \($0.value.serialized())" }.joined(separator: ", ")
  }

  static let codec = ObjectCodec(
    "Member of an array",
    defaults: ArrayMember(first: 1, place: 1, count: 1, values: [:], sha256: ""),
    fields: [
      Field("first", \.first, .integer(1...Int.max), required: true, "The array's first job."),
      Field("place", \.place, .integer(1...Int.max), required: true, "The job's place, from 1."),
      Field("count", \.count, .integer(1...Int.max), required: true, "The array's jobs."),
      Field("values", \.values, anyObject, required: true, "What is particular to the job."),
      Field("sha256", \.sha256, .string, required: true, "Of the array's keys and values."),
    ])

  private static let anyObject = JSONCodec<JSONObject>(
    allowed: "an object", schema: ["type": "object"], recognize: { $0.object },
    encode: { .object($0) })
}

extension JSONValue {
  /// The object with the member at `path` set; sections that are not there are made.
  public func setting(_ path: ArraySlice<String>, to value: JSONValue) -> JSONValue {
    guard let key = path.first else { return value }
    var object = object ?? JSONObject()
    object[key] = (object[key] ?? [:]).setting(path.dropFirst(), to: value)
    return .object(object)
  }
}
