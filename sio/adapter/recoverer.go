package adapter

import (
	"context"
	"encoding/json"
	"errors"
)

// ErrGap is the error, or is among those, of a history that is not to be had because
// packets after the offset are not kept any more, or were lost.
var ErrGap = errors.New("adapter: packets after the offset are not kept any more")

// Recoverer is an [Adapter] that keeps packets and sessions for all servers, so
// that a client that has lost its connection can come back to any of them. A
// namespace with connection state recovery then leaves both to it.
//
// The packets that it keeps are in one order, that of their offsets. Each server
// is handed them in that order, one after the other: its own by the function that
// BroadcastKept was given, others by [Local]'s Broadcast with [Packet.Offset].
// Both have returned before Since, or a history, says anything about what follows. Since
// is called before each packet takes its place, so what it says of a gap must be known by
// then.
type Recoverer interface {
	Adapter

	// BroadcastKept sends p to all servers, this one included, and keeps it. It may wait,
	// for a while, for room among what is to be sent, if a [Waiter] allows that, and
	// returns [ErrOverloaded] when there is none. deliver is called with p's offset when
	// p's turn comes. When that takes too long deliver is first called with "", to deliver
	// p out of order and without an offset, and again with the offset if the turn comes
	// after all: then it only has to be kept. The calls for one packet don't overlap.
	// deliver is not called when an error is returned.
	BroadcastKept(p Packet, o Options, deliver func(offset string)) error
	// Since is the offset after which this server has been handed every packet; ""
	// when that is not known yet. It is set behind every gap: when packets could not be
	// read, it is greater than the offsets of all that were handed before. changed is
	// closed when the offset is another one. Since must not wait.
	Since() (offset string, changed <-chan struct{})

	// Persist keeps the session of a client that is gone, for as long as recovery is
	// configured to wait for it. It does not wait for the outcome.
	Persist(s Session)
	// Restore finds the session, and leaves it where it is. It reports false when there
	// is none, when the offset is not that of a packet that is kept, and when ctx ends
	// before that is known. seen tells that the offset is known to be one.
	Restore(ctx context.Context, pid, offset string, seen bool) (s Session, ok bool)
	// Take takes the session out that Restore has found, once all that its client has
	// missed is there. It reports false when it is not there any more, or not as it was
	// found, and when ctx ends before that is known. Of several calls for a session that
	// was persisted once, one at most reports true.
	Take(ctx context.Context, s Session) bool
	// History returns the namespace's packets after an offset, and the offset that
	// this account reaches up to: packets after it may exist. It is called for one
	// offset at a time, however many clients come back, and should return few MiB. If
	// the error is ErrGap, the same holds for every offset less than upTo.
	History(ctx context.Context, after string) (list []Kept, upTo string, err error)
}

// Session is what a client needs to come back. Immutable.
type Session struct {
	ID    string          `json:"sid"`
	PID   string          `json:"pid"`
	Rooms []string        `json:"rooms"`
	Data  json.RawMessage `json:"data"`
}

// Kept is a packet that a [Recoverer] has kept, with its offset, and whom it was for.
type Kept struct {
	Packet  Packet
	Options Options
}
