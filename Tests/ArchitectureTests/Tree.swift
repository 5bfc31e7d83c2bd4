import Foundation

/// The project's own files, read where this test was compiled.
enum Tree {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// Paths below `folder`, relative to the root, that end in one of `suffixes`.
  static func files(_ folder: String, _ suffixes: [String]) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
      .filter { path in suffixes.contains { path.hasSuffix($0) } }
      .map { folder + "/" + $0 }
      .sorted()
  }

  /// Every target under Sources, with the targets that its Swift files import.
  static func imports() throws -> [String: Set<String>] {
    let targets = try FileManager.default.contentsOfDirectory(
      atPath: root.appending(path: "Sources").path)
    var result: [String: Set<String>] = [:]
    for target in targets {
      result[target] = []
      for file in try files("Sources/" + target, [".swift"]) {
        for line in try text(file).split(separator: "\n") {
          let words = line.split(separator: " ").filter { $0 != "@testable" }
          guard let index = words.firstIndex(of: "import"), index <= 1, index + 1 < words.count
          else { continue }
          let name = String(words[index + 1])
          if targets.contains(name) { result[target, default: []].insert(name) }
        }
      }
    }
    return result
  }

  /// Everything that `target` can reach along `imports`.
  static func reach(_ target: String, _ imports: [String: Set<String>]) -> Set<String> {
    var seen: Set<String> = []
    var open = [target]
    while let next = open.popLast() {
      for name in imports[next, default: []] where seen.insert(name).inserted { open.append(name) }
    }
    return seen
  }
}
