package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// maxTimeouts bounds a request whose context has no deadline, in multiples of
// Config.RequestTimeout, while parts of answers arrive.
const maxTimeouts = 20

// query is a request that every other node answers once. The locks of the
// requests and of the liveness are taken inside that of a query.
type query struct {
	node *Node
	want MessageType   // of its answers
	done chan struct{} // closed when it is over

	countOnly bool

	mu         sync.Mutex
	responders responders
	partial    map[string]*partialAnswer // answers in parts, by UID
	heard      time.Time                 // when the last part arrived
	size       int64                     // of the answers
	over       bool
	err        error
	sockets    []adapter.Details
	count      int
	answers    []adapter.Answer
}

// partialAnswer is an answer in parts, as far as it has arrived.
type partialAnswer struct {
	incomingAnswer
	sockets []adapter.Details
	answers []adapter.Answer
}

// FetchSockets implements [adapter.Adapter]. If not all nodes answer in time it
// returns a [*ResponseError].
func (n *Node) FetchSockets(ctx context.Context, o adapter.Options) ([]adapter.Details, error) {
	q := &query{want: FetchSocketsResponse}
	err := n.ask(ctx, q, &Message{Type: FetchSockets, Options: o})
	return q.sockets, err
}

// CountSockets implements [adapter.Adapter]. If not all nodes answer in time it
// returns a [*ResponseError].
func (n *Node) CountSockets(ctx context.Context, o adapter.Options) (int, error) {
	q := &query{want: FetchSocketsResponse, countOnly: true}
	err := n.ask(ctx, q, &Message{Type: FetchSockets, Options: o, CountOnly: true})
	return q.count, err
}

// ServerSideEmitAck implements [adapter.Adapter]. If not all nodes answer in
// time it returns a [*ResponseError]. It sends nothing if there are no other
// nodes.
func (n *Node) ServerSideEmitAck(ctx context.Context, p adapter.Packet) ([]adapter.Answer, error) {
	q := &query{want: ServerSideEmitResponse}
	err := n.ask(ctx, q, &Message{Type: ServerSideEmit, Packet: p})
	return q.answers, err
}

// ask sends m and waits for the answers. Only the caller uses q afterwards.
func (n *Node) ask(ctx context.Context, q *query, m *Message) (err error) {
	q.node, q.done = n, make(chan struct{})
	silence := time.Duration(0)
	if _, limited := ctx.Deadline(); !limited {
		silence = n.cfg.RequestTimeout
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, maxTimeouts*silence, ErrTimeout)
		defer cancel()
	}
	if n.counter != nil {
		count, err := n.ServerCount(ctx)
		if err != nil {
			return err
		}
		q.responders.expected = max(count-1, 0)
		if q.responders.complete() {
			return nil
		}
	}
	if m.RequestID, err = q.register(); err != nil {
		return err
	}
	defer n.requests.forget(m.RequestID)
	if !q.finished() {
		if !q.countOnly {
			m.Parts = n.firstLimit(q.responders.expected)
		}
		err = n.publishWithin(ctx, m)
	}
	if err != nil {
		q.end(err)
	}
	q.wait(ctx, silence)
	n.requests.held.Add(-q.size)
	switch {
	case errors.Is(err, ErrUnencodable):
		return err
	case q.err != nil:
		return &ResponseError{Received: q.responders.received(), Expected: q.responders.received() + q.responders.left(), Err: q.err}
	}
	return nil
}

// wait returns when the request has ended. ctx ends it, and, unless silence is
// 0, that no part arrives for as long.
func (q *query) wait(ctx context.Context, silence time.Duration) {
	var silent <-chan time.Time // blocks if silence is 0
	for start := time.Now(); ; {
		if silence > 0 {
			rest := silence - q.sinceHeard(start)
			if rest <= 0 {
				q.end(q.node.away(ErrTimeout))
				return
			}
			silent = time.After(rest)
		}
		select {
		case <-q.done:
			return
		case <-ctx.Done():
			q.end(q.node.endOf(ctx))
			return
		case <-silent:
		}
	}
}

// sinceHeard returns how long ago the last part arrived, or the request began.
func (q *query) sinceHeard(start time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.heard.After(start) {
		start = q.heard
	}
	return time.Since(start)
}

// register adds the query to the requests before it reads which nodes are
// alive, so that nodeGone is called for each node that dies later.
func (q *query) register() (id string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if id, err = q.node.register(q); err != nil {
		return "", err
	}
	if q.node.counter == nil {
		q.responders = expectAnswers(q.node.live.uids())
		q.check()
	}
	return id, nil
}

func (q *query) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.over
}

// check ends the query when all nodes have answered.
func (q *query) check() {
	if q.responders.complete() {
		q.finish(nil)
	}
}

func (q *query) finish(err error) {
	for _, f := range q.partial {
		q.node.endIncoming(&f.incomingAnswer)
		if err != nil {
			q.sockets = append(q.sockets, f.sockets...)
		}
	}
	q.partial = nil
	q.over, q.err = true, err
	close(q.done)
}

// answer implements pending.
func (q *query) answer(m *Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over || m.Type != q.want || m.CountOnly && !q.countOnly || q.partial[m.UID] != nil || !q.responders.wants(m.UID) {
		return false
	}
	kept := Message{UID: m.UID, Answer: m.Answer, Sockets: m.Sockets}
	if q.countOnly {
		kept = Message{UID: m.UID}
	}
	if !q.hold(sizeOf(&kept)) {
		return true
	}
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
	q.responders.add(m.UID)
	q.check()
	return true
}

// hold reserves memory for an answer. If none is left, the query ends.
func (q *query) hold(size int64) bool {
	if !q.node.hold(size) {
		q.finish(ErrAnswersTooLarge)
		return false
	}
	q.size += size
	return true
}

// part implements pending.
func (q *query) part(m *Message) (v verdict, reply Part) {
	q.mu.Lock()
	defer q.mu.Unlock()
	stop := Part{Stop: true}
	f := q.partial[m.UID]
	if q.over || q.countOnly || f == nil && !q.responders.wants(m.UID) {
		return partUnknown, stop
	}
	if v, reply, ok := q.node.judge(f.incoming(), m.Part); !ok {
		return v, reply
	}
	switch {
	case !q.hold(answerCost + int64(len(m.UID)+len(m.Part.Bytes))):
		return partTaken, stop
	case f == nil:
		f = &partialAnswer{incomingAnswer: q.node.incomingAnswer(m.Part.Stream)}
		if q.partial == nil {
			q.partial = make(map[string]*partialAnswer)
		}
		q.partial[m.UID] = f
		q.responders.begin(m.UID)
	}
	q.heard = time.Now()
	if !f.add(m.Part, q.record(f)) {
		if !q.over {
			q.drop(m.UID)
		}
		return partBroken, stop
	}
	reply = q.node.nextPart(&f.incomingAnswer)
	if f.whole {
		q.sockets, q.answers = append(q.sockets, f.sockets...), append(q.answers, f.answers...)
		q.drop(m.UID)
		q.responders.add(m.UID)
		q.check()
	}
	return partTaken, reply
}

// incoming returns f's part of the protocol, or nil if f is nil.
func (f *partialAnswer) incoming() *incomingAnswer {
	if f == nil {
		return nil
	}
	return &f.incomingAnswer
}

// record returns the function that takes the records of f.
func (q *query) record(f *partialAnswer) func(record []byte) bool {
	if q.want == FetchSocketsResponse {
		return func(record []byte) bool {
			if !q.hold(fieldsCost(record)) {
				return false
			}
			d, ok := parseSocket(record)
			if ok = ok && q.hold(costOf(&d)); ok {
				f.sockets = append(f.sockets, d)
			}
			return ok
		}
	}
	return func(record []byte) bool { // a node gives one answer
		if len(f.answers) > 0 || !q.hold(fieldsCost(record)) {
			return false
		}
		a, ok := parseAnswer(record)
		if ok {
			f.answers = append(f.answers, a)
		}
		return ok
	}
}

// drop drops the parts of a node's answer.
func (q *query) drop(uid string) {
	if f := q.partial[uid]; f != nil {
		delete(q.partial, uid)
		q.responders.quit(uid)
		q.node.endIncoming(&f.incomingAnswer)
	}
}

// nodeGone implements pending.
func (q *query) nodeGone(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	q.drop(uid)
	if q.responders.remove(uid) {
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
