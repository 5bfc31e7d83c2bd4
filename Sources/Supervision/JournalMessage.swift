// The kinds of messages in the daemon's log, as the journal tells them apart: MESSAGE_ID=. What each
// means and what to do about it stands in systemd/ddpmd.catalog, for `journalctl -x`. An id, once
// given, is never used for another kind.

/// A kind of message.
enum JournalMessage: String, CaseIterable {
  case serving = "804bcc09a64b46e6b7dfd0fe25821628"
  case ended = "6dbbfdb6311e4bbf998259d818df7206"
  case reloaded = "46f6e9cf9ddc44a2a8aa1190e9f0eec6"
  case misconfigured = "6e10c8e65bb84ca48c1817a9bc6cebed"
  /// Something that the daemon needs cannot be read or written, and is tried again.
  case trouble = "30692c87a34e4f518757f4200420d275"
  case rejected = "1fb7ef934e204167933c57386d370f70"
  case queueCommanded = "07cba73f1ff14cb0b191001d6fb28ace"

  case admitted = "baaaaedb6afa4593b7972b66c283fd13"
  case commanded = "adcba02fc42f49dbbfe6db5f928d7558"
  case started = "bd6852c3db1d485ca379545b8aa2f80c"
  case stopped = "40678c68717247139b283ffa76bb87b9"
  case held = "04afcb7624e94f78b387af7224bdebb5"
  case deferred = "99d7c473e7a04781900e4f1a8e1442f1"
  case crashed = "a1eb52cabf7043c2b89b23b8827514da"
  case killed = "054d2e59f26845058d62bf183cf7b8d3"
  case finished = "bc7106fe091d452bbfaf9919e4a3725e"
  case failed = "5321794faf194fdc8b1cc6551daeb383"
  case timedOut = "f8a4f5a226804a58b1f45ddb2ac2f19f"
  case cancelled = "52cecedefd6b468e8abcb8a9b51962ca"
  case removed = "21c83db3774a40c8a67206071d7bdc7c"
}
