import StrictJSON

extension JSONCodec<String> {
  /// The absolute path of a file or folder, which need not exist.
  ///
  /// The daemon does not know which folder a relative path is meant from, or whose home `~` is.
  static let absolutePath = JSONCodec.string(
    allowed: "an absolute path, beginning with \"/\" (~ is not expanded in job files; "
      + "ddpmctl submit makes relative paths absolute)",
    pattern: "^/",
    matches: { $0.hasPrefix("/") && !$0.utf8.contains(0) && $0.utf8.count < 4096 })
}
