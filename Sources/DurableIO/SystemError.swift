import Glibc

/// A system call that failed: what was tried, on which path, and the kernel's reason.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The verb of the call: `rename`, `open`.
  public let operation: String
  /// What it was tried on.
  public let path: String
  /// The value of `errno`.
  public let code: Int32
  /// What is known better than the kernel says it.
  private let detail: String?

  /// An error made from its parts.
  ///
  /// - detail: the reason, where more is known of it than `code` says.
  public init(operation: String, path: String, code: Int32, detail: String? = nil) {
    self.operation = operation
    self.path = path
    self.code = code
    self.detail = detail
  }

  /// One clause: `cannot rename /a/b: No space left on device`.
  public var description: String { "cannot \(operation) \(path): \(reason)" }

  /// The reason alone: `No space left on device`.
  public var reason: String { detail ?? (unsafe String(cString: strerror(code))) }

  /// Whether the machine's state is at fault (no space, no memory, no descriptors, a failing
  /// disk) and the same call may succeed later; never a fault of the file's content or name.
  public var isTransient: Bool {
    switch code {
    case ENOSPC, EDQUOT, EMFILE, ENFILE, EIO, EINTR, ENOMEM, EROFS, EAGAIN, ESTALE, ETXTBSY, EBUSY:
      true
    default: false
    }
  }

  /// Nothing is there under that name.
  public var isNotFound: Bool { code == ENOENT || code == ENOTDIR }

  /// Something is there already under that name.
  public var isAlreadyThere: Bool { code == EEXIST || code == ENOTEMPTY }

  /// The caller may not do that.
  public var isPermissionDenied: Bool { code == EACCES || code == EPERM }
}
