import HTTPClient
import Testing

@testable import Consul

@Suite("ConsulConfiguration")
struct ConsulConfigurationTests {
  @Test("without settings, the agent is the one on this machine")
  func defaults() throws {
    let configuration = try ConsulConfiguration(environment: [:])
    #expect(configuration.authority == "127.0.0.1:8500")
    #expect(!configuration.isSecure)
    #expect(configuration.pathPrefix == "")
    #expect(configuration.tls == ClientTLS())
  }

  @Test(
    "an address is a host with its port, a URL with a prefix, or a socket",
    arguments: [
      ("consul:8500", "consul:8500", false, ""),
      ("consul", "consul:8500", false, ""),
      ("http://10.0.0.1:80", "10.0.0.1:80", false, ""),
      ("http://consul:8500/", "consul:8500", false, ""),
      ("https://consul.example:443/a/b/", "consul.example:443", true, "/a/b"),
      ("http://[::1]:8500", "[::1]:8500", false, ""),
      ("http://[::1]", "[::1]:8500", false, ""),
      ("unix:///run/consul.sock", "unix:/run/consul.sock", false, ""),
    ])
  func addresses(text: String, authority: String, isSecure: Bool, prefix: String) throws {
    let configuration = try ConsulConfiguration(environment: ["CONSUL_HTTP_ADDR": text])
    #expect(configuration.authority == authority)
    #expect(configuration.isSecure == isSecure)
    #expect(configuration.pathPrefix == prefix)
  }

  @Test(
    "an address that is none is refused by the name of its setting",
    arguments: ["ftp://consul", "http://", "unix://", "http://user@consul", "a b", "/path"])
  func badAddress(text: String) {
    let error = #expect(throws: ConsulConfiguration.BadSetting.self) {
      try ConsulConfiguration(environment: ["CONSUL_HTTP_ADDR": text])
    }
    #expect(error?.key == "CONSUL_HTTP_ADDR")
  }

  @Test("TLS is asked for by CONSUL_HTTP_SSL, and verified unless that is turned off")
  func tls() throws {
    let configuration = try ConsulConfiguration(environment: [
      "CONSUL_HTTP_SSL": "true", "CONSUL_HTTP_SSL_VERIFY": "false", "CONSUL_CACERT": "/ca.pem",
      "CONSUL_CLIENT_CERT": "/c.pem", "CONSUL_CLIENT_KEY": "/k.pem",
      "CONSUL_TLS_SERVER_NAME": "server.dc1.consul",
    ])
    #expect(configuration.isSecure)
    #expect(!configuration.tls.verifies)
    #expect(configuration.tls.authorityFile == "/ca.pem")
    #expect(configuration.tls.certificateFile == "/c.pem")
    #expect(configuration.tls.keyFile == "/k.pem")
    #expect(configuration.tls.serverName == "server.dc1.consul")
    #expect(throws: ConsulConfiguration.BadSetting.self) {
      try ConsulConfiguration(environment: ["CONSUL_HTTP_SSL": "yes please"])
    }
  }

  @Test(
    "a token's file that is not there, or has none, is told at once, and not by refusals later",
    arguments: ["/nowhere/token", "/dev/null", "/tmp"])
  func missingTokenFile(path: String) {
    let error = #expect(throws: ConsulConfiguration.BadSetting.self) {
      try ConsulConfiguration(environment: ["CONSUL_HTTP_TOKEN_FILE": path])
    }
    #expect(error?.key == "CONSUL_HTTP_TOKEN_FILE")
  }

  @Test("an address that says http does not take back what CONSUL_HTTP_SSL asked for")
  func tlsStands() throws {
    let configuration = try ConsulConfiguration(environment: [
      "CONSUL_HTTP_SSL": "true", "CONSUL_HTTP_ADDR": "http://consul:8501",
    ])
    #expect(configuration.isSecure)
    #expect(configuration.authority == "consul:8501")
  }
}
