/// The POSIX access control list of a file, acl(5), as the extended attribute
/// `system.posix_acl_access` holds it: the number 2 in 32 bits, then entries of a tag and permissions
/// in 16 bits each and a user or group in 32, sorted by tag, all little-endian.

import DurableIO
import Glibc

struct AccessControlList {
  private struct Entry {
    let tag: UInt16
    let permissions: Permission
    let id: UInt32
  }

  /// The tags, in the order that the kernel keeps entries in.
  private enum Tag {
    static let owner: UInt16 = 0x01
    static let user: UInt16 = 0x02
    static let owningGroup: UInt16 = 0x04
    static let group: UInt16 = 0x08
    static let mask: UInt16 = 0x10
    static let other: UInt16 = 0x20
  }

  /// None if the attribute is not of this format: nobody but the owner is then allowed anything.
  private let entries: [Entry]

  /// Reads the list of a file; nil if it has none.
  ///
  /// - get: getxattr(2), given the attribute's name, room for its value and how much there is.
  init?(
    of path: String, _ get: (String, UnsafeMutableRawPointer?, UInt) -> Int
  ) throws(SystemError) {
    while true {
      var count = unsafe get(Self.attribute, nil, 0)
      var bytes = [UInt8](repeating: 0, count: max(count, 0))
      if count > 0 {
        count = unsafe bytes.withUnsafeMutableBytes {
          unsafe get(Self.attribute, $0.baseAddress, UInt($0.count))
        }
      }
      if count >= 0 {
        self.init(attribute: Array(bytes.prefix(count)))
        return
      }
      switch errno {
      case ENODATA, EOPNOTSUPP: return nil
      case ERANGE: continue  // It has grown meanwhile.
      default: throw SystemError(operation: "open", path: path, code: errno)
      }
    }
  }

  private static let attribute = "system.posix_acl_access"

  private init(attribute: [UInt8]) {
    func number(_ start: Int, bytes: Int) -> UInt32 {
      attribute[start..<start + bytes].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    guard attribute.count >= 4, attribute.count % 8 == 4, number(0, bytes: 4) == 2 else {
      entries = []
      return
    }
    entries = stride(from: 4, to: attribute.count, by: 8).map { start in
      Entry(
        tag: UInt16(number(start, bytes: 2)),
        permissions: Permission(rawValue: UInt16(number(start + 2, bytes: 2))),
        id: number(start + 4, bytes: 4))
    }
  }

  /// Whether the list lets a user who does not own the file do what is `wanted`: posix_acl_permission
  /// in Linux' fs/posix_acl.c.
  func allow(_ wanted: Permission, _ user: User, _ status: FileStatus) -> Bool {
    let mask = entries.first { $0.tag == Tag.mask }?.permissions
    func masked(_ entry: Entry) -> Bool {
      (mask.map(entry.permissions.intersection) ?? entry.permissions).isSuperset(of: wanted)
    }
    if let entry = entries.first(where: { $0.tag == Tag.user && $0.id == user.id }) {
      return masked(entry)
    }
    let groups = entries.filter { entry in
      entry.tag == Tag.owningGroup && user.groups.contains(status.group)
        || entry.tag == Tag.group && user.groups.contains(entry.id)
    }
    // One group is enough; but whoever is in any of them is not one of the others.
    if !groups.isEmpty { return groups.contains(where: masked) }
    return entries.first { $0.tag == Tag.other }?.permissions.isSuperset(of: wanted) ?? false
  }
}
