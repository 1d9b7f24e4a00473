import Testing

@testable import Gateway

/// When changed files of the configuration are read again.
@Suite struct FileWatchTests {
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
        var watch = FileWatch(stamps: ["a": Self.stamp(1), "b": Self.stamp(1)])
        #expect(times.map { !watch.look(["a": Self.stamp($0.0), "b": Self.stamp($0.1)]).isEmpty } == reads)
    }

    @Test func aFileThatGoesAndComesIsAChange() {
        var watch = FileWatch(stamps: ["a": Self.stamp(1)])
        let looks = [[:], ["a": Self.stamp(1, inode: 2)], ["a": Self.stamp(1, inode: 2)]].map { watch.look($0) }
        #expect(looks == [[], [], ["a"]])
    }

    @Test func onlyWhatHasChangedIsNamed() {
        var watch = FileWatch(stamps: ["a": Self.stamp(1), "b": Self.stamp(1), "c": Self.stamp(1)])
        let now = ["a": Self.stamp(2), "b": Self.stamp(1)]
        #expect(watch.look(now) == [])
        #expect(watch.look(now) == ["a", "c"])
        #expect(watch.look(now) == [])
    }

    @Test func whatWasReadForAnotherReasonIsNotReadAgain() {
        var watch = FileWatch(stamps: ["a": Self.stamp(1), "b": Self.stamp(1)])
        watch.forget(allBut: ["a", "c"], reading: ["a": Self.stamp(2), "b": Self.stamp(1), "c": Self.stamp(1)])
        let now = ["a": Self.stamp(2), "c": Self.stamp(1)]
        #expect(watch.look(now) == [] && watch.look(now) == [])
    }

    @Test func aMissingFileHasNoStamp() {
        #expect(FileStamp.of("/nonexistent/file") == nil)
        #expect(FileStamp.of("/") != nil)
        #expect(FileWatch.stamps(of: ["/nonexistent/file", "/"]).keys.sorted() == ["/"])
    }
}
