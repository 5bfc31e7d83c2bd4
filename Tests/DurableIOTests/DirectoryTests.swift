import Glibc
import Synchronization
import TestSupport
import Testing

@testable import DurableIO

@Suite struct DirectoryTests {
  @Test func makesMissingParents() throws {
    let folder = try TemporaryFolder()
    try Directory.create(folder("a/b/c"))
    try Directory.create(folder("a/b/c"))
    #expect(try FileStatus(ofLink: folder("a/b/c")).kind == .directory)
    try AtomicFile.write("", to: folder("file"))
    #expect(throws: SystemError.self) { try Directory.create(folder("file/d")) }
  }

  @Test func listsNamesInOrder() throws {
    let folder = try TemporaryFolder()
    let names = (0..<300).map { "name-\($0)" }
    for name in names { try AtomicFile.write("", to: folder(name), synced: false) }
    #expect(try Directory.names(in: folder.path) == names.sorted())
    #expect(throws: SystemError.self) { try Directory.names(in: folder("missing")) }
  }

  @Test func syncsAllFilesAtOnce() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("a", to: folder("a"), synced: false)
    try FileSystemSync(folder.path).finish()
    #expect(throws: SystemError.self) { try FileSystemSync(folder("missing")) }
  }

  @Test func renamesWithoutReplacing() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.write("a", to: folder("a"))
    try AtomicFile.write("b", to: folder("b"))
    let error = #expect(throws: SystemError.self) {
      try Directory.renameWithoutReplacing(folder("a"), to: folder("b"))
    }
    #expect(error?.isAlreadyThere == true)
    try Directory.renameWithoutReplacing(folder("a"), to: folder("c"))
    #expect(try Directory.names(in: folder.path) == ["b", "c"])
  }

  @Test func removesATreeWithoutFollowingLinks() throws {
    let folder = try TemporaryFolder()
    try Directory.create(folder("precious"))
    try AtomicFile.write("keep", to: folder("precious/file"))
    try Directory.create(folder("tree/deep/er"))
    try AtomicFile.write("x", to: folder("tree/deep/file"))
    #expect(unsafe symlink(folder("precious"), folder("tree/link")) == 0)
    try Directory.removeTree(folder("tree"))
    try Directory.removeTree(folder("tree"))
    #expect(try Directory.names(in: folder.path) == ["precious"])
    #expect(try Directory.names(in: folder("precious")) == ["file"])
  }

  /// Whoever may write into the tree exchanges a folder in it for a link, before any of the calls.
  @Test func aLinkPutIntoTheWayOfARemovalIsNotFollowed() throws {
    var turn = 0
    var isOver = false
    while !isOver {
      let folder = try TemporaryFolder()
      try Directory.create(folder("precious/deep"))
      try AtomicFile.write("keep", to: folder("precious/deep/file"), synced: false)
      try Directory.create(folder("tree/sub/deep"))
      try AtomicFile.write("x", to: folder("tree/sub/deep/file"), synced: false)
      let calls = Mutex(0)
      let meddler = FaultPlan { [turn] _ in
        guard
          calls.withLock({
            $0 += 1; return $0 - 1
          }) == turn
        else { return }
        try? Directory.rename(folder("tree/sub"), to: folder("aside"))
        unsafe _ = symlink(folder("precious"), folder("tree/sub"))
      }
      Syscalls.$fileSystem.withValue(meddler) { try? Directory.removeTree(folder("tree")) }
      #expect(
        try readFile(folder("precious/deep/file")) == Array("keep".utf8), "before call \(turn)")
      isOver = calls.withLock { $0 } <= turn
      turn += 1
    }
  }

  @Test func namesNeedNotBeUTF8() throws {
    let folder = try TemporaryFolder()
    try Directory.create(folder("tree/sub"))
    for name in ["a\u{301}", "\u{FFFD}", ".hidden"] {
      try AtomicFile.write("", to: folder(name), synced: false)
    }
    func make(_ bytes: [UInt8], in name: String) {
      let path = folder(name).utf8 + [UInt8(ascii: "/")] + bytes + [0]
      close(unsafe open(path.map { CChar(bitPattern: $0) }, O_WRONLY | O_CREAT, 0o644))
    }
    for name in ["", "tree", "tree/sub"] { make([0x61, 0xFF, 0x62], in: name) }
    make([0x2E, 0xFF], in: "")
    make([UInt8](repeating: 0xFF, count: 255), in: "")
    let names = try Directory.namesMadeReadable(in: folder.path)
    #expect(names.contains("\u{FFFD}") && names.contains("a\u{301}") && names.contains("tree"))
    #expect(names.filter { $0.hasPrefix("a\u{FFFD}b-") }.count == 1)
    #expect(names.count == 6, "but for a hidden one: \(names)")
    for name in names where name != "tree" {
      #expect(try FileStatus(ofLink: folder(name)).kind == .regular)
    }
    try Directory.removeTree(folder("tree"))
    #expect(try !Directory.exists(folder("tree")))
  }

  @Test func aDanglingLinkExists() throws {
    let folder = try TemporaryFolder()
    #expect(unsafe symlink("/nowhere", folder("link")) == 0)
    #expect(try Directory.exists(folder("link")))
    #expect(try !Directory.exists(folder("other")))
  }

  @Test func knowsTheFreeSpace() throws {
    #expect(try Directory.freeSpace(at: "/tmp") > 0)
  }
}

@Suite struct OpenFileTests {
  @Test func readsAFileUpToItsLimit() throws {
    let folder = try TemporaryFolder()
    for size in [0, 1, 4095, 4096, 4097, 100_000] {
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try AtomicFile.write(bytes, to: folder("f"), synced: false)
      #expect(try readFile(folder("f")) == bytes)
      #expect(try readFile(folder("f"), limit: size) == bytes)
      if size > 0 {
        let error = #expect(throws: SystemError.self) {
          try readFile(folder("f"), limit: size - 1)
        }
        #expect(error?.code == EFBIG)
      }
    }
    // A file that says it is empty, as those under /proc do.
    #expect(try !readFile("/proc/self/status").isEmpty)
  }

  @Test func anErrorSaysWhatWasTriedOnWhatAndWhy() throws {
    let error = #expect(throws: SystemError.self) { try readFile("/nowhere/at/all") }
    #expect(error?.description == "cannot open /nowhere/at/all: No such file or directory")
    #expect(error?.isNotFound == true)
    #expect(error?.isTransient == false)
    #expect(SystemError(operation: "write", path: "x", code: ENOSPC).isTransient)
  }
}

@Suite struct FileLockTests {
  @Test func hasOneHolder() throws {
    let folder = try TemporaryFolder()
    let path = folder("lock")
    #expect(try !FileLock.isHeld(path))
    #expect(try FileLock.holder(path) == nil)
    let lock = try #require(try FileLock.acquire(path))
    #expect(try FileLock.acquire(path) == nil)
    #expect(try FileLock.isHeld(path))
    #expect(try FileLock.holder(path) == getpid())
    lock.release()
    #expect(try !FileLock.isHeld(path), "asking after a lock does not take it")
    #expect(try FileLock.holder(path) == nil, "a stale process id is not believed")
    try #require(try FileLock.acquire(path)).release()
    try FileLock.wait(path).release()
  }

  @Test func waitsForTheHolderToLetGo() async throws {
    let folder = try TemporaryFolder()
    let path = folder("lock")
    let lock = try #require(try FileLock.acquire(path))
    let waiter = Task.detached { try FileLock.wait(path) }
    lock.release()
    try await waiter.value.release()
  }

  /// A program that a holder was starting when it was killed has a copy of the lock until its exec.
  @Test func isNotKeptByWhatADeadHolderWasStarting() async throws {
    let folder = try TemporaryFolder()
    let path = folder("lock")
    let lock = try #require(try FileLock.acquire(path))
    // No process has that number.
    try OpenFile(path, flags: O_WRONLY).overwrite(with: Array("\(Int32.max)\n".utf8))
    let next = Task.detached { try FileLock.acquire(path) }
    try await Task.sleep(for: .milliseconds(50))
    lock.release()
    try #require(try await next.value).release()
  }
}

@Suite struct SHA256Tests {
  /// The examples of FIPS 180-4's supplement.
  @Test(arguments: [
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func knowsThePublishedExamples(message: String, digest: String) {
    #expect(SHA256.of(Array(message.utf8)).hex == digest)
  }

  @Test func doesNotDependOnThePieces() throws {
    let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ $0 >> 8) }
    var hash = SHA256()
    var start = 0
    for size in [0, 1, 63, 64, 65, 300_000, 699_807] {
      hash.update(Array(bytes[start..<start + size]))
      start += size
    }
    #expect(start == bytes.count)
    let whole = SHA256.of(bytes)
    #expect(hash.finalize() == whole)
    let folder = try TemporaryFolder()
    try AtomicFile.write(bytes, to: folder("f"))
    #expect(try SHA256.of(file: folder("f")) == whole)
  }
}
