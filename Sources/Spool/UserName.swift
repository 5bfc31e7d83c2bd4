import Glibc

/// What users are called where people read of them: their names, or their numbers where there are none.
public func userName(_ user: UInt32) -> String { accountName(user) ?? "user \(user)" }

/// The name of a user on this machine; nil if there is none, or that cannot be found out.
public func accountName(_ user: UInt32) -> String? {
  var entry = unsafe passwd()
  var found: UnsafeMutablePointer<passwd>?
  var buffer = [CChar](repeating: 0, count: 1 << 14)
  guard unsafe getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil
  else { return nil }
  return unsafe String(cString: entry.pw_name)
}
