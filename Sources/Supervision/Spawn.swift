// Starts a program as a process group of its own with posix_spawn(3): no code of ours runs
// between fork and exec, and an executable that cannot be started is an error here.

import CLinux
package import DurableIO
package import Glibc

/// What to start, and with which surroundings.
package struct SpawnRequest: Sendable {
  package var executable: String
  package var arguments: [String]
  /// `NAME=value` pairs.
  package var environment: [String]
  package var directory: String
  /// Appended to by the program's standard error; made where missing.
  package var log: String

  package init(
    executable: String, arguments: [String], environment: [String], directory: String, log: String
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.directory = directory
    self.log = log
  }
}

/// Starts the program with standard input and output on these descriptors.
///
/// The program gets default dispositions and an empty mask for signals, whatever the daemon has.
/// Returns: the process id, which is also the process group's.
package func spawn(_ request: SpawnRequest, input: Int32, output: Int32) throws(SystemError)
  -> pid_t
{
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
  unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
  unsafe posix_spawn_file_actions_addopen(
    &actions, STDERR_FILENO, request.log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
  // Whatever the daemon itself was started with is none of the program's business.
  unsafe posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)
  unsafe posix_spawn_file_actions_addchdir_np(&actions, request.directory)

  var attributes = posix_spawnattr_t()
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
  unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
  unsafe posix_spawnattr_setpgroup(&attributes, 0)
  var none = sigset_t()
  unsafe sigemptyset(&none)
  unsafe posix_spawnattr_setsigmask(&attributes, &none)
  var defaulted = none
  for signal in requestSignals + [SIGPIPE] { unsafe sigaddset(&defaulted, signal) }
  unsafe posix_spawnattr_setsigdefault(&attributes, &defaulted)

  var child = pid_t()
  let code = unsafe withCStrings([request.executable] + request.arguments) { arguments in
    unsafe withCStrings(request.environment) { environment in
      unsafe posix_spawn(
        &child, request.executable, &actions, &attributes, arguments, environment)
    }
  }
  guard code == 0 else {
    throw SystemError(operation: "start", path: request.executable, code: code)
  }
  return child
}

/// Calls `body` with a null-terminated array of C strings.
private func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers: [UnsafeMutablePointer<CChar>?] = unsafe strings.map { unsafe strdup($0) }
  defer { unsafe pointers.forEach { unsafe free($0) } }
  unsafe pointers.append(nil)
  return unsafe pointers.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else {
      preconditionFailure("an array with a null is empty")
    }
    return unsafe body(base)
  }
}
