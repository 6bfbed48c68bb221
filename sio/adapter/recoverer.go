package adapter

import (
	"context"
	"encoding/json"
	"errors"
)

// ErrGap is returned for a history that is incomplete, because packets after
// the offset were lost or are no longer kept.
var ErrGap = errors.New("adapter: packets after the offset are not kept any more")

// Recoverer is an [Adapter] that keeps packets and sessions for all servers, so
// that a client that has lost its connection can come back to any of them. A
// namespace with connection state recovery uses it for both.
//
// The kept packets have one order, that of their offsets. Each server gets them
// in that order, one after the other: its own packets by the function passed to
// BroadcastKept, others by [Local]'s Broadcast with [Packet.Offset]. Both have
// returned before Since, or a history, covers what follows. The namespace calls
// Since before it takes each packet, so Since must know of a gap by then.
type Recoverer interface {
	Adapter

	// BroadcastKept sends p to all servers, this one included, and keeps it. If
	// too much waits to be sent and a [Waiter] allows it, BroadcastKept waits
	// for a limited time; then it returns [ErrOverloaded]. deliver is called
	// with p's offset when p has its place in the order. If that takes too
	// long, deliver is called with "" before, to deliver p out of order and
	// without an offset; the call with the offset then only keeps p. The calls
	// for one packet don't overlap. deliver is not called if an error is
	// returned.
	BroadcastKept(p Packet, o Options, deliver func(offset string)) error
	// Since returns the offset after which this server got every packet, or ""
	// if it is not known yet. After a gap, where packets could not be read, it
	// is greater than the offsets of all packets before the gap. changed is
	// closed when the offset changes. Since must not wait.
	Since() (offset string, changed <-chan struct{})

	// Persist keeps the session of a client that has disconnected, for as long
	// as recovery is configured. It does not wait for the outcome.
	Persist(s Session)
	// Restore returns the session and does not remove it. It reports false if
	// there is no session, if the offset is not that of a kept packet, or if
	// ctx ends before that is known. If seen is set, the caller knows that the
	// offset is that of a packet.
	Restore(ctx context.Context, pid, offset string, seen bool) (s Session, ok bool)
	// Take removes the session that Restore returned, once everything that its
	// client has missed was read. It reports false if the session is gone or
	// has changed, or if ctx ends before that is known. At most one call for a
	// session reports true.
	Take(ctx context.Context, s Session) bool
	// History returns the namespace's packets after an offset up to the offset
	// upTo; packets after upTo may exist. It is called for one offset at a
	// time, however many clients come back, and should return few MiB. If the
	// error is ErrGap, it also holds for every offset less than upTo.
	History(ctx context.Context, after string) (list []Kept, upTo string, err error)
}

// Session is the state that a client needs to come back. Immutable.
type Session struct {
	ID    string          `json:"sid"`
	PID   string          `json:"pid"`
	Rooms []string        `json:"rooms"`
	Data  json.RawMessage `json:"data"`
	// Namespace is where the session was. It is "" for those that a Node server
	// has kept, which does not say it.
	Namespace string `json:"nsp,omitempty"`
}

// Kept is a packet that a [Recoverer] keeps, with its offset, and its options.
type Kept struct {
	Packet  Packet
	Options Options
}
