/// A promise that was not kept.
struct Violation: Error {
  let found: String
  let expected: String
  /// The job that it is about.
  var job: Int?

  init(job: Int? = nil, found: String, expected: String) {
    self.job = job
    self.found = found
    self.expected = expected
  }
}
