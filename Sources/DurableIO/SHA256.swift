import CCrypto
import Glibc

/// SHA-256 (FIPS 180-4), fed piece by piece. libcrypto computes it.
@safe public struct SHA256: ~Copyable {
  /// The 32 bytes of a checksum.
  public struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// Most significant byte first.
    public let bytes: [UInt8]

    /// 64 lower-case hexadecimal digits, as sha256sum(1) prints them.
    public var hex: String {
      let digits = Array("0123456789abcdef".utf8)
      return String(
        decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Same as `hex`.
    public var description: String { hex }
  }

  private let context: OpaquePointer

  /// The state before any byte.
  public init() {
    guard let context = unsafe EVP_MD_CTX_new(),
      unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    else { preconditionFailure("libcrypto has no memory or no SHA-256") }
    unsafe self.context = context
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  /// Adds `bytes`.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    let status = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    precondition(status == 1, "SHA-256 cannot be updated")
  }

  /// Adds `bytes`.
  public mutating func update(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe update($0) }
  }

  /// The checksum of all that was added.
  public consuming func finalize() -> Digest {
    var bytes = [UInt8](repeating: 0, count: 32)
    let status = unsafe EVP_DigestFinal_ex(context, &bytes, nil)
    precondition(status == 1, "SHA-256 cannot be finished")
    return Digest(bytes: bytes)
  }

  /// The checksum of `bytes`.
  public static func of(_ bytes: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The checksum of the file at `path`, read in pieces.
  public static func of(file path: String) throws(SystemError) -> Digest {
    try of(try OpenFile(reading: path))
  }

  /// The checksum of an open file, read in pieces.
  public static func of(_ file: OpenFile) throws(SystemError) -> Digest {
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var offset = 0
    while true {
      let count = try unsafe buffer.withUnsafeMutableBufferPointer {
        (bytes) throws(SystemError) in
        let raw = UnsafeMutableRawBufferPointer(bytes)
        let count = try unsafe file.read(into: raw, at: offset)
        unsafe hash.update(UnsafeRawBufferPointer(rebasing: raw[..<count]))
        return count
      }
      if count < buffer.count { return hash.finalize() }
      offset += count
    }
  }
}
