import CLinux
import DurableIO
import Foundation
import Glibc
import GuardedFiles
import TestSupport
import Testing

/// Our decisions beside the kernel's own: processes that run as the user in question try the same.
@Suite(asRoot) struct KernelTests {
  /// Users and groups that random files belong to and random lists name.
  private static let numbers: [UInt32] = [70001, 70002, 70003, 70004]

  private static let users = [
    User(id: 70001, groups: [70001]), User(id: 70001, groups: [70003, 70004]),
    User(id: 70002, groups: [70002, 70001, 70003]), User(id: 70003, groups: [70004]),
    User(id: 70009, groups: [70009]), User(id: 70009, groups: [0, 70002]),
  ]

  @Test(arguments: 0..<3) func everyDecisionIsTheKernels(seed: UInt64) throws {
    var dice = Dice(state: seed)
    let folder = try TemporaryFolder()
    let cases = try (0..<80).map { number -> String in
      let path = try folder.folder("\(number)")
      try folder.file("\(number)/file")
      try folder.folder("\(number)/folder")
      try folder.file("\(number)/folder/file")
      // The outer folder last: it does not keep root from the others.
      for name in ["/file", "/folder", ""] {
        try randomize(path + name, easily: name == "", &dice)
      }
      return path
    }
    var allowed = 0
    for user in Self.users {
      let access = FileAccess(for: [user])
      let kernel = try opened(
        cases.flatMap { ["\($0)/file", "\($0)/folder", "\($0)/folder/file"] }, by: user)
      for (number, path) in cases.enumerated() {
        let file = access.refusal(path + "/file") == nil
        let listed = (try? access.folder(path + "/folder").entries()) != nil
        let inside = access.refusal(path + "/folder/file") == nil
        let theirs = kernel[3 * number..<3 * number + 3].map { $0 }
        // To list a folder here takes also the right to search it.
        #expect(
          [file, listed, inside] == [theirs[0], theirs[1] && theirs[2], theirs[2]],
          "\(user) at \(path), seed \(seed)")
        allowed += [file, listed, inside].count { $0 }
      }
    }
    #expect((100..<1300).contains(allowed), "both answers are common")
  }

  /// Gives `path` a random owner, group and mode, and often a list.
  private func randomize(_ path: String, easily: Bool, _ dice: inout Dice) throws {
    let mode = UInt32(dice.below(0o1000)) | (easily ? 0o111 : 0)
    try #require(unsafe chown(path, dice.pick(Self.numbers), dice.pick(Self.numbers)) == 0)
    try Directory.setPermissions(mode, of: path)
    if dice.below(3) > 0 {
      try setAccessControlList(
        of: path, owner: mode >> 6,
        users: dice.subset(Self.numbers).map { ($0, dice.permissions()) },
        group: dice.permissions(),
        groups: dice.subset(Self.numbers).map { ($0, dice.permissions()) },
        mask: dice.below(4) == 0 ? 0 : dice.permissions(), other: mode & 7)
    }
  }

  /// Whether a process of the user can open each of `paths`.
  private func opened(_ paths: [String], by user: User) throws -> [Bool] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/setpriv")
    let groups = user.groups.sorted()
    process.arguments =
      [
        "--reuid", "\(user.id)", "--regid", "\(groups[0])",
        "--groups", groups.map(String.init).joined(separator: ","), "sh", "-c",
        "for f; do if { true <\"$f\"; } 2>/dev/null; then printf 1; else printf 0; fi; done", "sh",
      ] + paths
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0 && output.count == paths.count)
    return output.map { $0 == UInt8(ascii: "1") }
  }
}

/// Access control lists as administrators set them for the service.
@Suite(asRoot) struct AccessControlListTests {
  private let folder: TemporaryFolder
  private let access = FileAccess(for: [stranger])

  init() throws { folder = try TemporaryFolder() }

  @Test func aListAdmitsAndTheMaskLimits() throws {
    let file = try folder.file("file", mode: 0o600)
    #expect(access.refusal(file) != nil)
    func set(user: UInt32, mask: UInt32) throws {
      try setAccessControlList(
        of: file, owner: 6, users: [(stranger.id, user)], group: 0, groups: [], mask: mask, other: 0
      )
    }
    try set(user: 4, mask: 4)
    #expect(access.refusal(file) == nil)
    try set(user: 6, mask: 2)
    #expect(access.refusal(file) != nil, "the mask takes it away")
  }

  @Test func whoIsNamedOrInAGroupIsNoneOfTheOthers() throws {
    let file = try folder.file("file", mode: 0o644)
    try setAccessControlList(
      of: file, owner: 6, users: [(stranger.id, 0)], group: 4, groups: [], mask: 4, other: 4)
    #expect(access.refusal(file) != nil)
    try setAccessControlList(
      of: file, owner: 6, users: [], group: 4, groups: [(70001, 0)], mask: 4, other: 4)
    #expect(access.refusal(file) != nil)
    #expect(FileAccess(for: [User(id: 70009, groups: [])]).refusal(file) == nil)
  }
}

/// Numbers that look random, from a seed.
private struct Dice {
  var state: UInt64

  mutating func below(_ limit: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % limit
  }

  mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

  mutating func permissions() -> UInt32 { UInt32(below(8)) }

  mutating func subset(_ numbers: [UInt32]) -> [UInt32] {
    numbers.filter { _ in below(2) == 0 }
  }
}

/// Sets a list as setfacl(1) does.
private func setAccessControlList(
  of path: String, owner: UInt32, users: [(UInt32, UInt32)], group: UInt32,
  groups: [(UInt32, UInt32)], mask: UInt32, other: UInt32
) throws {
  let nobody = UInt32.max
  let entries =
    [(0x01, owner, nobody)] + users.map { (0x02, $1, $0) } + [(0x04, group, nobody)]
    + groups.map { (0x08, $1, $0) } + [(0x10, mask, nobody), (0x20, other, nobody)]
  var bytes: [UInt8] = [2, 0, 0, 0]
  for (tag, permissions, id) in entries {
    bytes += [UInt8(tag), 0, UInt8(permissions), 0]
    bytes += (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * UInt32($0))) }
  }
  let result = unsafe setxattr(path, "system.posix_acl_access", bytes, bytes.count, 0)
  try #require(result == 0, "the file system has access control lists")
}
