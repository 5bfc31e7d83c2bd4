import DurableIO
import Glibc
import GuardedFiles
import TestSupport
import Testing

/// What a test needs that changes owners.
let asRoot: ConditionTrait = .enabled(
  "files of other users are made, and processes run as others, by root alone", { geteuid() == 0 })

/// Somebody that no machine knows.
let stranger = User(id: 70001, groups: [70001])

extension TemporaryFolder {
  /// Makes a folder.
  @discardableResult
  func folder(
    _ name: String, owner: UInt32 = 0, group: UInt32 = 0, mode: UInt32 = 0o755
  ) throws -> String {
    try Directory.create(self(name), synced: false)
    try give(name, owner, group, mode)
    return self(name)
  }

  /// Makes a file with its own name as content.
  @discardableResult
  func file(
    _ name: String, owner: UInt32 = 0, group: UInt32 = 0, mode: UInt32 = 0o644
  ) throws -> String {
    try AtomicFile.write(name, to: self(name), synced: false)
    try give(name, owner, group, mode)
    return self(name)
  }

  /// Makes a symbolic link.
  @discardableResult
  func link(_ name: String, to target: String) throws -> String {
    try #require(unsafe symlink(target, self(name)) == 0)
    return self(name)
  }

  private func give(_ name: String, _ owner: UInt32, _ group: UInt32, _ mode: UInt32) throws {
    try #require(unsafe chown(self(name), owner, group) == 0)
    try Directory.setPermissions(mode, of: self(name))
  }
}

extension FileAccess {
  /// The content of a file.
  func text(_ path: String) throws -> String {
    String(decoding: try file(path).readAll(limit: 1 << 20), as: UTF8.self)
  }

  /// Why a file is not read; nil if it is.
  func refusal(_ path: String) -> String? {
    do {
      _ = try file(path)
      return nil
    } catch {
      return error.description
    }
  }
}
