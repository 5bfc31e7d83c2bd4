import Foundation
import Glibc
import Testing

/// What can be the matter with the machine while ddpmd and its workers are at work.
enum Trouble: String, CaseIterable, CustomTestStringConvertible {
  case fullDisk, fullExt4, noInodes, readOnlyDisk, daemonWithoutDescriptors
  case workerWithoutDescriptors

  var testDescription: String { rawValue }

  /// What `ddpmctl status` says of it.
  var words: String {
    switch self {
    case .fullDisk, .fullExt4: "MB are needed to admit a job"
    case .noInodes: "No space left on device"
    case .readOnlyDisk: "is read-only"
    case .daemonWithoutDescriptors, .workerWithoutDescriptors: "Too many open files"
    }
  }

  /// The file system that the spool is put on.
  var disk: (type: String, options: String) {
    switch self {
    case .noInodes: ("tmpfs", "size=64m,nr_inodes=500")
    case .fullExt4: ("ext4", "loop")
    default: ("tmpfs", "size=64m")
    }
  }
}

/// A file system of its own, mounted for a test by root.
final class Disk {
  private let path: String
  private var ballast: [String] = []
  private var isCovered = false

  /// Whether this machine lets file systems be mounted.
  static let canMount: Bool = {
    guard geteuid() == 0, let folder = try? TemporaryFolder() else { return false }
    guard (try? run("mount", "-t", "tmpfs", "tmpfs", folder.path)) == 0 else { return false }
    return unsafe umount2(folder.path, 0) == 0
  }()

  /// Mounts it at `path`; its image, if it needs one, becomes a file beside.
  init(_ type: String, _ options: String, at path: String) throws {
    self.path = path
    var source = type
    if type != "tmpfs" {
      source = path + ".image"
      try Data().write(to: URL(filePath: source))
      try #require(unsafe truncate(source, 64 << 20) == 0)
      try #require(try Self.run("mkfs." + type, "-q", "-m", "0", source) == 0)
    }
    try #require(try Self.run("mount", "-t", type, "-o", options, source, path) == 0)
  }

  /// Unmounts it, whoever has files of it open.
  func remove() {
    if isCovered { unsafe _ = umount2(path, Int32(MNT_DETACH)) }
    unsafe _ = umount2(path, Int32(MNT_DETACH))
  }

  /// Takes all that is left of the space.
  func fill() {
    let page = [UInt8](repeating: 1, count: 4096)
    take { file in while unsafe write(file, page, page.count) > 0 {} }
  }

  /// Takes all that is left of the inodes.
  func fillInodes() { while take({ _ in }) {} }

  @discardableResult private func take(_ body: (Int32) -> Void) -> Bool {
    let name = path + "/ballast-\(ballast.count)"
    let file = unsafe open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    // Where there is no inode either, an earlier file takes the rest.
    let taken = unsafe file >= 0 || ballast.isEmpty ? file : open(ballast[0], O_WRONLY | O_APPEND)
    guard taken >= 0 else { return false }
    body(taken)
    close(taken)
    if file >= 0 { ballast.append(name) }
    return file >= 0
  }

  func empty() {
    for name in ballast { unsafe unlink(name) }
    ballast = []
  }

  /// Lets nothing more be changed by name. A disk that the kernel has found broken takes nothing
  /// through open files either, but the kernel does not play that and take it back.
  func makeReadOnly() throws {
    try #require(try Self.run("mount", "--bind", path, path) == 0)
    isCovered = true
    try #require(try Self.run("mount", "-o", "remount,bind,ro", path) == 0)
  }

  func makeWritable() throws {
    try #require(unsafe umount2(path, Int32(MNT_DETACH)) == 0)
    isCovered = false
  }

  @discardableResult static func run(_ command: String...) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }
}
