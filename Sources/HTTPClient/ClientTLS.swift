import CCurl

/// How a client proves itself and whom it believes, for `https`. The defaults believe the system's
/// authorities and check the server's name.
package struct ClientTLS: Sendable, Equatable {
  /// PEM files of trusted authorities, instead of the system's.
  package var authorityFile: String?
  /// A directory of such files, hashed by name (`openssl rehash`); instead of the system's, too.
  package var authorityDirectory: String?
  /// This client's own certificate, PEM, for servers that ask for one; nil has none to show.
  package var certificateFile: String?
  /// The private key of that certificate, PEM.
  package var keyFile: String?
  /// The name that the server's certificate must carry, where it is not the host connected to.
  package var serverName: String?
  /// False accepts any certificate: for a laboratory only.
  package var verifies = true

  package init() {}
}

extension ClientTLS {
  /// Sets these on a handle without options.
  func configure(_ easy: CurlHandle) {
    ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, verifies ? 1 : 0)
    ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, verifies ? 2 : 0)
    // Both or neither: one alone would leave the system's authorities in the other.
    if authorityFile != nil || authorityDirectory != nil {
      ccurl_set_string(easy, CURLOPT_CAINFO, authorityFile)
      ccurl_set_string(easy, CURLOPT_CAPATH, authorityDirectory)
    }
    if let path = certificateFile { ccurl_set_string(easy, CURLOPT_SSLCERT, path) }
    if let path = keyFile { ccurl_set_string(easy, CURLOPT_SSLKEY, path) }
  }
}
