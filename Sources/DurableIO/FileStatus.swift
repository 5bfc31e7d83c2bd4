import Glibc

/// What the kernel knows of a file.
public struct FileStatus: Equatable, Sendable {
  /// What kind of thing a name stands for.
  public enum Kind: Sendable {
    case regular
    case directory
    case symbolicLink
    case fifo
    case socket
    case other
  }

  /// Seconds and nanoseconds since 1970.
  public struct Time: Equatable, Sendable {
    /// Whole seconds since 1970.
    public let seconds: Int
    /// 0 ..< 1,000,000,000.
    public let nanoseconds: Int

    init(_ time: timespec) {
      seconds = time.tv_sec
      nanoseconds = time.tv_nsec
    }
  }

  /// What the name stands for.
  public let kind: Kind
  /// In bytes.
  public let size: Int
  /// Names that the file has.
  public let links: Int
  /// User id.
  public let owner: UInt32
  /// Group id.
  public let group: UInt32
  /// The permission bits.
  public let permissions: UInt32
  /// With `inode`, tells files apart.
  public let device: UInt64
  /// The number of the file on its device.
  public let inode: UInt64
  /// The last change of content, as far as nobody has set it.
  public let modified: Time
  /// The last change of content or status; unlike `modified`, nobody can set it.
  public let changed: Time

  init(_ status: stat) {
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .regular
    case S_IFDIR: kind = .directory
    case S_IFLNK: kind = .symbolicLink
    case S_IFIFO: kind = .fifo
    case S_IFSOCK: kind = .socket
    default: kind = .other
    }
    size = Int(status.st_size)
    links = Int(status.st_nlink)
    owner = status.st_uid
    group = status.st_gid
    permissions = status.st_mode & 0o7777
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    modified = Time(status.st_mtim)
    changed = Time(status.st_ctim)
  }

  /// The status of `path` itself: a symbolic link is not followed.
  public init(ofLink path: String) throws(SystemError) {
    var status = stat()
    try Syscalls.call("examine", path) { unsafe lstat(path, &status) }
    self.init(status)
  }
}
