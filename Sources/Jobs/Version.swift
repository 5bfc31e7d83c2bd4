/// The version of ddpmd and of all its programs.
public let ddpmdVersion = "0.1.0"
