/// What carries out this package's calls to the kernel that read or change state on disk.
///
/// Three do: the kernel itself, where nobody is in between; `RecordingFileSystem`, which remembers
/// every call with its data; and `FaultPlan`, in which chosen calls fail. The latter two are for
/// tests, and in place for a task by `Syscalls.$fileSystem`.
package protocol FileSystem: Sendable {
  /// Carries out one call; returns its result, or −errno where it fails.
  ///
  /// - kernel: The call itself, with the same results.
  func perform(_ call: FileCall, _ kernel: () -> Int) -> Int

  /// Carries out one `write` of `bytes`, which may write less than asked.
  func write(
    _ call: FileCall, _ bytes: UnsafeRawBufferPointer, _ kernel: (UnsafeRawBufferPointer) -> Int
  ) -> Int
}

/// A call to the kernel, as it is asked for.
package struct FileCall: Sendable, Equatable, CustomStringConvertible {
  /// What is done, in the words of error messages: `rename`, `make the directory`.
  package let operation: String
  /// The name it is done to, which for open files is the one they were opened under.
  package let path: String
  /// The open file it is done to.
  package var descriptor: Int32?
  /// The new name in a `rename`.
  package var target: String?
  /// The new size in a `truncate`.
  package var size: Int?
  /// Whether an `open` makes the file if it is missing.
  package var creates = false
  /// The line that asked for a `sync`.
  package var site: String?

  /// Whether the call can fail because the disk is full.
  var takesRoom: Bool {
    creates || ["write", "rename", "make the directory"].contains(operation)
  }

  package var description: String { operation + " " + path }
}
