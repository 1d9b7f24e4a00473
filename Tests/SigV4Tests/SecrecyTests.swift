import SigV4
import Testing

/// Neither descriptions nor mirrors give a secret away.
@Suite struct SecrecyTests {
    @Test func credentialsKeepTheirSecret() {
        let credentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "the-secret", sessionToken: "the-token")
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), dumped, "\([credentials])"] {
            #expect(text.contains("AKIDEXAMPLE"))
            #expect(!text.contains("the-secret"))
            #expect(!text.contains("the-token"))
        }
    }

    @Test func keysAndSignaturesHaveNoText() throws {
        let scope = CredentialScope(time: SigningTime(epochSeconds: 1_440_938_160), region: "us-east-1", service: "iam")
        let key = try SigningKey(secretAccessKey: "the-secret", scope: scope)
        let request = UnsignedRequest(method: "GET", path: [0x2F], fields: [HeaderField("Host", "a")])
        let signed = try Signer(service: "iam", region: "us-east-1").signFields(
            of: request, credentials: Credentials(accessKeyID: "A", secretAccessKey: "the-secret"), time: SigningTime(epochSeconds: 0))
        var dumped = ""
        dump(key, to: &dumped)
        dump(signed.signature, to: &dumped)
        #expect(!"\(key)\(signed.signature)\(dumped)".contains(signed.signature.hex))
        #expect(Mirror(reflecting: key).children.isEmpty)
        #expect(Mirror(reflecting: signed.signature).children.isEmpty)
    }

    @Test func anEmptyTokenIsNone() {
        #expect(Credentials(accessKeyID: "A", secretAccessKey: "s", sessionToken: "").sessionToken == nil)
        #expect(
            Credentials(accessKeyID: "A", secretAccessKey: "s", sessionToken: "") == Credentials(accessKeyID: "A", secretAccessKey: "s"))
        #expect(Credentials(accessKeyID: "A", secretAccessKey: "s") != Credentials(accessKeyID: "A", secretAccessKey: "t"))
    }
}

@Suite struct SigningKeyCacheTests {
    @Test func keysDependOnEverythingInTheScopeAndTheSecret() throws {
        let cache = SigningKeyCache()
        let day = SigningTime(epochSeconds: 1_440_938_160)
        let credentials = Credentials(accessKeyID: "A", secretAccessKey: "s")
        let scopes = [
            CredentialScope(time: day, region: "r", service: "s"), CredentialScope(time: day, region: "q", service: "s"),
            CredentialScope(time: day, region: "r", service: "t"),
            CredentialScope(time: SigningTime(epochSeconds: day.epochSeconds + 86_400), region: "r", service: "s"),
        ]
        var keys = try scopes.map { try cache.key(for: credentials, scope: $0).bytes }
        keys.append(try cache.key(for: Credentials(accessKeyID: "A", secretAccessKey: "t"), scope: scopes[0]).bytes)
        for (index, key) in keys.enumerated() { #expect(!keys[..<index].contains(key)) }
        // The new secret of the same access key has taken the old one's place.
        #expect(cache.count == 4)
        #expect(try scopes.map { try cache.key(for: credentials, scope: $0).bytes } == Array(keys.prefix(4)))
        #expect(cache.count == 4)
    }

    @Test func aFullCacheForgetsOtherDaysFirst() throws {
        let cache = SigningKeyCache(capacity: 3)
        let credentials = Credentials(accessKeyID: "A", secretAccessKey: "s")
        for day in 0..<10 as Range<Int64> {
            let time = SigningTime(epochSeconds: day * 86_400)
            for region in ["a", "b"] {
                let scope = CredentialScope(time: time, region: region, service: "s")
                #expect(try cache.key(for: credentials, scope: scope) == SigningKey(secretAccessKey: "s", scope: scope))
                #expect(cache.count <= 3)
            }
        }
    }
}
