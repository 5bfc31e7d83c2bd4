/// In which values of their files jobs differ.

import StrictJSON

/// A place in job files and what stands there.
struct JobDifference {
  /// As in `$.optimizer.learning_rate`.
  let path: String
  /// One a job; nil where the job's file has nothing there.
  let values: [JSONValue?]

  /// The places where `files` do not all say the same, in the order of the files. Lists of plain
  /// values are compared whole.
  ///
  /// - wholeSections: whether a section that not all of the files have is one place.
  static func all(of files: [JSONValue], wholeSections: Bool = false) -> [JobDifference] {
    differences(files, at: .root, wholeSections)
  }

  private static func differences(
    _ values: [JSONValue?], at path: JSONPath, _ wholeSections: Bool
  ) -> [JobDifference] {
    if values.allSatisfy({ $0 == values[0] }) { return [] }
    let known = values.compactMap { $0 }
    if known.count == values.count || !wholeSections {
      if known.allSatisfy({ $0.object?.keys.isEmpty == false }) {
        var keys: [String] = []
        for key in known.flatMap({ $0.object?.keys ?? [] }) where !keys.contains(key) {
          keys.append(key)
        }
        return keys.flatMap { key in
          differences(values.map { $0?[key] }, at: path.appending(key), wholeSections)
        }
      }
      if known.allSatisfy({ $0.array?.contains { $0.object != nil } == true }) {
        return (0..<(known.compactMap(\.array?.count).max() ?? 0)).flatMap { index in
          let elements = values.map { value in
            value?.array.flatMap { $0.indices.contains(index) ? $0[index] : nil }
          }
          return differences(elements, at: path.appending(index), wholeSections)
        }
      }
    }
    return [JobDifference(path: path.description, values: values)]
  }
}
