package sio

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// Recovery configures connection state recovery: a client that lost its
// connection gets its socket back, with id, rooms and data, and what it has
// missed. Zero values are defaults.
//
// Events that are neither volatile nor ask for an acknowledgement are kept, in
// the form in which they were sent, for as long as the limits of their
// namespace allow. A client can come back when the last event that it has
// received is among them. While the client of a socket may come back, emitting
// to the socket is not an error, unlike without recovery.
//
// Rooms and data are those that the socket had when the client was lost. Events
// that had come before are handled as usual, in order and before the disconnect
// handlers of the lost socket. What their handlers put into [Socket.SetData]
// then is not recovered. These handlers and those of the socket that came back,
// the connection handlers included, run in no certain order.
//
// The price: the emits of a namespace are put in one order, so they wait for
// each other, and a socket takes about 500 bytes more.
type Recovery struct {
	// MaxDisconnectionDuration is how long a client may be gone, and how long
	// events are kept; 2 minutes when 0.
	MaxDisconnectionDuration time.Duration
	// RunMiddlewares runs the middlewares for recovered sockets too. There
	// [Socket.Recovered] is true, and rooms and data are back. What is sent to
	// the socket meanwhile follows what it has missed. They always run for a
	// session that an adapter has kept without its namespace, as Node servers
	// do: it may be that of another namespace.
	RunMiddlewares bool

	// MaxPackets is how many events a namespace keeps; 65,536 when 0. The
	// oldest are dropped first. With an adapter that keeps the sessions, more
	// are kept while clients that need them come back, up to another MaxBytes.
	MaxPackets int
	// MaxBytes is how many bytes the kept events of a namespace may have, 256
	// for each event's own needs included; 8 MiB when 0. A client is sent what
	// it has missed at once, so it should be less than MaxQueued.
	MaxBytes int
	// MaxSessions is how many sockets without a client a namespace keeps;
	// 65,536 when 0. Those that left first are dropped first. A socket whose
	// data ([Socket.SetData]) exceeds what is left of
	// [Config.MaxHandshakeBytes] is not kept.
	MaxSessions int
	// MaxTotalBytes and MaxTotalSessions bound the same over all namespaces:
	// 256 MiB or four times MaxBytes, and 262,144 or four times MaxSessions,
	// whichever is more, when 0. Each namespace may keep as much as is left,
	// and one socket all the same, so one alone keeps half of it.
	MaxTotalBytes    int64
	MaxTotalSessions int

	// RestoreTimeout is how long a client that comes back waits for an adapter
	// that keeps the sessions (see package adapter) before it is treated as a
	// new one; 2 seconds when 0. While missed events are read it starts again
	// with each part of them, for 15 times as long in all.
	RestoreTimeout time.Duration

	// OnExpire, when set, is called with each socket whose client has not come
	// back in time, or not before a limit dropped it. It is not called for what
	// is lost when the server or the namespace ends. It is called on a
	// goroutine of its own, one call after the other for a namespace. With an
	// adapter that keeps the sessions it is called only for recovered sockets
	// that a middleware has refused.
	OnExpire func(ExpiredSession)
}

// ExpiredSession is a socket whose client can't come back any more.
type ExpiredSession struct {
	Namespace *Namespace
	ID        string // of the socket
	Rooms     []string
	Data      any // of [Socket.SetData]
}

// RecoveryStats are the figures of connection state recovery, for all
// namespaces together.
type RecoveryStats struct {
	// Packets, Bytes and Sessions are what is kept now.
	Packets, Bytes, Sessions int
	// Recovered is how many sockets came back, Failed how many clients asked
	// for it and did not, Replayed how many events were sent again.
	Recovered, Failed, Replayed uint64
	// Gaps is how many of Failed had a session, but not all events that they
	// missed were still kept: they start as new clients, and what they missed
	// is lost for them.
	Gaps uint64
	// Evicted is how many events and sockets a limit dropped, Expired how many
	// sockets ended for good, by a limit or by time.
	Evicted, Expired uint64
	// Unordered is how many events were sent without an offset because the
	// adapter could not keep them in time.
	Unordered uint64
}

func (st *RecoveryStats) add(o RecoveryStats) {
	st.Packets += o.Packets
	st.Bytes += o.Bytes
	st.Sessions += o.Sessions
	st.Recovered += o.Recovered
	st.Failed += o.Failed
	st.Gaps += o.Gaps
	st.Replayed += o.Replayed
	st.Evicted += o.Evicted
	st.Expired += o.Expired
	st.Unordered += o.Unordered
}

func (r *Recovery) withDefaults() error {
	if err := cmp.Or(
		limit("Recovery.MaxPackets", &r.MaxPackets, 65_536, "65536"),
		limit("Recovery.MaxBytes", &r.MaxBytes, 8<<20, "8388608"),
		limit("Recovery.MaxSessions", &r.MaxSessions, 65_536, "65536"),
		limit("Recovery.MaxTotalBytes", &r.MaxTotalBytes, max(256<<20, 4*int64(r.MaxBytes)), "268435456 or four times MaxBytes"),
		limit("Recovery.MaxTotalSessions", &r.MaxTotalSessions, int(max(262_144, min(4*int64(r.MaxSessions), math.MaxInt))), "262144 or four times MaxSessions"),
		limit("Recovery.RestoreTimeout", &r.RestoreTimeout, 2*time.Second, "2s"),
	); err != nil {
		return err
	}
	if r.MaxDisconnectionDuration == 0 {
		r.MaxDisconnectionDuration = 2 * time.Minute
	}
	if r.MaxDisconnectionDuration < time.Millisecond {
		return fmt.Errorf("sio: Recovery.MaxDisconnectionDuration is %v; it must be at least 1ms, or 0 for 2m", r.MaxDisconnectionDuration)
	}
	return nil
}
