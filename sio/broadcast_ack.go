package sio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/sioserver/sioserver/loop/invariants"
	"github.com/sioserver/sioserver/sio/adapter"
)

// AckError reports that a broadcast was not acknowledged by all its recipients.
type AckError struct {
	// Responses are the acknowledgements that have come.
	Responses []RawArgs
	// Missing is how many of the known recipients have not answered. A server
	// that has not reported how many it has counts as one. It is at least 1.
	Missing int
	// Err is [ErrTimeout] or the error of the context, [ErrDisconnected] when
	// all recipients that have not answered are gone, or why other servers
	// could not be asked.
	Err error
}

func (e *AckError) Error() string {
	return fmt.Sprintf("sio: %d acknowledgements, %d missing: %v", len(e.Responses), e.Missing, e.Err)
}

// Unwrap returns Err.
func (e *AckError) Unwrap() error { return e.Err }

// EmitAck is Emit for an event that every recipient is to acknowledge. It waits
// until all have, and returns their acknowledgements in the order in which they
// came. Only the first argument of each counts, and of those from other servers
// only the first is there.
//
// When the time given with Timeout is over, or ctx is done, or the last
// recipients that have not answered are disconnected, EmitAck returns the
// answers that it has, and an [*AckError], which has them too. When no socket
// is addressed it returns nothing at once. An adapter has a limit of its own
// for what has none, a minute by default; it ends EmitAck with [ErrTimeout],
// too. An adapter, and code of the application that encodes args, may block:
// EmitAck waits for them at most a second longer than for ctx.
//
// It must not be called by an [Inline] handler. [EmitAckAll] also decodes the
// answers.
func (o BroadcastOperator) EmitAck(ctx context.Context, event string, args ...any) ([]RawArgs, error) {
	if err := checkEvent(event); err != nil {
		return nil, err
	}
	ctx, cancel := deadline(ctx, o.timeout)
	defer cancel()
	if ctx.Err() != nil {
		return nil, adapter.EndOf(ctx)
	}
	c := &collector{servers: 1, done: make(chan struct{})}
	srv := o.ns.srv
	emit := func() (struct{}, error) { return struct{}{}, o.askAll(ctx, event, args, c) }
	var err error
	given := true
	if srv.cfg.Adapter == nil && srv.plain(args) {
		_, err = emit()
	} else {
		_, err, given = within(ctx, srv, event, graceTime, emit)
	}
	switch {
	case !given:
		return c.result(err)
	case err != nil:
		return nil, adapter.TimedOut(err)
	}
	c.Clients(0)
	select {
	case <-c.done:
		return c.result(ErrDisconnected)
	case <-ctx.Done():
		return c.result(adapter.EndOf(ctx))
	}
}

// askAll sends the event to all that are addressed, and has c collect their
// answers.
func (o BroadcastOperator) askAll(ctx context.Context, event string, args []any, c *collector) error {
	return o.eachNamespace(func(o BroadcastOperator) error {
		return o.ns.delivery.broadcastAck(ctx, o, event, args, c)
	})
}

// collector gathers the answers to a broadcast. It implements [adapter.Acks].
type collector struct {
	done chan struct{} // closed when no client is left that may still answer

	mu      invariants.Mutex[collector]
	servers int // that have not reported their clients yet
	clients int
	gone    int
	why     error // of servers that could not be asked
	answers []RawArgs
	over    bool // nothing is added any more
}

func (c *collector) update(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	change()
	if c.servers == 0 && len(c.answers)+c.gone >= c.clients {
		c.over = true
		close(c.done)
	}
}

// Servers implements adapter.Acks.
func (c *collector) Servers(n int) { c.update(func() { c.servers += n }) }

// Clients implements adapter.Acks.
func (c *collector) Clients(n int) {
	c.update(func() {
		c.servers--
		c.clients += n
	})
}

// Gone implements adapter.Acks.
func (c *collector) Gone(n int, why error) {
	c.update(func() {
		c.gone += n
		c.why = cmp.Or(c.why, why)
	})
}

// Answer implements adapter.Acks.
func (c *collector) Answer(a adapter.Answer) {
	args := rawAnswer(a)
	c.update(func() { c.answers = append(c.answers, args) })
}

// result ends the collection. end is the reason, unless other servers could not
// be asked: then that is the reason, and so is end if a time limit has passed.
func (c *collector) result(end error) ([]RawArgs, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	servers, clients := max(c.servers, 0), max(c.clients-len(c.answers), 0)
	if servers+clients == 0 {
		return c.answers, nil
	}
	switch why := adapter.TimedOut(c.why); {
	case why == nil:
	case errors.Is(end, ErrDisconnected), errors.Is(why, end):
		end = why
	default:
		end = fmt.Errorf("%w: %w", end, why)
	}
	return c.answers, &AckError{Responses: c.answers, Missing: servers + clients, Err: end}
}

// broadcastAck is what one broadcast waits for on this server. Its lock is held
// when that of a socket is taken.
type broadcastAck struct {
	id      uint64
	acks    adapter.Acks
	shards  atomic.Int32 // the loops that have not sent yet, and the caller
	clients atomic.Int32

	mu      invariants.Mutex[broadcastAck]
	sockets []*Socket // that were asked
	over    bool
}

// postAck broadcasts an event to the sockets here that asks for
// acknowledgements, and reports to acks. The operator's namespace is no parent.
func (o BroadcastOperator) postAck(ctx context.Context, p adapter.Packet, acks adapter.Acks) error {
	own := preparedFor(o.ns, p)
	if own == nil {
		here, err := o.prepare(p.Event, true, p.Args)
		if err != nil {
			return err
		}
		defer here.release()
		own = &here
	}
	a := &broadcastAck{id: own.id, acks: acks}
	a.shards.Store(1)
	context.AfterFunc(ctx, a.cancel)
	o.post(own.encoded, a)
	a.sent()
	return nil
}

// asked notes that s was sent the event. It is called on the loop of s.
func (a *broadcastAck) asked(s *Socket) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return
	}
	a.clients.Add(1)
	if s.awaitAck(a.id, a) {
		a.sockets = append(a.sockets, s)
	} else {
		a.acks.Gone(1, nil)
	}
}

// sent notes that one loop, or the caller, has sent the event to its sockets.
func (a *broadcastAck) sent() {
	if a.shards.Add(-1) == 0 {
		a.acks.Clients(int(a.clients.Load()))
	}
}

// cancel stops waiting for answers.
func (a *broadcastAck) cancel() {
	a.mu.Lock()
	sockets := a.sockets
	a.sockets, a.over = nil, true
	a.mu.Unlock()
	for _, s := range sockets {
		s.cancelAck(a.id)
	}
}

// reply implements ackSink.
func (a *broadcastAck) reply(args RawArgs) {
	data, attachments, err := args.first()
	if err != nil {
		data = []byte("null") // it has no JSON form
	}
	a.acks.Answer(adapter.Answer{Data: data, Attachments: attachments})
}

// own reports whether a call on this server waits for the answers, not one on
// another server.
func (a *broadcastAck) own() bool {
	_, own := a.acks.(*collector)
	return own
}

// gone implements ackSink.
func (a *broadcastAck) gone() { a.acks.Gone(1, nil) }

// EmitAckAll broadcasts an event, waits for the recipients' acknowledgements,
// and decodes the first argument of each into an R. One without arguments gives
// R's zero value. With an [*AckError] it returns those that have come. Answers
// that do not fit are left out, and an [*ArgumentError] is returned as well.
// See [BroadcastOperator.EmitAck].
func EmitAckAll[R any](ctx context.Context, to BroadcastOperator, event string, args ...any) ([]R, error) {
	answers, err := to.EmitAck(ctx, event, args...)
	results := make([]R, 0, len(answers))
	for _, a := range answers {
		var r R
		if e := bind(a, &r); e != nil {
			err = errors.Join(err, e)
			continue
		}
		results = append(results, r)
	}
	return results, err
}

// EmitAck broadcasts an event and waits for acknowledgements: see
// [BroadcastOperator.EmitAck].
func (ns *Namespace) EmitAck(ctx context.Context, event string, args ...any) ([]RawArgs, error) {
	return BroadcastOperator{ns: ns}.EmitAck(ctx, event, args...)
}
