// As much of HTTP/1.0 as a scrape of metrics needs (RFC 1945).

/// What an HTTP request is answered with.
enum HTTPAnswer {
  case metrics
  case refusal(status: String, reason: String)

  /// Nil as long as the request is not whole.
  init?(to request: [UInt8], limit: Int) {
    let lines = request.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .dropLast().map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
    guard let first = lines.first, lines.dropFirst().contains([]) else {
      if request.count < limit { return nil }
      self = .refusal(status: "431 Request Header Fields Too Large", reason: "ask with less words")
      return
    }
    let words = String(decoding: first, as: UTF8.self)
      .split(separator: " ", omittingEmptySubsequences: false)
    if words.count != 3 || !words[2].hasPrefix("HTTP/1.") {
      self = .refusal(status: "400 Bad Request", reason: "ask with GET /metrics HTTP/1.0")
    } else if words[0] != "GET" {
      self = .refusal(status: "405 Method Not Allowed", reason: "only GET is allowed")
    } else if words[1] != "/metrics" {
      self = .refusal(status: "404 Not Found", reason: "there is only /metrics")
    } else {
      self = .metrics
    }
  }

  func text(_ metrics: () -> String) -> String {
    let status: String
    let type: String
    let body: String
    switch self {
    case .metrics: (status, type, body) = ("200 OK", "text/plain; version=0.0.4", metrics())
    case .refusal(let refusal, let reason):
      (status, type, body) = (refusal, "text/plain", reason + "\n")
    }
    return """
      HTTP/1.0 \(status)\r
      Content-Type: \(type); charset=utf-8\r
      Content-Length: \(body.utf8.count)\r
      Connection: close\r
      \r

      """ + body
  }
}
