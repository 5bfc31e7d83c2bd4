public import DurableIO
import Glibc

/// A user, and the groups that it is in.
public struct User: Equatable, Sendable, CustomStringConvertible {
  /// The user's number.
  public let id: UInt32
  /// The numbers of its groups, its own and those that list it.
  public let groups: Set<UInt32>
  private let name: String?

  /// A user made from its parts.
  public init(id: UInt32, name: String? = nil, groups: Set<UInt32>) {
    self.id = id
    self.name = name
    self.groups = groups
  }

  /// Looks the user up; one that this machine does not know is in no group.
  ///
  /// Throws: that the machine cannot say whether there is such a user.
  public init(_ id: UInt32) throws(SystemError) {
    guard let account = try Self.account(id) else {
      self.init(id: id, groups: [])
      return
    }
    var groups = [gid_t](repeating: 0, count: 1 << 16)
    var count = Int32(groups.count)
    guard unsafe getgrouplist(account.name, account.group, &groups, &count) >= 0 else {
      throw SystemError(operation: "look up the groups of", path: "user \(id)", code: ERANGE)
    }
    self.init(id: id, name: account.name, groups: Set(groups.prefix(Int(count))))
  }

  /// The name of a user on this machine; nil if there is none, or that cannot be found out.
  public static func name(of id: UInt32) -> String? {
    (try? account(id)).flatMap(\.self)?.name
  }

  /// What the machine knows of a user; nil if there is none.
  private static func account(_ id: UInt32) throws(SystemError) -> (name: String, group: gid_t)? {
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 1 << 16)
    let code = unsafe getpwuid_r(id, &entry, &buffer, buffer.count, &found)
    // What there is in place of "no such user", getpwnam(3).
    guard [0, ENOENT, ESRCH, EBADF, EPERM].contains(code) else {
      throw SystemError(operation: "look up", path: "user \(id)", code: code)
    }
    guard unsafe found != nil, code == 0 else { return nil }
    return unsafe (String(cString: entry.pw_name), entry.pw_gid)
  }

  /// Its name, or its number where it has none.
  public var description: String { name ?? "user \(id)" }

  /// What setfacl(1) calls it.
  var account: String { name ?? "\(id)" }
}
