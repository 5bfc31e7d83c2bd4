import Glibc
import GuardedFiles

/// Decides who may command a job: the user who submitted it, root, the daemon's own user, and the
/// members of the administrators' group. A user is the owner of the command's file.
public struct CommandAuthority: Equatable, Sendable {
  private let administrators: String?

  /// - administrators: The name of a group; nil has no such group.
  public init(administrators: String? = nil) { self.administrators = administrators }

  /// Whether this machine has a group of that name.
  public static func isGroup(_ name: String) -> Bool { number(ofGroup: name) != nil }

  /// Whether `user` may command a job of `submitter`.
  public func allows(_ user: UInt32, toCommandJobOf submitter: UInt32?) -> Bool {
    user == submitter || isUnlimited(user)
  }

  /// Whether `user` may command every job, and have what others may not.
  func isUnlimited(_ user: UInt32) -> Bool {
    user == 0 || user == geteuid() || isAdministrator(user)
  }

  private func isAdministrator(_ user: UInt32) -> Bool {
    guard let administrators, let wanted = Self.number(ofGroup: administrators) else {
      return false
    }
    return (try? User(user))?.groups.contains(wanted) ?? false
  }

  private static func number(ofGroup name: String) -> gid_t? {
    var entry = unsafe group()
    var found: UnsafeMutablePointer<group>?
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let status = unsafe getgrnam_r(name, &entry, &buffer, buffer.count, &found)
    return unsafe status == 0 && found != nil ? entry.gr_gid : nil
  }
}
