package cluster

import (
	"context"
	"errors"
	"sync"

	"github.com/sioserver/sioserver/sio/adapter"
)

// query is a request that every other node answers once. Its lock is held when
// that of the requests is taken, and that of the liveness.
type query struct {
	node *Node
	want MessageType   // of its answers
	done chan struct{} // closed when it is over

	countOnly bool

	mu      sync.Mutex
	roll    roll
	size    int64 // of the answers
	over    bool
	err     error
	sockets []adapter.Details
	count   int
	answers []adapter.Answer
}

// FetchSockets implements [adapter.Adapter]. When not all nodes answer in time it
// returns a [*ResponseError].
func (n *Node) FetchSockets(ctx context.Context, o adapter.Options) ([]adapter.Details, error) {
	q := &query{want: FetchSocketsResponse}
	err := n.ask(ctx, q, &Message{Type: FetchSockets, Options: o})
	return q.sockets, err
}

// CountSockets implements [adapter.Adapter]. When not all nodes answer in time it
// returns a [*ResponseError].
func (n *Node) CountSockets(ctx context.Context, o adapter.Options) (int, error) {
	q := &query{want: FetchSocketsResponse, countOnly: true}
	err := n.ask(ctx, q, &Message{Type: FetchSockets, Options: o, CountOnly: true})
	return q.count, err
}

// ServerSideEmitAck implements [adapter.Adapter]. When not all nodes answer in time
// it returns a [*ResponseError]. Nothing is sent when there are no others.
func (n *Node) ServerSideEmitAck(ctx context.Context, p adapter.Packet) ([]adapter.Answer, error) {
	q := &query{want: ServerSideEmitResponse}
	err := n.ask(ctx, q, &Message{Type: ServerSideEmit, Packet: p})
	return q.answers, err
}

// ask sends m and waits for the answers. Nobody but the caller touches q afterwards.
func (n *Node) ask(ctx context.Context, q *query, m *Message) (err error) {
	q.node, q.done = n, make(chan struct{})
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, n.cfg.RequestTimeout, ErrTimeout)
		defer cancel()
	}
	if n.counter != nil {
		count, err := n.ServerCount(ctx)
		if err != nil {
			return err
		}
		q.roll.expected = max(count-1, 0)
		if q.roll.complete() {
			return nil
		}
	}
	if m.RequestID, err = q.register(); err != nil {
		return err
	}
	defer n.requests.forget(m.RequestID)
	if !q.finished() {
		err = n.publish(m)
	}
	if err != nil {
		q.end(err)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		q.end(context.Cause(ctx))
	}
	n.requests.held.Add(-q.size)
	switch {
	case errors.Is(err, ErrUnencodable):
		return err
	case q.err != nil:
		return &ResponseError{Received: q.roll.received(), Expected: q.roll.received() + q.roll.left(), Err: q.err}
	}
	return nil
}

// register makes the request known before it looks who is alive, so that it is
// told when one of them dies.
func (q *query) register() (id string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if id, err = q.node.register(q); err != nil {
		return "", err
	}
	if q.node.counter == nil {
		q.roll = calledBy(q.node.live.uids())
		q.check()
	}
	return id, nil
}

func (q *query) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.over
}

// check ends the request when all have answered.
func (q *query) check() {
	if q.roll.complete() {
		q.finish(nil)
	}
}

func (q *query) finish(err error) {
	q.over, q.err = true, err
	close(q.done)
}

// answer implements pending.
func (q *query) answer(m *Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over || m.Type != q.want || m.CountOnly && !q.countOnly || !q.roll.wants(m.UID) {
		return false
	}
	kept := Message{UID: m.UID, Answer: m.Answer, Sockets: m.Sockets}
	if q.countOnly {
		kept = Message{UID: m.UID}
	}
	size, ok := q.node.hold(&kept)
	if !ok {
		return true
	}
	q.size += size
	switch {
	case q.want == ServerSideEmitResponse:
		q.answers = append(q.answers, m.Answer)
	case !q.countOnly:
		q.sockets = append(q.sockets, m.Sockets...)
	case m.CountOnly:
		q.count += min(max(m.ClientCount, 0), maxClients)
	default:
		q.count += len(m.Sockets)
	}
	q.roll.add(m.UID)
	q.check()
	return true
}

// lose implements pending.
func (q *query) lose(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over && q.roll.remove(uid) {
		q.check()
	}
}

// end implements pending.
func (q *query) end(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.finish(err)
	}
}
