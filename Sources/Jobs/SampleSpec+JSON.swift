import StrictJSON

// The sections of a sample job in JSON.

extension SampleSpec {
  /// What the keys that a file must state hold before they are read.
  static let unset = SampleSpec(model: .path(""), count: 0)
}

extension ModelReference {
  /// `{"job": NUMBER or NAME}` or `{"path": FOLDER}`.
  static let codec: JSONCodec<ModelReference> = Keys.codec.codec.map(
    to: { keys, path throws(JSONContentError) in
      switch (keys.job, keys.path) {
      case (.number(let id)?, nil): return .job(id)
      case (.name(let name)?, nil): return .jobNamed(name)
      case (nil, let folder?): return .path(folder)
      case (nil, nil):
        throw JSONContentError(
          path,
          "the model is missing: add \"job\", the number or name of a train job, or "
            + "\"path\", a diffusers folder")
      case (_?, _?):
        throw JSONContentError(path, "found both \"job\" and \"path\", allowed is one of them")
      }
    },
    from: { reference in
      switch reference {
      case .job(let id): Keys(job: .number(id), path: nil)
      case .jobNamed(let name): Keys(job: .name(name), path: nil)
      case .path(let folder): Keys(job: nil, path: folder)
      }
    })

  private struct Keys: Sendable {
    var job: JobReference?
    var path: String?

    static let codec = ObjectCodec<Keys>(
      "Model", defaults: Keys(),
      fields: [
        Field(
          "job", \.job, omittingNil: JobReference.codec,
          "The result of the train job of this number, or of the newest finished one of this name"
            + " that was submitted before."
        ),
        Field("path", \.path, omittingNil: .absolutePath, "A diffusers folder."),
      ])
  }
}

extension OutputSpec {
  static let codec = ObjectCodec(
    "Output", defaults: OutputSpec(),
    fields: [
      Field(
        "formats", \.formats, .array(of: .choice, count: 1...4),
        "PNG files, one samples.npy (uint8 N×H×W×C), one samples-float32.npy (N×C×H×W, before "
          + "rounding), one grid.png."),
      Field(
        "progressive", \.progressive, .integer(0...50),
        "A picture progressive.png of the first images: the noise, so many of the images that the "
          + "network saw in it along the way, and the sample."),
    ],
    rules: { output, report in
      if Set(output.formats).count < output.formats.count {
        report("formats", "a format is given twice")
      }
    })
}
