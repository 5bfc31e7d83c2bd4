import CLinux

/// What a program prints.
public enum StandardOutput {
  /// Puts out what was printed. Who reads it must not take a part for all: a program that prints ends with
  /// this, and says what it throws.
  ///
  /// Throws: `SystemError` where something that was printed could not be written.
  public static func finish() throws(SystemError) {
    let code = flush_standard_output()
    if code != 0 { throw SystemError(operation: "write to", path: "standard output", code: code) }
  }
}
