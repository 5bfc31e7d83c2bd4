import DurableIO
import Glibc
import Jobs
import Testing

@testable import Spool

/// What others can put into `drop/` besides plain files, and what they can do meanwhile.
@Suite struct HostileDropTests {
  @Test func aSymbolicLinkIsNotFollowed() throws {
    let spool = try TestSpool()
    try AtomicFile.write(jobFile("secret"), to: spool.root + "/secret.json")
    #expect(unsafe symlink(spool.root + "/secret.json", spool.layout.drop + "/link.json") == 0)
    try expectRefused(spool, "link.json", "symbolic link")
    #expect(try readFile(spool.root + "/secret.json") == Array(jobFile("secret").utf8))
  }

  @Test func aPipeIsNotWaitedFor() throws {
    let spool = try TestSpool()
    #expect(unsafe mkfifo(spool.layout.drop + "/pipe.json", 0o644) == 0)
    try expectRefused(spool, "pipe.json", "not a regular file")
  }

  @Test func aDirectoryIsMovedAside() throws {
    let spool = try TestSpool()
    try Directory.create(spool.layout.drop + "/folder.json/with/content")
    try expectRefused(spool, "folder.json", "directory")
    #expect(try spool.names(spool.layout.rejected + "/folder.json") == ["with"])
  }

  @Test func aSocketIsRefused() throws {
    let spool = try TestSpool()
    let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let path = spool.layout.drop + "/socket.json"
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let status = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(status == 0)
    try expectRefused(spool, "socket.json", "not a regular file")
  }

  /// With another name, the file could be somebody else's, whose job it would then be.
  @Test func aHardLinkIsRefusedUnlessTheOtherNameGoes() throws {
    let spool = try TestSpool()
    for name in ["stays", "goes"] {
      try AtomicFile.write(jobFile(name), to: "\(spool.root)/\(name)")
      #expect(unsafe link("\(spool.root)/\(name)", "\(spool.layout.drop)/\(name).json") == 0)
    }
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.wait).count == 2)
    try Directory.remove(spool.root + "/goes")
    let outcomes = admission.scan()
    #expect(outcomes.compactMap(\.admitted?.spec.name) == ["goes"])
    #expect(outcomes.compactMap(\.wait).count == 1)
    spool.passTime(seconds: 60)
    #expect(admission.scan().first?.rejection?.contains("hard links") == true)
    #expect(try spool.jobs().keys.sorted() == ["goes"])
    try spool.expectAtRest()
  }

  @Test func aFileThatChangesWhileItIsReadIsReadAgainLater() throws {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("old"))
    var admission = try spool.admission()
    let path = spool.layout.drop + "/job.json"
    let meddler = FaultPlan { call in
      guard call.operation == "read", call.path == path else { return }
      // In place, the same length, a job before and after.
      guard let file = try? OpenFile(path, flags: O_WRONLY) else { return }
      try? file.write(Array(jobFile("new").utf8))
    }
    let outcomes = Syscalls.$fileSystem.withValue(meddler) { admission.scan() }
    #expect(outcomes.count == 1 && outcomes.first?.wait != nil)
    #expect(admission.scan().first?.admitted?.spec.name == "new")
  }

  /// What is exchanged for another file between the first look and the claim: what was claimed
  /// counts.
  @Test(arguments: ["job", "command", "garbage", "nothing"], ["job", "command", "garbage"])
  func aFileExchangedBeforeTheClaimIsJudgedAgain(new: String, old: String) throws {
    let spool = try TestSpool()
    try spool.drop("target.json", jobFile("target"))
    try spool.startDaemon()
    let contents = ["job": jobFile("other"), "command": cancelFile(1), "garbage": "{}"]
    try spool.drop("file.json", try #require(contents[old]))
    let path = spool.layout.drop + "/file.json"
    let meddler = FaultPlan { call in
      guard call.operation == "rename", call.path == path else { return }
      if let content = contents[new] {
        try? AtomicFile.write(content, to: path, synced: false)
      } else {
        try? Directory.remove(path)
      }
    }
    var admission = try spool.admission()
    let outcomes = Syscalls.$fileSystem.withValue(meddler) { admission.scan() }
    #expect(outcomes.count == (new == "nothing" ? 0 : 1))
    #expect((outcomes.first?.admitted != nil) == (new == "job"))
    #expect((outcomes.first?.command != nil) == (new == "command"))
    #expect((outcomes.first?.rejection != nil) == (new == "garbage"))
    #expect(try spool.jobs().count == (new == "job" ? 2 : 1))
    try spool.expectAtRest()
  }

  /// A letter with so many accents is one character, and a name that is cut behind its characters
  /// would be empty, which is that of the folder itself.
  @Test func aNameOfOneLetterTouchesNothingElse() throws {
    let spool = try TestSpool()
    try spool.drop("bad.json", "{}")
    let name = spool.layout.drop + "/e" + String(repeating: "\u{301}", count: 120)
    close(unsafe open(name, O_WRONLY | O_CREAT, 0o644))
    var admission = try spool.admission()
    _ = admission.scan()
    spool.passTime(seconds: 60)
    #expect(admission.scan().compactMap(\.rejection).count == 1)
    let rejected = try spool.names(spool.layout.rejected)
    #expect(rejected.count == 4 && rejected.contains("bad.json"), "\(rejected)")
    try spool.expectAtRest()
  }

  @Test func aNameThatIsNoTextIsRefused() throws {
    let spool = try TestSpool()
    var path = (spool.layout.drop + "/job?.json").utf8CString.map { $0 }
    path[path.count - 7] = -1
    close(unsafe open(path, O_WRONLY | O_CREAT, 0o644))
    var admission = try spool.admission()
    #expect(admission.scan().compactMap(\.wait).count == 1)
    spool.passTime(seconds: 60)
    #expect(admission.scan().first?.rejection?.contains("rename it") == true)
    try spool.expectAtRest()
  }

  /// What is claimed counts as touched when it was written last, which its owner, who may still have it
  /// open, can say was at any time; some file systems keep every one.
  @Test(arguments: [Int.max, Int.min, 1 << 60, -1])
  func aFileOfAnyTimeIsRefused(seconds: Int) throws {
    let spool = try TestSpool(onDisk: false)
    try AtomicFile.write("1\n", to: spool.layout.highestID)
    let path = spool.layout.claim + "/1:half.json"
    try AtomicFile.write("{", to: path, synced: false)
    let times = [timespec](repeating: timespec(tv_sec: seconds, tv_nsec: 0), count: 2)
    #expect(unsafe utimensat(AT_FDCWD, path, times, 0) == 0)
    var admission = try spool.admission()
    #expect(admission.finishClaims().first?.rejection != nil)
    try spool.expectAtRest()
  }

  /// Its owner may close a folder in it to all others, and then submit another one of its name.
  @Test func aRefusedFolderThatCannotBeRemovedHoldsUpNothing() throws {
    struct Closed: FileSystem {
      func perform(_ call: FileCall, _ kernel: () -> Int) -> Int {
        call.operation == "open" && call.path.hasSuffix("/closed") ? -Int(EACCES) : kernel()
      }
      func write(
        _ call: FileCall, _ bytes: UnsafeRawBufferPointer,
        _ kernel: (UnsafeRawBufferPointer) -> Int
      ) -> Int { unsafe kernel(bytes) }
    }
    let spool = try TestSpool()
    var admission = try spool.admission()
    for content in ["/closed/file", "/other"] {
      try Directory.create(spool.layout.drop + "/x.json" + content)
      let outcomes = Syscalls.$fileSystem.withValue(Closed()) { admission.scan() }
      #expect(outcomes.compactMap(\.rejection).count == 1)
    }
    #expect(try spool.names(spool.layout.rejected + "/x.json") == ["other"])
    #expect(try spool.names(spool.layout.rejected).count == 3, "the first is set aside")
    try spool.expectAtRest()
  }

  /// Who has a lease on a file has its readers wait for him: it is no trouble of the machine's.
  @Test func aFileWithALeaseIsWaitedFor() throws {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("job"))
    var admission = try spool.admission()
    signal(SIGIO, SIG_IGN)
    let file = open(spool.layout.drop + "/job.json", O_RDWR)
    defer { close(file) }
    let setLease: Int32 = 1024
    try #require(fcntl(file, setLease, F_WRLCK) == 0)
    #expect(admission.scan().compactMap(\.wait).count == 1)
    try #require(fcntl(file, setLease, F_UNLCK) == 0)
    #expect(admission.scan().first?.admitted != nil)
  }

  /// Nobody fills the daemon's memory with folders that he makes and takes away.
  @Test func foldersThatAreGoneAreForgotten() throws {
    let spool = try TestSpool()
    let (folder, aside) = (spool.layout.drop + "/x.json", spool.root + "/aside")
    try Directory.create(folder)
    var admission = try spool.admission()
    let refusal = SystemError(operation: "rename", path: folder, code: EACCES)
    _ = admission.foreignDirectories.insert("x.json", in: spool.layout.drop, refusal)
    #expect(admission.scan().isEmpty)
    try Directory.rename(folder, to: aside)
    #expect(admission.scan().isEmpty)
    try Directory.rename(aside, to: folder)
    let isKnown = admission.foreignDirectories.contains("x.json", in: spool.layout.drop)
    #expect(!isKnown)
  }

  @Test func aFileThatMayNotBeReadWaitsForItsOwnerToMendIt() throws {
    let spool = try TestSpool()
    try spool.drop("job.json", jobFile("job"))
    var admission = try spool.admission()
    // Root may read everything, so the kernel's refusal is played: claim/ and drop/ are listed,
    // the file is examined for the time of its arrival, then it is opened.
    func scan() -> [Admission.Outcome] {
      let plan = FaultPlan(at: 3, .failure(EACCES))
      defer { #expect(plan.calls[3].description == "open \(spool.layout.drop)/job.json") }
      return Syscalls.$fileSystem.withValue(plan) { admission.scan() }
    }
    #expect(scan().first?.wait != nil)
    spool.passTime(seconds: 60)
    #expect(admission.scan().first?.admitted != nil, "its owner has made it readable")
  }

  private func expectRefused(_ spool: TestSpool, _ name: String, _ word: String) throws {
    try spool.drop("good.json", jobFile("good"))
    var admission = try spool.admission()
    let outcomes = admission.scan()
    let reason = try #require(outcomes.compactMap(\.rejection).first)
    #expect(reason.contains(word), "\(reason)")
    #expect(outcomes.compactMap(\.admitted).count == 1)
    #expect(try spool.names(spool.layout.rejected) == [name, name + ".reason"])
    try spool.expectAtRest()
  }
}
