import Foundation
import Testing

@testable import Gateway
@testable import GatewayCore

@Suite struct FreezeFileTests {
    private static let freeze = Freeze(sinceMilliseconds: 5, by: "alice", source: "unix:uid=0", reason: "wrong list")

    @Test func comesAndGoes() throws {
        let folder = TemporaryFolder()
        let file = FreezeFile(path: folder.path + "/freeze")
        #expect(file.load(nowMilliseconds: 0) == nil)
        try file.save(Self.freeze)
        #expect(file.load(nowMilliseconds: 0) == Self.freeze)
        try file.save(Self.freeze)
        try file.remove()
        try file.remove()
        #expect(file.load(nowMilliseconds: 0) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func whateverElseIsThereCountsAsFrozen() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/freeze"
        try "something".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(FreezeFile(path: path).load(nowMilliseconds: 7)?.sinceMilliseconds == 7)
        #expect(FreezeFile(path: folder.path).load(nowMilliseconds: 7)?.reason.contains(folder.path) == true)
        #expect(FreezeFile(path: path + "/below").load(nowMilliseconds: 7) != nil)
        #expect(throws: FreezeFile.Failure.self) { try FreezeFile(path: folder.path + "/absent/freeze").save(Self.freeze) }
    }
}
