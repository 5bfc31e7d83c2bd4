import DurableIO
import Glibc
import TestSupport

@testable import Spool

/// Calls that were made, what was on the disk before, and what was promised at every moment.
struct Recording {
  let root: String
  let before: Disk
  let events: [RecordingFileSystem.Event]
  /// From which event on something is promised, and how it is checked in a folder that has what a
  /// power cut has left. Promises of the same number are the same.
  let promises: [(from: Int, number: Int, violations: (String) -> [String])]

  init(_ life: Life) {
    root = life.root
    before = Disk(root: root)
    events = life.recorder.events
    promises = life.promised.map { from, promises in
      let number = life.promised.firstIndex { $0.promises == promises } ?? 0
      return (
        from, number, { Oracle.violations(of: promises, in: SpoolLayout(root: $0)) }
      )
    }
  }

  /// What `body` does in an empty folder, whose path it is given; when it is done, all holds.
  init(_ body: (String) throws -> Void, promising violations: @escaping (String) -> [String]) throws
  {
    let folder = try TemporaryFolder(inMemory: true)
    let recorder = RecordingFileSystem()
    try Syscalls.$fileSystem.withValue(recorder) { try body(folder.path) }
    root = folder.path
    before = Disk(root: root)
    events = recorder.events
    promises = [(0, 0, { _ in [] }), (events.count, 1, violations)]
  }

  /// The recovery of a spool in `folder`, in which all of `promises` holds all the time.
  init(recovering folder: String, _ promises: Promises) throws {
    root = folder
    before = try Disk(root: folder, holding: folder)
    let recorder = RecordingFileSystem()
    try Syscalls.$fileSystem.withValue(recorder) {
      try Oracle.recover(SpoolLayout(root: folder))
    }
    events = recorder.events
    self.promises = [
      (0, 0, { Oracle.violations(of: promises, in: SpoolLayout(root: $0)) })
    ]
  }

  /// What is promised after the first `count` events.
  func promise(after count: Int) -> (from: Int, number: Int, violations: (String) -> [String]) {
    promises.last { $0.from <= count } ?? promises[0]
  }

  /// The syncs, each as the line of code that asks for it and what it is about: names without
  /// their numbers. Taking one away stands for removing it from the code.
  var syncs: Set<String> {
    Set(
      events.compactMap { event in
        if case .call(let call, _) = event { name(ofSync: call) } else { nil }
      })
  }

  /// The name in `syncs` of a call that is one and is about the spool.
  func name(ofSync call: FileCall) -> String? {
    guard let site = call.site, !site.hasPrefix("DurabilityTests/"),
      (call.path + "/").hasPrefix(root + "/")
    else { return nil }
    // That of one path is that of all.
    if call.operation.hasPrefix("sync the file system") { return site }
    let names = call.path.dropFirst(root.count).split(separator: "/").map { part in
      var name = String(part)
      if name.hasSuffix(".tmp") {
        name = name.dropFirst().split(separator: ".").dropLast(2).joined(separator: ".")
      }
      return name.replacing(/[0-9a-f]{32}/, with: "TOKEN").replacing(/[0-9]+/, with: "N")
    }
    return "\(site) \(names.joined(separator: "/"))"
  }
}
