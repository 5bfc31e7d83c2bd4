import Foundation
import StrictJSON
import Testing

/// The job files that are installed as examples.
enum Examples {
  static let folder =
    #filePath.split(separator: "/").dropLast(3)
    .reduce("") { $0 + "/" + $1 } + "/etc/examples"

  static let names = [
    "cifar10-train.json", "dpm-solver-sample.json", "fashion-mnist-classes-sample.json",
    "fashion-mnist-classes-train.json", "fashion-mnist-evaluate.json",
    "fashion-mnist-hybrid-train.json", "fashion-mnist-sample.json",
    "fashion-mnist-train.json", "fine-tune.json", "image-folder-train.json",
    "inpainting.json", "interpolation.json", "progressive-and-neighbours.json",
  ]

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
  }

  static func json(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: bytes(name))
  }
}

extension JSONValue {
  /// The value with the member at `path` set, or removed where `value` is nil.
  func setting(_ path: [String], to value: JSONValue?) -> JSONValue {
    guard let key = path.first else { return value ?? .null }
    var object = object ?? JSONObject()
    object[key] =
      path.count == 1 ? value : (object[key] ?? [:]).setting(Array(path.dropFirst()), to: value)
    return .object(object)
  }

  /// The paths of all members, however deep.
  var memberPaths: [[String]] {
    (object?.members ?? []).flatMap { key, value in
      [[key]] + value.memberPaths.map { [key] + $0 }
    }
  }
}
