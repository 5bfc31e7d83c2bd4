public import StrictJSON

/// What lies in a complete file of `drop/`.
public enum DropFile: Equatable, Sendable {
  /// A job, with the JSON it was read from.
  case job(JobSpec, original: JSONValue)
  /// Several jobs in one file.
  case array(JobArray)
  /// A command about a job.
  case command(Command)

  /// Reads the bytes of a file.
  ///
  /// - checkingMembers: false leaves it to the caller to check the jobs of an array one by one.
  ///
  /// Throws: that the text is incomplete or malformed, or everything in it that is not allowed; of
  /// an array what is wrong with the first job that is not good.
  public static func parse(
    _ bytes: [UInt8], checkingMembers: Bool = true
  ) throws(JobFileError) -> DropFile {
    let json = try JobFileError.parsing(bytes)
    do throws(JSONContentError) {
      switch try fileSchema.decode(json) {
      case .job:
        guard let array = try JobArray(json: json) else {
          return .job(try JobSpec(json: json), original: json)
        }
        if checkingMembers { for index in 0..<array.count { _ = try array.spec(of: index) } }
        return .array(array)
      case .command: return .command(try Command(json: json))
      }
    } catch {
      throw .invalid(error)
    }
  }

  private enum Schema: String, CaseIterable {
    case job = "ddpm.job/1"
    case command = "ddpm.command/1"
  }

  /// Reads only the key `schema`.
  private static let fileSchema = JSONCodec<Schema>(
    allowed: JSONCodec<Schema>.choice.allowed, schema: [:],
    decode: { json, path throws(JSONContentError) in
      guard let object = json.object else {
        throw JSONContentError(path, "found no object; a job file is {\"schema\": …, \"kind\": …}")
      }
      guard let schema = object["schema"] else {
        throw JSONContentError(
          path, "the key \"schema\" is missing: add \"schema\": \"\(JobSpec.schema)\"")
      }
      return try JSONCodec.choice.decode(schema, at: path.appending("schema"))
    },
    encode: { .string($0.rawValue) })
}
