import GatewayCore
import Glibc
import NIOCore

/// Asks the kernel who is at the other end of an accepted connection.
enum PeerLookup {
    /// `struct ucred` of socket(7): who connected to a unix socket, as of `connect`.
    private struct Credentials {
        var processID: Int32 = 0
        var userID: UInt32 = .max
        var groupID: UInt32 = .max
    }

    static func peer(of channel: any Channel) -> EventLoopFuture<Peer> {
        guard let address = channel.remoteAddress else {
            return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        switch address {
        case .v4(let v4):
            let value = UInt32(bigEndian: v4.address.sin_addr.s_addr)
            return channel.eventLoop.makeSucceededFuture(ip(IPAddress(v4: value), address))
        case .v6(let v6):
            var raw = v6.address.sin6_addr
            let words = withUnsafeBytes(of: &raw) { bytes in
                (
                    UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
            return channel.eventLoop.makeSucceededFuture(ip(IPAddress(high: words.0, low: words.1), address))
        case .unixDomainSocket:
            guard let provider = channel as? any SocketOptionProvider else {
                return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
            }
            let credentials: EventLoopFuture<Credentials> = provider.unsafeGetSocketOption(
                level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
            return credentials.map { credentials in
                Peer(
                    address: .unix(userID: credentials.userID, groupID: credentials.groupID),
                    source: Array("unix:uid=\(credentials.userID),gid=\(credentials.groupID),pid=\(credentials.processID)".utf8))
            }
        }
    }

    private static func ip(_ ip: IPAddress, _ address: SocketAddress) -> Peer {
        let host = address.ipAddress ?? ""
        let port = address.port ?? 0
        let text: String
        if ip.isV4 {
            text = "\(ip.low >> 24 & 255).\(ip.low >> 16 & 255).\(ip.low >> 8 & 255).\(ip.low & 255):\(port)"
        } else {
            text = "[\(host)]:\(port)"
        }
        return Peer(address: .ip(ip), source: Array(text.utf8))
    }
}
