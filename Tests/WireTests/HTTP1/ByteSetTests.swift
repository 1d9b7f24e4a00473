import GatewayCore
import Testing

@testable import Wire

@Suite struct ByteSetTests {
    static let alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

    @Test func holdWhatTheGrammarNames() {
        let token = Set((ByteSetTests.alphanumeric + "!#$%&'*+-.^_`|~").utf8)
        let target = Set((ByteSetTests.alphanumeric + "-._~" + "!$&'()*+,;=" + ":@" + "%" + "/?").utf8)
        let registeredName = Set((ByteSetTests.alphanumeric + "-._~" + "!$&'()*+,;=" + "%").utf8)
        #expect(ByteSet.classes.utf8CodeUnitCount == 256)
        for byte in UInt8.min...UInt8.max {
            #expect(ByteSet.token.contains(byte) == token.contains(byte))
            #expect(ASCII.isToken(byte) == token.contains(byte))
            #expect(ByteSet.target.contains(byte) == target.contains(byte))
            #expect(ByteSet.registeredName.contains(byte) == registeredName.contains(byte))
        }
    }

    @Test func findControlsInTextAtEveryPlace() {
        for length in 1...20 {
            for place in 0..<length {
                for byte in UInt8.min...UInt8.max {
                    var text = [UInt8](repeating: 0x61, count: length)
                    text[place] = byte
                    let isText = text.withUnsafeBytes { Byte.areText($0, 0, length) }
                    #expect(isText == (byte == 0x09 || (byte >= 0x20 && byte != 0x7F)))
                }
            }
        }
    }

    @Test func foldCapitalsAndNothingElse() {
        let expected: StaticString = "proxy-authorization"
        let name = Array("PROXY-authorizatioN".utf8)
        #expect(name.withUnsafeBytes { ASCII.equalsIgnoringCase($0, expected) })
        for place in name.indices {
            for byte in UInt8.min...UInt8.max {
                var other = name
                other[place] = byte
                let isEqual = other.withUnsafeBytes { ASCII.equalsIgnoringCase($0, expected) }
                #expect(isEqual == (ASCII.lowercased(byte) == ASCII.lowercased(name[place])))
            }
        }
    }

    @Test(arguments: [
        ("X-AMZ-Date", FieldName.amazon), ("x-amz-", .amazon), ("x-amzn-requestid", .amznRequestID), ("x-amz-0123456789", .amazon),
        ("X-Amz-Security-Token", .amazon), ("x-amz-0123456789abc", .amazon), ("x-countersign-token", .countersignToken),
        ("countersign-id", .countersign), ("Countersign-Reason", .countersign), ("countersign-", .countersign),
        ("content-lengtH", .contentLength),
        ("content-lengti", .other), ("", .other), ("proxy-authorization", .proxyAuthorization), ("transfer-encodinG", .transferEncoding),
    ])
    func fieldNamesAreTold(_ name: String, _ kind: FieldName) {
        #expect(Array(name.utf8).withUnsafeBytes { FieldName($0) } == kind)
    }
}
