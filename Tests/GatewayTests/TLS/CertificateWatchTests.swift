import Testing

@testable import Gateway

/// When changed certificate files are read again.
@Suite struct CertificateWatchTests {
    private static func stamp(_ modified: Int64, inode: UInt64 = 1) -> FileStamp {
        FileStamp(device: 1, inode: inode, bytes: 100, modified: modified)
    }

    @Test(
        arguments: [
            // The certificate's and the key's time at each look, and which looks read them again.
            ([(1, 1), (1, 1), (1, 1)], [false, false, false]),
            ([(2, 1), (2, 2), (2, 2), (2, 2)], [false, false, true, false]),
            ([(2, 2), (2, 2), (3, 2), (3, 2)], [false, true, false, true]),
            ([(2, 1), (1, 1), (1, 1)], [false, false, false]),
        ] as [([(Int64, Int64)], [Bool])])
    func aChangeCountsOnceItHasSettled(times: [(Int64, Int64)], reads: [Bool]) {
        var watch = CertificateWatch(paths: ["a", "b"], stamps: [Self.stamp(1), Self.stamp(1)])
        #expect(times.map { watch.look([Self.stamp($0.0), Self.stamp($0.1)]) } == reads)
    }

    @Test func aFileThatGoesAndComesIsAChange() {
        var watch = CertificateWatch(paths: ["a"], stamps: [Self.stamp(1)])
        let looks = [nil, Self.stamp(1, inode: 2), Self.stamp(1, inode: 2)].map { watch.look([$0]) }
        #expect(looks == [false, false, true])
    }

    @Test func aMissingFileHasNoStamp() {
        #expect(FileStamp.of("/nonexistent/file") == nil)
        #expect(FileStamp.of("/") != nil)
    }
}
