import DurableIO
import Jobs

extension JobDirectory {
  /// Whether the job is called `name`; false for one that this version cannot read.
  ///
  /// To be asked of every job there is: most job files are not parsed for it.
  func isOfJob(called name: String) throws(SystemError) -> Bool {
    guard let bytes = try readFileIfPresent(job), bytes.contain(name) else { return false }
    return (try? Envelope.parse(bytes))?.spec.name == name
  }
}

extension [UInt8] {
  /// Whether `text`, which is not empty, stands somewhere among the bytes.
  fileprivate func contain(_ text: String) -> Bool {
    let text = Array(text.utf8)
    return unsafe withUnsafeBufferPointer { bytes in
      var start = 0
      while start + text.count <= bytes.count {
        var length = 0
        while length < text.count, unsafe bytes[start + length] == text[length] { length += 1 }
        if length == text.count { return true }
        start += 1
      }
      return false
    }
  }
}
