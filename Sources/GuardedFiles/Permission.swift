import DurableIO

/// What somebody may do with a file or folder; the bits are those of a mode and of an ACL.
struct Permission: OptionSet {
  let rawValue: UInt16

  static let read = Permission(rawValue: 4)
  /// Of a folder: to get at what is in it by its name.
  static let search = Permission(rawValue: 1)

  /// Each by itself. The kernel, asked for both together, wants one entry of a list to grant both.
  var singly: [Permission] { [.read, .search].filter(contains) }

  /// As setfacl(1) has it.
  var letters: String { (contains(.read) ? "r" : "") + (contains(.search) ? "x" : "") }
}

extension User {
  /// Whether the kernel would let a process of the user, one without privileges unless the user is
  /// root, do what is `wanted`: acl_permission_check in Linux' fs/namei.c, step by step.
  ///
  /// - list: asked for only where it decides; nil if there is none.
  func may(
    _ wanted: Permission, _ status: FileStatus,
    list: () throws(SystemError) -> AccessControlList?
  ) throws(SystemError) -> Bool {
    if id == 0 { return true }
    let mode = UInt16(status.permissions)
    if id == status.owner { return Permission(rawValue: mode >> 6).isSuperset(of: wanted) }
    // With an ACL, the group's bits are its mask; where they are clear, the kernel looks no further.
    if mode & 0o070 != 0, let list = try list() { return list.allow(wanted, self, status) }
    let bits = groups.contains(status.group) ? mode >> 3 : mode
    return Permission(rawValue: bits).isSuperset(of: wanted)
  }
}
