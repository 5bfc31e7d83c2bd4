public import StrictJSON

/// What admission knows of a job: the content of `jobs/ID/job.json`, replaced only by an edit.
public struct Envelope: Equatable, Sendable {
  /// The value of the key `schema`.
  public static let schema = "ddpm.envelope/1"

  /// The job's number, never used again.
  public var id: Int
  /// The user who submitted the job: the owner of its file.
  public var submitter: UInt32
  /// When the job was admitted.
  public var submitted: Timestamp
  /// Of the submitted file's bytes, in lower-case hexadecimal.
  public var sha256: String
  /// The submitted file's name.
  public var fileName: String
  /// When the job was edited last, if it was.
  public var edited: Timestamp?
  /// Who edited it last, if that was another than the submitter.
  public var editor: UInt32?
  /// The array that the job belongs to, if it does.
  public var array: ArrayMember?
  /// The job as it was submitted.
  public let job: JSONValue
  /// The same, validated.
  public let spec: JobSpec

  /// Seals a job.
  ///
  /// - original: The JSON that `spec` was read from, as `DropFile` gives it.
  public init(
    id: Int, submitter: UInt32, submitted: Timestamp, sha256: String, fileName: String,
    spec: JobSpec, original: JSONValue
  ) {
    self.id = id
    self.submitter = submitter
    self.submitted = submitted
    self.sha256 = sha256
    self.fileName = fileName
    self.job = original
    self.spec = spec
  }

  /// Reads the content of `job.json`.
  ///
  /// Throws: as `JobSpec.parse` does.
  public static func parse(_ bytes: [UInt8]) throws(JobFileError) -> Envelope {
    let json = try JobFileError.parsing(bytes)
    do {
      return try Envelope(json: json)
    } catch {
      throw .invalid(error)
    }
  }

  /// Reads an envelope that is JSON already.
  public init(json: JSONValue) throws(JSONContentError) {
    let header = try Header.codec.decode(json)
    self.init(
      id: header.id, submitter: UInt32(header.submitter), submitted: header.submitted,
      sha256: header.sha256, fileName: header.fileName, spec: header.job.spec,
      original: header.job.original)
    array = header.array
    edited = header.edited
    editor = header.editor.map { UInt32($0) }
  }

  /// The content of `job.json`.
  public var json: JSONValue {
    Header.codec.encode(
      Header(
        id: id, submitter: Int(submitter), submitted: submitted, sha256: sha256,
        fileName: fileName, edited: edited, editor: editor.map { Int($0) }, array: array,
        job: Header.Job(spec: spec, original: job)))
  }

  /// The keys, with a blank for every value that must be given.
  private struct Header: Sendable {
    struct Job: Sendable {
      var spec: JobSpec
      var original: JSONValue
    }

    var id = 0
    var submitter = 0
    var submitted = Timestamp(milliseconds: 0)
    var sha256 = ""
    var fileName = ""
    var edited: Timestamp?
    var editor: Int?
    var array: ArrayMember?
    var job = Job(spec: JobSpec(name: "", seed: 0, work: .train(.unset)), original: [:])

    static let codec = ObjectCodec(
      "Envelope of a job", defaults: Header(),
      fields: [
        .constant("schema", .string(schema), required: true, "The version of the format."),
        Field("id", \.id, .integer(1...Int.max), required: true, "The job's number."),
        Field(
          "submitter", \.submitter, .integer(0...Int(UInt32.max)), required: true,
          "The user's number."),
        Field(
          "submitted", \.submitted, Timestamp.codec, required: true, "When it was admitted."),
        Field("sha256", \.sha256, .string, required: true, "Of the submitted bytes."),
        Field("file", \.fileName, .string, required: true, "The submitted file's name."),
        Field(
          "edited", \.edited, omittingNil: Timestamp.codec, "When it was edited last."),
        Field(
          "editor", \.editor, omittingNil: .integer(0...Int(UInt32.max)),
          "The number of the user who edited it last, if not the submitter's."),
        Field(
          "array", \.array, omittingNil: ArrayMember.codec.codec,
          "The array that it was submitted in."),
        Field("job", \.job, jobCodec, required: true, "The job as submitted."),
      ])

    private static let jobCodec = JSONCodec<Job>(
      allowed: "a job", schema: ["type": "object"],
      decode: { json, path throws(JSONContentError) in
        Job(spec: try JobSpec(json: json, at: path), original: json)
      },
      encode: { $0.original })
  }
}
