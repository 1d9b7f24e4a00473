import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

struct AdminConnectionsTests {
    @Test("One beyond the room takes the place of the one that was silent for longest, wherever that came")
    func theLongestSilentGoes() throws {
        let connections = AdminConnections()
        let channels = (0..<AdminConnections.most).map { _ in Self.connected() }
        defer { for channel in channels { Self.end(channel) } }
        for channel in channels { connections.admit(channel) }
        #expect(connections.count == AdminConnections.most && channels.allSatisfy(\.isActive))
        connections.heard(channels[0])
        let late = Self.connected()
        defer { Self.end(late) }
        connections.admit(late)
        #expect(!channels[1].isActive)
        #expect(late.isActive && channels[0].isActive && channels[2...].allSatisfy(\.isActive))
        #expect(connections.count == AdminConnections.most)
    }

    @Test func whoIsGoneTakesNoRoom() {
        let connections = AdminConnections()
        let channel = Self.connected()
        connections.admit(channel)
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        #expect(connections.count == 0)
    }

    @Test("Time counts from the last thing that came or went")
    func theDeadline() {
        let channel = Self.connected()
        var deadline = AdminDeadline()
        deadline.begin(for: channel)
        channel.embeddedEventLoop.advanceTime(by: AdminConnections.patience - .seconds(1))
        deadline.begin(for: channel)
        channel.embeddedEventLoop.advanceTime(by: AdminConnections.patience - .seconds(1))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
    }

    @Test func aDeadlineThatEndedClosesNothing() {
        let channel = Self.connected()
        defer { Self.end(channel) }
        var deadline = AdminDeadline()
        deadline.begin(for: channel)
        deadline.end()
        channel.embeddedEventLoop.advanceTime(by: AdminConnections.patience)
        #expect(channel.isActive)
    }

    /// A channel and its pipeline keep each other until it is closed.
    private static func end(_ channel: EmbeddedChannel) { _ = try? channel.finish(acceptAlreadyClosed: true) }

    private static func connected() -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        channel.connect(to: try! SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return channel
    }
}
