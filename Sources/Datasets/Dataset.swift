/// Images of one size and channel count, read as they are needed.
public protocol Dataset: Sendable {
  var count: Int { get }
  var height: Int { get }
  var width: Int { get }
  var channels: Int { get }

  /// Writes image `index` as height×width×channels bytes.
  ///
  /// May be called from any thread. Throws: `DatasetError` that names the file.
  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws(DatasetError)
}

/// A data set that cannot be used, in one sentence: file, what was found, what is allowed.
public struct DatasetError: Error, Equatable, CustomStringConvertible {
  public let path: String
  public let problem: String

  public init(path: String, problem: String) {
    self.path = path
    self.problem = problem
  }

  public var description: String { "\(path): \(problem)" }
}
