import CLinux
import DurableIO
import Foundation
import Glibc
import GuardedFiles
import Synchronization
import TestSupport
import Testing

@Suite(asRoot) struct FileAccessTests {
  private let folder: TemporaryFolder
  private let access = FileAccess(for: [stranger])

  init() throws { folder = try TemporaryFolder() }

  @Test func aRefusalSaysWhoMayNotDoWhatAndWhatHelps() throws {
    try folder.folder("open/closed/deep")
    try Directory.setPermissions(0o700, of: folder("open/closed"))
    let file = try folder.file("open/closed/deep/file")
    #expect(unsafe chown(folder("open/closed"), 70003, 70003) == 0)
    #expect(
      access.refusal(file)
        == "cannot open \(file): the job is run for user 70001, who may not search the folder"
        + " \(folder("open/closed")); its owner can allow it: setfacl -m u:70001:x \(folder("open/closed"))"
    )
    let secret = try folder.file("open/a 'secret", owner: 70003, mode: 0o600)
    #expect(
      access.refusal(secret)
        == "cannot open \(secret): the job is run for user 70001, who may not read \(secret); its"
        + " owner can allow it: setfacl -m u:70001:r '\(folder("open/a '\\''secret"))'")
    let unlisted = try folder.folder("unlisted", mode: 0o711)
    #expect(unsafe chown(unlisted, 70003, 70003) == 0)
    let listed = #expect(throws: SystemError.self) { try access.folder(unlisted).entries() }
    #expect(listed?.description.contains("may not read the folder \(folder("unlisted"))") == true)
    #expect(listed?.description.hasSuffix("setfacl -m u:70001:rx \(unlisted)") == true)
  }

  /// Nobody is asked to open what is root's, and nobody can open what is the kernel's.
  @Test func whatIsTheSystemsIsNotAnybodysToOpen() throws {
    let secret = try folder.file("secret", mode: 0o600)
    #expect(access.refusal(secret)?.hasSuffix("; it is root's, so ask the administrator") == true)
    #expect(access.refusal("/proc/1/environ")?.contains("setfacl") == false)
    #expect(access.refusal("/proc/1/environ")?.contains("70001, who may not read") == true)
  }

  /// Whoever may not search a folder does not learn what is in it.
  @Test func nothingIsToldOfWhatIsInAClosedFolder() throws {
    try folder.folder("closed", mode: 0o700)
    try folder.file("closed/there")
    for name in ["closed/there", "closed/not-there"] {
      let error = #expect(throws: SystemError.self) { try access.exists(folder(name)) }
      #expect(error?.isPermissionDenied == true)
    }
    #expect(try !access.exists(folder("not-there")))
  }

  @Test func allUsersMustBeAllowed() throws {
    let owner = User(id: 70002, groups: [])
    let file = try folder.file("file", owner: 70002, mode: 0o600)
    #expect(try FileAccess(for: [owner]).text(file) == "file")
    #expect(FileAccess(for: [owner, stranger]).refusal(file) != nil)
    let root = try User(0)
    #expect(try FileAccess(for: [owner, root]).text(file) == "file")
    #expect("\(root)" == "root" && root.groups.contains(0))
  }

  @Test func linksAreFollowedAsTheKernelDoes() throws {
    try folder.folder("a/b")
    try folder.file("a/file")
    try folder.link("a/b/up", to: "../file")
    try folder.link("a/b/absolute", to: folder("a"))
    try folder.link("a/b/chain", to: "./absolute/b//up")
    for name in [
      "a/b/up", "a/b/absolute/file", "a/b/chain", "a/./b/../b/chain", "a/b/absolute/b/up",
    ] {
      #expect(try access.text(folder(name)) == "a/file", "\(name)")
      #expect(try access.text("/../" + folder(name)) == "a/file", "\(name)")
    }
    try folder.link("loop", to: "loop")
    try folder.link("nowhere", to: "none")
    #expect(access.refusal(folder("loop"))?.hasSuffix("Too many levels of symbolic links") == true)
    #expect(access.refusal(folder("nowhere"))?.hasSuffix("No such file or directory") == true)
    #expect(access.refusal(folder("a/file/x"))?.hasSuffix("Not a directory") == true)
    #expect(try !access.exists(folder("nowhere")))
  }

  /// A link gives nobody more than its target does.
  @Test func aLinkOfOnesOwnOpensNothing() throws {
    try folder.folder("mine", owner: stranger.id)
    try folder.folder("closed", mode: 0o700)
    try folder.file("closed/file")
    try folder.file("secret", mode: 0o600)
    try folder.link("mine/to-folder", to: folder("closed"))
    try folder.link("mine/to-file", to: folder("secret"))
    try folder.link("mine/into-folder", to: folder("closed/file"))
    for name in ["mine/to-folder/file", "mine/to-file", "mine/into-folder"] {
      #expect(access.refusal(folder(name))?.contains("may not") == true, "\(name)")
      let inside = try access.folder(folder("mine"))
      #expect(throws: SystemError.self, "\(name)") {
        try inside.file(String(name.dropFirst("mine/".count)))
      }
    }
  }

  /// In a folder like /tmp anybody can lay a link where somebody else looks for data.
  @Test func linksOfOthersInSharedFoldersAreNotFollowed() throws {
    try folder.folder("shared", mode: 0o1777)
    try folder.file("public")
    for (owner, isFollowed) in [(stranger.id, true), (0, true), (70009, false)] {
      try folder.link("shared/\(owner)", to: folder("public"))
      try #require(unsafe lchown(folder("shared/\(owner)"), owner, owner) == 0)
      #expect((access.refusal(folder("shared/\(owner)")) == nil) == isFollowed, "\(owner)")
    }
  }

  /// Without a limit the descriptors would be used up, which is taken for the machine's fault.
  @Test func aWayOfTooManyFoldersIsRefused() throws {
    let way = Array(repeating: "a", count: 300)
    try folder.folder(way.joined(separator: "/"))
    try folder.file("file")
    let refusal = access.refusal(folder(way.joined(separator: "/")))
    #expect(refusal?.hasSuffix("it is in more than 256 folders in one another; move it up") == true)
    // Nothing is above the root.
    let from = String(repeating: "/..", count: 300) + folder(way.joined(separator: "/"))
    #expect(access.refusal(from)?.contains("more than 256 folders") == true)
    let back = way.prefix(200) + Array(repeating: "..", count: 200)
    #expect(access.refusal(folder((back + back + ["file"]).joined(separator: "/"))) == nil)
  }

  @Test(.timeLimit(.minutes(10))) func onlyFilesAndFoldersAreOpened() throws {
    try #require(unsafe mkfifo(folder("pipe"), 0o666) == 0)
    for access in [access, .ofThisProcess] {
      #expect(
        access.refusal(folder("pipe"))?.hasSuffix("it is a device or pipe; a file is wanted")
          == true)
      #expect(
        access.refusal("/dev/null")?.hasSuffix("it is a device or pipe; a file is wanted") == true)
      let held = #expect(throws: SystemError.self) {
        try access.folder(folder.path).file("pipe")
      }
      #expect(held?.path == folder("pipe") && held?.code == EINVAL)
      #expect(access.refusal(folder.path)?.hasSuffix("it is a folder; a file is wanted") == true)
      let file = try folder.file("file")
      let error = #expect(throws: SystemError.self) { try access.folder(file) }
      #expect(error?.code == ENOTDIR)
    }
  }

  @Test func aFolderStaysTheOneThatWasOpened() throws {
    try folder.folder("data")
    try folder.file("data/file")
    for access in [access, .ofThisProcess] {
      let held = try access.folder(folder("data"))
      try Directory.rename(folder("data"), to: folder("moved"))
      try folder.folder("data")
      #expect(try held.file("file").readAll(limit: 100) == Array("data/file".utf8))
      #expect(try held.entries().map(\.name) == ["file"])
      try Directory.removeTree(folder("data"))
      try Directory.rename(folder("moved"), to: folder("data"))
    }
  }

  // MARK: Roots

  @Test func nothingOutsideOfTheRootsIsRead() throws {
    for name in ["data", "data/sub", "elsewhere"] {
      try folder.folder(name)
      try folder.file(name + "/file")
    }
    try folder.link("data/out", to: "../elsewhere")
    try folder.link("data/out-file", to: "../elsewhere/file")
    try folder.link("in", to: folder("data/sub"))
    try folder.link("root", to: "data")
    // A root may be named through a link, and one that is not there is no harm.
    for access in [
      FileAccess(for: [stranger], below: [folder("none"), folder("root")]),
      FileAccess(for: [], below: [folder("data")]),
    ] {
      for name in ["data/file", "data/sub/file", "in/file", "in/../file", "elsewhere/../data/file"]
      {
        #expect(access.refusal(folder(name)) == nil, "\(name)")
      }
      for name in ["elsewhere/file", "data/../elsewhere/file", "data/sub/../../elsewhere/file"] {
        #expect(
          access.refusal(folder(name))?.contains("outside of the folders that jobs may read from")
            == true, "\(name)")
      }
      let out = access.refusal(folder("data/out/file"))
      #expect(out?.contains(": \(folder("elsewhere/file")) is outside of the folders") == true)
      #expect(out?.contains("have the administrator add its folder to data_roots") == true)
      let data = try access.folder(folder("data"))
      #expect(throws: SystemError.self) { try data.file("out/file") }
      #expect(throws: SystemError.self) { try data.file("out-file") }
      #expect(throws: SystemError.self) { try data.folder("..") }
      // The results of jobs are not what the roots are about.
      #expect(access.toResults(of: nil).refusal(folder("elsewhere/file")) == nil)
    }
  }

  /// What a user may read of results: all of his own, and of others' what their modes say.
  @Test func resultsAreTheirOwnersAndWhoseTheModesSay() throws {
    let closed = try folder.file("results", mode: 0o640)
    #expect(access.toResults(of: stranger.id).refusal(closed) == nil)
    #expect(access.toResults(of: 70009).refusal(closed) != nil)
    let member = FileAccess(for: [User(id: 70003, groups: [0])])
    #expect(member.toResults(of: 70009).refusal(closed) == nil)
  }

  // MARK: Races

  /// Somebody moves a link to a secret into the way, and back, all the time.
  @Test(arguments: ["folder/file", "file"], [false, true])
  func whatIsMovedIntoTheWayIsNotRead(_ name: String, inHeldFolder: Bool) throws {
    try folder.folder("public/folder")
    try folder.folder("secret/folder")
    for file in ["folder/file", "file"] {
      try folder.file("public/" + file)
      try folder.file("secret/" + file)
      for part in [file, "folder"] {
        try Directory.setPermissions(part == "folder" ? 0o700 : 0o600, of: folder("secret/" + part))
      }
    }
    let swapped = String(name.split(separator: "/")[0])
    let (place, link) = (folder("public/" + swapped), folder("public/link"))
    try folder.link("public/link", to: folder("secret/" + swapped))
    let swapper = Swapper(place, link)
    defer { swapper.stop() }
    let held = try access.folder(folder("public"))
    var (read, refused) = (0, 0)
    let deadline = ContinuousClock.now + .seconds(10)
    // A subfolder that has been opened is held, too: nobody gets into that way any more.
    let isHeld = inHeldFolder && name.contains("/")
    while min(read, isHeld ? read : refused) < 300, ContinuousClock.now < deadline {
      do {
        let file = try inHeldFolder ? held.file(name) : access.file(folder("public/" + name))
        #expect(try file.readAll(limit: 100) == Array("public/\(name)".utf8))
        read += 1
      } catch {
        refused += 1
      }
    }
    #expect(read > 0 && (isHeld || refused > 0), "both were met")
  }
}

/// A thread that exchanges two names as fast as it can, until it is told to stop.
private final class Swapper: Sendable {
  private let isOver = Atomic(false)

  init(_ first: String, _ second: String) {
    Thread.detachNewThread { [self] in
      let exchange: UInt32 = 2
      while !isOver.load(ordering: .relaxed) {
        unsafe _ = renameat2(AT_FDCWD, first, AT_FDCWD, second, exchange)
      }
    }
  }

  func stop() { isOver.store(true, ordering: .relaxed) }
}

@Suite struct ShellWordTests {
  @Test(arguments: [
    ("/a/b-c_1.d", "/a/b-c_1.d"), ("a b", "'a b'"), ("it's", #"'it'\''s'"#), ("", "''"),
    ("$x", "'$x'"), ("é2", "é2"), ("a\nb", "'a\nb'"),
  ])
  func whatIsOneWordStaysOneWord(_ text: String, _ word: String) {
    #expect(shellWord(text) == word)
  }
}
