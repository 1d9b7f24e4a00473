/// The keys of one kind of object. A reader takes its keys from here only, so that a key which is not listed cannot be read,
/// and `deploy/config.schema.json` is compared with these lists by a test.
protocol ConfigurationKey: RawRepresentable<String>, CaseIterable, Sendable {}

enum RootKey: String, ConfigurationKey {
    /// For editors; says nothing to the gateway.
    case schema = "$schema"
    case listeners, admin, credentials, upstreams, callers, limits, routes, mode, audit, drain, limitStore, watch
}

enum ListenerKey: String, ConfigurationKey { case bind, mode, reusePort, allowPlaintext, tls, timeouts, limits }

enum ListenerTLSKey: String, ConfigurationKey {
    case certificate, privateKey, additionalCertificates, clientCA, clientCertificate, crlFile
}

enum CertificateKey: String, ConfigurationKey { case certificate, privateKey }

enum ListenerTimeoutKey: String, ConfigurationKey { case head, body, idle }

enum ListenerLimitKey: String, ConfigurationKey {
    case startLineBytes, fieldCount, headBytes, bodyBytes, connections, connectionsPerAddress
}

enum AdminKey: String, ConfigurationKey { case bind, reusePort, tokenSha256, stateFile }

enum CredentialKey: String, ConfigurationKey {
    case type, accessKeyId, secretAccessKey, sessionToken
    case profile, configFile, credentialsFile
    case uri, tokenFile
    case source, roleArn, sessionName, externalId, duration, region, stsEndpoint
    case endpoint, role, timeout
}

enum UpstreamKey: String, ConfigurationKey {
    case url, service, region, credentials, connectTimeout, responseTimeout, idleTimeout, maxConnections, maxInFlight, caFile
    case http2, pingInterval, pingTimeout
}

enum CallerKey: String, ConfigurationKey { case name, networks, unixUid, unixGid, tokenSha256, spiffeId, dnsSan, subject, allOf }

enum RequiredProofKey: String, ConfigurationKey { case networks, unixUid, unixGid, tokenSha256, spiffeId, dnsSan, subject }

enum LimitKey: String, ConfigurationKey { case rate, burst, per, maxWait, adaptive }

enum RouteKey: String, ConfigurationKey {
    case operation, method, path, upstream, parameters, callers, mode, limits, throttleStyle, query, body
}

enum ParameterKey: String, ConfigurationKey { case format, allowPrefix, deny }

enum RouteCallerKey: String, ConfigurationKey { case name, parameters }

enum RouteCallerParameterKey: String, ConfigurationKey { case allowPrefix, deny }

enum AuditKey: String, ConfigurationKey { case file, mirror, rotate, checkpoint, subject, subjectKey, ship }

enum AuditFileKey: String, ConfigurationKey { case path, sync }

enum AuditMirrorKey: String, ConfigurationKey { case path }

enum AuditRotateKey: String, ConfigurationKey { case size, age, keep, gzip }

enum AuditCheckpointKey: String, ConfigurationKey { case records, interval, key, algorithm }

enum ShipKey: String, ConfigurationKey { case to, facility, appName, caFile, certificate, privateKey }

enum DrainKey: String, ConfigurationKey { case delay, timeout }

enum LimitStoreKey: String, ConfigurationKey { case redis, keyPrefix, onStoreFailure, timeout }

/// `{"file": "/run/secrets/key"}` in the place of a string.
enum FileReferenceKey: String, ConfigurationKey { case file }

extension ConfigurationKey {
    static var names: [String] { allCases.map(\.rawValue) }
}

enum ConfigurationKeys {
    /// Every object of the configuration by its path, `[]` for an array's element and `*` for a chosen name.
    static let byPath: [String: [String]] = [
        "": RootKey.names, "listeners[]": ListenerKey.names, "listeners[].tls": ListenerTLSKey.names,
        "listeners[].tls.additionalCertificates[]": CertificateKey.names, "listeners[].timeouts": ListenerTimeoutKey.names,
        "listeners[].limits": ListenerLimitKey.names, "admin": AdminKey.names, "credentials.*": CredentialKey.names,
        "upstreams.*": UpstreamKey.names, "callers[]": CallerKey.names, "limits.*": LimitKey.names, "routes[]": RouteKey.names,
        "routes[].parameters.*": ParameterKey.names,
        "callers[].allOf[]": RequiredProofKey.names, "routes[].callers[]": RouteCallerKey.names,
        "routes[].callers[].parameters.*": RouteCallerParameterKey.names, "audit": AuditKey.names, "audit.file": AuditFileKey.names,
        "audit.mirror": AuditMirrorKey.names, "audit.rotate": AuditRotateKey.names, "audit.checkpoint": AuditCheckpointKey.names,
        "audit.ship[]": ShipKey.names, "drain": DrainKey.names,
        "limitStore": LimitStoreKey.names,
    ]
}
