import DurableIO

/// That a user may not do something with a file or folder, and what helps, as a sentence.
struct Refusal: CustomStringConvertible {
  /// Whose rights it is about: `the job is run for anna`.
  let role: String
  let user: User
  let wanted: Permission
  let path: String
  let status: FileStatus
  var sandbox = Sandbox.ofThisProcess

  var description: String {
    if let explanation = sandbox.explanation(of: path) { return explanation }
    let verb = wanted.contains(.read) ? "read" : "search"
    let kind = status.kind == .directory ? "the folder " : ""
    return "\(role), who may not \(verb) \(kind)\(path)" + advice
  }

  /// Root closes what is the system's, and the kernel lets nobody change its own.
  private var advice: String {
    if ["/proc", "/sys", "/dev"].contains(where: { path == $0 || path.hasPrefix($0 + "/") }) {
      return ""
    }
    if status.owner == 0 { return "; it is root's, so ask the administrator" }
    let command = "setfacl -m u:\(user.account):\(wanted.letters) \(shellWord(path))"
    return "; its owner can allow it: \(command)"
  }
}
