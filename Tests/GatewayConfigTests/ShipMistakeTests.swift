import GatewayCore
import Testing

@testable import GatewayConfig

@Suite struct ShipMistakeTests {
    @Test(arguments: [
        MistakeRow("audit.ship[0].to", nil, "missing", "\"to\": \"syslog+tls://collector.example:6514\""),
        MistakeRow("audit.ship[0].to", "\"collector:514\"", "is no place to ship to", "\"syslog+tcp://host:port\""),
        MistakeRow("audit.ship[0].to", "\"syslog+udp://collector:514\"", "is no place to ship to", "\"syslog+tls://host:port\""),
        MistakeRow("audit.ship[0].to", "\"syslog+tls://\"", "names no host", "service.example.com"),
        MistakeRow("audit.ship[0].to", "\"syslog+tls://u@host:1\"", "more than a host and a port", "\"syslog+tls://host:port\""),
        MistakeRow("audit.ship[0].to", "\"syslog+tls://host:1/x\"", "more than a host and a port", "\"syslog+tls://host:port\""),
        MistakeRow("audit.ship[1].to", "\"syslog+tcp://host\"", "has no port", "\"syslog+tcp://host:514\""),
        MistakeRow("audit.ship[1].to", "\"syslog+unix://log\"", "names no socket", "\"syslog+unix:///dev/log\""),
        MistakeRow("audit.ship[1].to", "\"stdout\"", at: "audit.ship[2]", "audit.ship[1] ships to stdout too", "remove one"),
        MistakeRow("audit.ship[1].caFile", "\"upstream.pem\"", "says nothing without TLS", "syslog+tls://"),
        MistakeRow("audit.ship[2].facility", "\"user\"", "is of syslog alone", "remove it"),
        MistakeRow("audit.ship[2].appName", "\"x\"", "is of syslog alone", "remove it"),
        MistakeRow("audit.ship[0].facility", "\"local9\"", "is not known here", "\"local7\""),
        MistakeRow("audit.ship[0].appName", "\"a b\"", "is not an application name", "without spaces"),
        MistakeRow("audit.ship[0].certificate", nil, at: "audit.ship[0].privateKey", "of no use without \"certificate\"", "client.crt"),
        MistakeRow("audit.ship[0].privateKey", nil, at: "audit.ship[0].certificate", "of no use without \"privateKey\"", "client.key"),
        MistakeRow("audit.ship[0].caFile", "\"none.pem\"", "does not exist", "create it"),
        MistakeRow("audit.ship[0].server", "\"x\"", "unknown key", "known here are to, facility"),
        MistakeRow("audit.ship", "[]", "this array is empty", "leave the key out"),
    ])
    func namesPlaceAndRemedy(row: MistakeRow) throws {
        try row.check()
    }

    @Test(arguments: [
        ("syslog+tcp://127.0.0.1:514", ShipDestination.Place.tcp(host: "127.0.0.1", port: 514)),
        ("syslog+tcp://[::1]:514", .tcp(host: "::1", port: 514)),
        ("syslog+tls://Logs.Example", .tls(host: "logs.example", port: 6514, ShipTLSFiles())),
        ("syslog+unix:///run/log.sock", .unix(path: "/run/log.sock")),
        ("stdout", .standardOutput),
    ])
    func readsAPlace(text: String, place: ShipDestination.Place) throws {
        let folder = try TemporaryFolder.withSampleFiles()
        let json = try Sample.json(replacing: "audit.ship", with: "[{\"to\": \"\(text)\"}]")
        let settings = try ConfigurationLoader.read(json: json, directory: folder.path, environment: [:])
        #expect(settings.audit?.ship == [ShipDestination(place)])
    }
}
