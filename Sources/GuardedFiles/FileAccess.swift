/// Reading what a job names, for the user who submitted it. ddpmd and its workers are one user
/// themselves, who may read other things than the submitters, so that it is not enough that the
/// kernel lets them.
///
/// **Promises.** A file or folder is opened if all of this holds, and else nothing of it is read:
/// - each of `users` may search every folder on the way, follow every symbolic link, and read what is
///   at its end, by modes and access control lists as the kernel takes them;
/// - it lies in one of the folders `roots`, whatever links lead there.
///
/// What was checked is what is opened: the way is walked folder by folder, symbolic links are read
/// and followed here, and every step holds a descriptor, so that nothing that is renamed, replaced or
/// linked meanwhile gets in between. Only regular files and folders are opened, never pipes or
/// devices.
///
/// **Failures.** `SystemError` with the path as it was given, and a reason that names the folder or
/// file at fault, who may not get at it, and what helps.

import CLinux
public import DurableIO
import Glibc

/// For whom files are read, and which.
public struct FileAccess: Sendable {
  /// All of them must be allowed what is done.
  private let users: [User]
  private let roots: DataRoots?

  /// What this process may read.
  public static let ofThisProcess = FileAccess(for: [])

  /// Reads what all of `users` and this process may read.
  ///
  /// - roots: the folders that all of it must lie in; nil: anywhere.
  public init(for users: [User], below roots: [String]? = nil) {
    // The process's own rights are the kernel's business; root may read everything.
    self.init(users.filter { $0.id != 0 && $0.id != geteuid() }, roots.map(DataRoots.init))
  }

  private init(_ users: [User], _ roots: DataRoots?) {
    self.users = users
    self.roots = roots
  }

  /// The access to results that ddpmd keeps: of everybody to his own, of others as far as the modes of
  /// the files let them, wherever they are.
  ///
  /// - owner: who has submitted the job that they are of; nil if that is not known.
  public func toResults(of owner: UInt32?) -> FileAccess {
    FileAccess(users.filter { $0.id != owner }, nil)
  }

  /// Opens a regular file for reading.
  public func file(_ path: String) throws(SystemError) -> OpenFile {
    try explainingSandbox(path) { () throws(SystemError) in
      try openFile(path, from: nil, naming: path)
    }
  }

  /// Opens a folder.
  public func folder(_ path: String) throws(SystemError) -> GuardedFolder {
    try explainingSandbox(path) { () throws(SystemError) in
      try GuardedFolder(path, from: nil, naming: path, self)
    }
  }

  /// Where `body` does not find what is at `path`, and that is the sandbox's doing, says so.
  private func explainingSandbox<Result>(
    _ path: String, _ body: () throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    do {
      return try body()
    } catch {
      guard error.isNotFound, let reason = Sandbox.ofThisProcess.explanation(of: path) else {
        throw error
      }
      throw SystemError(
        operation: error.operation, path: error.path, code: error.code, detail: reason)
    }
  }

  /// Whether anything is at `path`; a symbolic link that leads nowhere is nothing.
  ///
  /// Throws: `SystemError` where that cannot be found out, or is none of the users' business.
  public func exists(_ path: String) throws(SystemError) -> Bool {
    do {
      _ = try find(path, from: nil, naming: path)
      return true
    } catch {
      if error.isNotFound { return false }
      throw error
    }
  }

  func openFile(
    _ path: String, from start: Place?, naming name: String
  ) throws(SystemError) -> OpenFile {
    if !isRestricted {
      // The kernel does all. Where it does not let us, what follows says why.
      do {
        let file = try OpenFile(path, in: start?.file, flags: Self.reading, path: name)
        if try file.status().kind == .regular { return file }
      } catch  where error.code == EACCES {
      }
    }
    let place = try find(path, from: start, naming: name)
    guard place.status.kind == .regular else {
      let isFolder = place.status.kind == .directory
      throw SystemError(
        operation: "open", path: name, code: isFolder ? EISDIR : EINVAL,
        detail: "it is \(isFolder ? "a folder" : "a device or pipe"); a file is wanted")
    }
    return try open(place, .read, Self.reading, naming: name)
  }

  /// Opens a regular file that is in `folder` itself, as most files of a data set are; the folder may
  /// be searched and is in the roots. This does the same as the other way in fewer steps.
  func openEntry(
    _ entry: String, in folder: Place, naming name: String
  ) throws(SystemError) -> OpenFile {
    do {
      let flags = Self.reading | O_NOFOLLOW
      let file = try OpenFile(entry, in: folder.file, flags: flags, path: name)
      let status = try file.status()
      if status.kind == .regular {
        try require(.read, status, at: name, naming: name) { () throws(SystemError) in
          try AccessControlList(of: name) { unsafe fgetxattr(file.descriptor, $0, $1, $2) }
        }
        return file
      }
    } catch  where error.code == ELOOP || error.code == EACCES {
    }
    return try openFile(entry, from: folder, naming: name)
  }

  /// To open a pipe must not wait for who writes to it.
  private static let reading = O_RDONLY | O_NONBLOCK | O_NOCTTY

  /// Opens what was found.
  func open(
    _ place: Place, _ wanted: Permission, _ flags: Int32, naming name: String
  ) throws(SystemError) -> OpenFile {
    try require(wanted, of: place, naming: name)
    do {
      return try place.open(flags, path: name)
    } catch {
      throw explained(error, wanted, place, naming: name)
    }
  }

  /// Finds what `path` stands for.
  ///
  /// - start: where a relative path begins.
  /// - name: what it is called in errors.
  func find(
    _ path: String, from start: Place?, isFolder: Bool = false, naming name: String
  ) throws(SystemError) -> Place {
    if !isRestricted {
      do {
        return try Place(path, in: start, flags: isFolder ? O_DIRECTORY : 0)
      } catch  where error.code != EACCES {
        throw SystemError(operation: "open", path: name, code: error.code)
      } catch {
        // What follows says why.
      }
    }
    let place = try walk(path, from: start, isFolder: isFolder, naming: name)
    if let roots, !roots.contain(place) {
      throw SystemError(
        operation: "open", path: name, code: EACCES,
        detail: "\(place.path == name ? "it" : place.path) is outside of the folders that jobs may"
          + " read from, which are \(roots); move it there, or have the administrator add its"
          + " folder to data_roots")
    }
    return place
  }

  private var isRestricted: Bool { !users.isEmpty || roots != nil }

  // MARK: The walk

  /// As many as the kernel follows.
  private static let linkLimit = 40

  /// Folders in one another: each on the way takes a descriptor.
  private static let depthLimit = 256

  private func walk(
    _ path: String, from start: Place?, isFolder: Bool, naming name: String
  ) throws(SystemError) -> Place {
    func failure(_ code: Int32) -> SystemError {
      SystemError(operation: "open", path: name, code: code)
    }
    func top() throws(SystemError) -> Place { try Place("/", in: nil) }
    var place = if let start, !path.hasPrefix("/") { start } else { try top() }
    var rest = reversedParts(path)
    var links = 0
    while let part = rest.popLast() {
      guard place.status.kind == .directory else { throw failure(ENOTDIR) }
      try require(.search, of: place, naming: name)
      if part == ".." {
        place = place.parent ?? place
        continue
      }
      guard place.depth < Self.depthLimit else {
        throw SystemError(
          operation: "open", path: name, code: ENAMETOOLONG,
          detail: "it is in more than \(Self.depthLimit) folders in one another; move it up")
      }
      let next = try step(part, from: place, isFolder: isFolder || !rest.isEmpty, naming: name)
      guard next.status.kind == .symbolicLink else {
        place = next
        continue
      }
      links += 1
      guard links <= Self.linkLimit else { throw failure(ELOOP) }
      try requireTrust(in: next, naming: name)
      guard let target = try next.target() else { throw failure(EILSEQ) }
      if target.hasPrefix("/") { place = try top() }
      rest += reversedParts(target)
    }
    return place
  }

  private func reversedParts(_ path: String) -> [String] {
    path.split(separator: "/").reversed().filter { $0 != "." }.map(String.init)
  }

  /// What `part` stands for in `folder`, links not followed.
  private func step(
    _ part: String, from folder: Place, isFolder: Bool, naming name: String
  ) throws(SystemError) -> Place {
    do {
      if isFolder {
        // Without O_DIRECTORY nothing would be mounted in a place that is mounted when it is used.
        do {
          return try Place(part, in: folder, flags: O_NOFOLLOW | O_DIRECTORY)
        } catch  where error.code == ENOTDIR {
        }
      }
      return try Place(part, in: folder, flags: O_NOFOLLOW)
    } catch {
      throw explained(error, .search, folder, naming: name)
    }
  }

  // MARK: Permission

  func require(
    _ wanted: Permission, of place: Place, naming name: String
  ) throws(SystemError) {
    try require(
      wanted, place.status, at: place.path, naming: name, list: place.accessControlList)
  }

  private func require(
    _ wanted: Permission, _ status: FileStatus, at path: String, naming name: String,
    list: () throws(SystemError) -> AccessControlList?
  ) throws(SystemError) {
    for user in users {
      for one in wanted.singly where try !user.may(one, status, list: list) {
        throw refusal("the job is run for \(user)", user, wanted, status, at: path, naming: name)
      }
    }
  }

  /// Who follows a link in a folder like /tmp is led where its owner wants: such links count only if
  /// the user's own, or the folder's owner's, as for the kernel with `fs.protected_symlinks`.
  private func requireTrust(in link: Place, naming name: String) throws(SystemError) {
    guard let folder = link.parent?.status, folder.permissions & 0o1002 == 0o1002 else { return }
    let followers = users.isEmpty ? [geteuid()] : users.map(\.id)
    guard link.status.owner != folder.owner, followers != [link.status.owner] else { return }
    throw SystemError(
      operation: "open", path: name, code: EACCES,
      detail: "\(link.path) is a symbolic link of somebody else's in a folder that everybody may"
        + " write to; name what it leads to")
  }

  /// The kernel's error, with who lacks what if that is why.
  private func explained(
    _ error: SystemError, _ wanted: Permission, _ place: Place, naming name: String
  ) -> SystemError {
    guard error.code == EACCES, let user = try? User(geteuid()) else {
      return SystemError(operation: "open", path: name, code: error.code)
    }
    return refusal(
      "it is read by \(user)", user, wanted, place.status, at: place.path, naming: name)
  }

  private func refusal(
    _ role: String, _ user: User, _ wanted: Permission, _ status: FileStatus, at path: String,
    naming name: String
  ) -> SystemError {
    SystemError(
      operation: "open", path: name, code: EACCES,
      detail: Refusal(role: role, user: user, wanted: wanted, path: path, status: status)
        .description)
  }
}

/// The folders that everything read must lie in.
private struct DataRoots: Sendable, CustomStringConvertible {
  private let paths: [String]
  /// Device and number of each that there is.
  private let identities: Set<FileIdentity>

  init(_ paths: [String]) {
    self.paths = paths
    identities = Set(
      paths.compactMap { try? FileIdentity(Place($0, in: nil, flags: O_DIRECTORY).status) })
  }

  /// Whether one of the folders that led to `place`, or `place` itself, is one of these.
  func contain(_ place: Place) -> Bool {
    sequence(first: place, next: \.parent).contains { identities.contains(FileIdentity($0.status)) }
  }

  var description: String { paths.joined(separator: ", ") }
}

/// What tells files apart.
public struct FileIdentity: Hashable, Sendable {
  private let device, inode: UInt64

  init(_ status: FileStatus) { (device, inode) = (status.device, status.inode) }
}
