public import StrictJSON

// The lines between worker and daemon. A line that makes no sense is nil: another process's
// nonsense is for the reader to note and to ignore. Unknown keys are ignored, so that a worker
// may know more than the daemon that watches it.

extension WorkerMessage {
  /// The message as one line of JSON, without the line feed.
  public var line: String {
    let json: JSONValue
    switch self {
    case .progress(let progress): json = ["progress": progress.json]
    case .finished: json = ["finished": true]
    case .stopped: json = ["stopped": true]
    case .hindered(let reason): json = ["hindered": .string(reason)]
    case .failed(let reason): json = ["failed": .string(reason)]
    }
    return json.serialized()
  }

  /// Reads a line, with or without its line feed.
  public init?(line: some StringProtocol) {
    guard let json = try? JSONValue(parsing: String(line)), let object = json.object,
      object.keys.count == 1
    else { return nil }
    if let progress = object["progress"].flatMap({ Progress(json: $0) }) {
      self = .progress(progress)
    } else if object["finished"] == true {
      self = .finished
    } else if object["stopped"] == true {
      self = .stopped
    } else if let reason = object["hindered"]?.string {
      self = .hindered(reason: reason)
    } else if let reason = object["failed"]?.string {
      self = .failed(reason: reason)
    } else {
      return nil
    }
  }
}

extension Progress {
  /// The content of `progress.json`; what is not known is left out.
  public var json: JSONValue {
    var object: JSONObject = ["step": .integer(step), "steps": .integer(steps)]
    if let loss { object["loss"] = .double(loss) }
    if let bitsPerDimension { object["bits_per_dim"] = .double(bitsPerDimension) }
    if let imagesPerSecond { object["images_per_second"] = .double(imagesPerSecond) }
    if let secondsLeft { object["seconds_left"] = .double(secondsLeft) }
    return .object(object)
  }

  /// Reads what `json` writes; nil for what is no progress.
  public init?(json: JSONValue) {
    guard let step = json["step"]?.int, let steps = json["steps"]?.int, step >= 0, steps >= step
    else { return nil }
    self.init(
      step: step, steps: steps, loss: json["loss"]?.double,
      bitsPerDimension: json["bits_per_dim"]?.double,
      imagesPerSecond: json["images_per_second"]?.double,
      secondsLeft: json["seconds_left"]?.double)
  }
}
