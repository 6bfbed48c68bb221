package eio

import "sync/atomic"

// TransportStats are figures of a server's sessions by their transports.
type TransportStats struct {
	// Polling and WebSocket are how many sessions are open now on the
	// transport.
	Polling, WebSocket int
	// OpenedPolling and OpenedWebSocket are how many handshakes have opened a
	// session so far, by the transport that the client began with.
	OpenedPolling, OpenedWebSocket uint64
	// Upgraded is how many sessions went from polling to WebSocket,
	// UpgradesFailed how many attempts ended otherwise.
	Upgraded, UpgradesFailed uint64
	// Refused is how many requests were refused, by the protocol's code: 0
	// transport unknown, 1 session ID unknown, 2 bad handshake method, 3 bad
	// request or too much load, 4 forbidden, 5 unsupported protocol version.
	// See [Config.OnConnectionError] for what is not counted.
	Refused [6]uint64
}

// transportCounts are the counters of TransportStats on one loop, which changes
// them.
type transportCounts struct {
	openedPolling, openedWebSocket, upgraded, upgradesFailed atomic.Uint64
	closedPolling, closedWebSocket                           atomic.Uint64
	refused                                                  [6]atomic.Uint64
}

func (n *transportCounts) opened(webSocket bool) {
	if webSocket {
		n.openedWebSocket.Add(1)
	} else {
		n.openedPolling.Add(1)
	}
}

func (n *transportCounts) closed(webSocket bool) {
	if webSocket {
		n.closedWebSocket.Add(1)
	} else {
		n.closedPolling.Add(1)
	}
}

// TransportStats returns the figures. Safe for concurrent use.
func (srv *Server) TransportStats() (st TransportStats) {
	for i := range srv.perLoops {
		pl := srv.perLoops[i].Load()
		if pl == nil {
			continue
		}
		n := &pl.transports
		// What was closed is read first, so that no difference is negative.
		closedPolling, closedWebSocket, upgraded := n.closedPolling.Load(), n.closedWebSocket.Load(), n.upgraded.Load()
		polling, webSocket := n.openedPolling.Load(), n.openedWebSocket.Load()
		st.Polling += max(0, int(polling-upgraded-closedPolling))
		st.WebSocket += max(0, int(webSocket+upgraded-closedWebSocket))
		st.OpenedPolling += polling
		st.OpenedWebSocket += webSocket
		st.Upgraded += upgraded
		st.UpgradesFailed += n.upgradesFailed.Load()
		for code := range st.Refused {
			st.Refused[code] += n.refused[code].Load()
		}
	}
	return st
}
