// The configuration file that explains itself: etc/ddpmd.conf, which is installed, is this text.

extension Configuration {
  /// Every key with what it is for and its default, commented out.
  public static var commentedFile: String {
    let head = """
      Configuration of ddpmd; see ddpmd.conf(5). `ddpmd --check-config` checks it and prints what \
      holds. It is read when the daemon starts, and anew on `systemctl reload ddpmd`: all of it \
      then holds at once.

      Each line sets one key; all may be left out. What stands here commented out is the default. \
      Files /etc/ddpmd.conf.d/*.conf, the environment (DDPMD_MAX_WORKERS=2) and the command line \
      (--set max_workers=2) go before this file.
      """
    let keys = ConfigurationKey.documented.map { key in
      comment("\(key.summary)\nAllowed: \(key.allowed).")
        + "#\(key.name) = \(key.defaultValue)\n"
    }
    return ([comment(head)] + keys).joined(separator: "\n")
  }
}

/// `text` in lines that begin with `# `, each of its own lines wrapped.
private func comment(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { paragraph in
    var lines = ["#"]
    for word in paragraph.split(separator: " ") {
      if lines[lines.count - 1].count + 1 + word.count > 98 { lines.append("#") }
      lines[lines.count - 1] += " " + word
    }
    return lines.joined(separator: "\n") + "\n"
  }.joined()
}
