package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// patience says how long a request without a deadline of its own takes at most, in
// times of Config.RequestTimeout: as long as parts of answers come.
const patience = 20

// query is a request that every other node answers once. Its lock is held when
// that of the requests is taken, and that of the liveness.
type query struct {
	node *Node
	want MessageType   // of its answers
	done chan struct{} // closed when it is over

	countOnly bool

	mu      sync.Mutex
	roll    roll
	flows   map[string]*queryFlow // answers in parts, by UID
	heard   time.Time             // when the last part came
	size    int64                 // of the answers
	over    bool
	err     error
	sockets []adapter.Details
	count   int
	answers []adapter.Answer
}

// queryFlow is an answer in parts, as far as it has come.
type queryFlow struct {
	inflow
	sockets []adapter.Details
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
	silence := time.Duration(0)
	if _, limited := ctx.Deadline(); !limited {
		silence = n.cfg.RequestTimeout
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience*silence, ErrTimeout)
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
		if !q.countOnly {
			m.Parts = n.firstLimit(q.roll.expected)
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
		return &ResponseError{Received: q.roll.received(), Expected: q.roll.received() + q.roll.left(), Err: q.err}
	}
	return nil
}

// wait returns when the request is over: ctx ends it, and that nothing is heard during
// silence, unless that is 0.
func (q *query) wait(ctx context.Context, silence time.Duration) {
	var silent <-chan time.Time // never without a limit
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

// sinceHeard is how long ago the last part has come, or the request was made.
func (q *query) sinceHeard(start time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.heard.After(start) {
		start = q.heard
	}
	return time.Since(start)
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
	for _, f := range q.flows {
		q.node.endInflow(&f.inflow)
		if err != nil {
			q.sockets = append(q.sockets, f.sockets...)
		}
	}
	q.flows = nil
	q.over, q.err = true, err
	close(q.done)
}

// answer implements pending.
func (q *query) answer(m *Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over || m.Type != q.want || m.CountOnly && !q.countOnly || q.flows[m.UID] != nil || !q.roll.wants(m.UID) {
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
	q.roll.add(m.UID)
	q.check()
	return true
}

// hold makes room for an answer; when there is none the request ends.
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
	f := q.flows[m.UID]
	if q.over || q.countOnly || f == nil && !q.roll.wants(m.UID) {
		return partUnknown, stop
	}
	v = f.flow().judge(m.Part)
	switch {
	case v == partUnknown:
		return v, stop
	case v == partKnown:
		return v, q.node.nextPart(&f.inflow)
	case !q.hold(answerCost + int64(len(m.UID)+len(m.Part.Bytes))):
		return partTaken, stop
	case f == nil:
		f = &queryFlow{inflow: q.node.inflow(m.Part.Stream)}
		if q.flows == nil {
			q.flows = make(map[string]*queryFlow)
		}
		q.flows[m.UID] = f
		q.roll.begin(m.UID)
	}
	q.heard = time.Now()
	if !f.add(m.Part, q.record(f)) {
		if !q.over {
			q.drop(m.UID)
		}
		return partBroken, stop
	}
	reply = q.node.nextPart(&f.inflow)
	if f.whole {
		q.sockets, q.answers = append(q.sockets, f.sockets...), append(q.answers, f.answers...)
		q.drop(m.UID)
		q.roll.add(m.UID)
		q.check()
	}
	return v, reply
}

// flow is f's; nil when there is none.
func (f *queryFlow) flow() *inflow {
	if f == nil {
		return nil
	}
	return &f.inflow
}

// record returns what takes the records of an answer.
func (q *query) record(f *queryFlow) func(record []byte) bool {
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

// drop forgets what has come of a node's answer.
func (q *query) drop(uid string) {
	if f := q.flows[uid]; f != nil {
		delete(q.flows, uid)
		q.roll.quit(uid)
		q.node.endInflow(&f.inflow)
	}
}

// lose implements pending.
func (q *query) lose(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	q.drop(uid)
	if q.roll.remove(uid) {
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
