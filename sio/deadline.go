package sio

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
	"github.com/sioserver/sioserver/sio/internal/await"
)

// ErrTimeout says that the time given with Timeout, the deadline of a context,
// or a limit of an adapter has passed. It is context.DeadlineExceeded, too.
var ErrTimeout = adapter.ErrTimeout

// deadline limits ctx to d, unless that is 0.
func deadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, ErrTimeout)
}

// graceTime is how long a call that has been given a context may take to return
// after its end, with what it has, before it is not waited for any more.
const graceTime = time.Second

// errUnreturned is the error of a call that has not returned: the application's
// code, or an adapter's.
var errUnreturned = errors.New("sio: the call has panicked, or ended its goroutine")

// within calls f on a goroutine of its own, because it runs code of the
// application or of an adapter, which may panic, block or end the goroutine. A
// panic is logged. within waits for f until ctx ends, and then for grace. f may
// go on after that, and given is false.
func within[T any](ctx context.Context, srv *Server, event string, grace time.Duration, f func() (T, error)) (v T, err error, given bool) {
	v, err, given = await.Within(ctx, grace, errUnreturned, func() (v T, err error) {
		err = errUnreturned
		srv.protect(event, func() { v, err = f() })
		return v, err
	})
	if !given {
		err = adapter.EndOf(ctx)
	}
	return v, err, given
}

// plain reports whether arguments are encoded without any of the application's
// code.
func (srv *Server) plain(args []any) bool {
	if !srv.codec.ours() {
		return false
	}
	for _, arg := range args {
		switch v := arg.(type) {
		case nil, bool, string, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64,
			[]byte, json.RawMessage, []string:
		case []any:
			if !srv.plain(v) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// encodeAwaited is encodeEvent for an event that wants an acknowledgement,
// which is not awaited longer than ctx, neither while it is encoded.
func (s *Socket) encodeAwaited(ctx context.Context, id uint64, event string, args []any) (encodedPacket, error) {
	if ctx.Done() == nil || s.ns.srv.plain(args) {
		return encodeEvent(s.ns, id, true, event, args)
	}
	m, err, _ := within(ctx, s.ns.srv, event, 0, func() (encodedPacket, error) {
		return encodeEvent(s.ns, id, true, event, args)
	})
	return m, err
}
