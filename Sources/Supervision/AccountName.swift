import Glibc

/// The name of a user, or the number where there is no name.
func accountName(_ user: UInt32) -> String {
  guard let entry = unsafe getpwuid(user), let name = unsafe entry.pointee.pw_name else {
    return "user \(user)"
  }
  return unsafe String(cString: name)
}
