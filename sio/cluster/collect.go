package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// collection is a broadcast of this node whose acknowledgements by the clients of
// other nodes are awaited. Each node tells how many clients it has asked, and is
// believed as many answers. Its lock is held when that of the requests is taken,
// that of the liveness, and those behind acks.
type collection struct {
	node *Node
	id   string
	acks adapter.Acks

	mu       sync.Mutex
	roll     roll
	shares   map[string]*share // by UID; that of "" is all nodes' that tell none
	awaited  int               // clients that have not answered
	size     int64             // of the answers
	over     bool
	late     bool        // the deadline has passed while the nodes were counted
	detach   func() bool // from the context
	deadline *time.Timer // nil when the context has one
}

// maxClients is how many clients one node may announce: so many that sums don't
// overflow.
const maxClients = 1 << 40

// share is what one node has to do with a collection.
type share struct {
	awaited int
	flow    *inflow // its answers in parts; nil before the first one
}

// BroadcastAck implements [adapter.Adapter]. A server that can't be asked, or has
// not told its clients in time, counts as one client that will not answer.
func (n *Node) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	timeout := n.cfg.AckTimeout
	end, limited := ctx.Deadline()
	if limited {
		timeout = max(time.Until(end), time.Millisecond)
	}
	c := &collection{node: n, acks: acks, shares: make(map[string]*share)}
	if err := c.register(ctx, timeout, limited); err != nil {
		return err
	}
	m := &Message{Type: Broadcast, RequestID: c.id, Packet: p, Options: o, Timeout: timeout}
	m.Parts = n.firstLimit(int(n.servers.Load()))
	sending := n.publishWithin(ctx, m)
	if errors.Is(sending, ErrUnencodable) {
		c.cancel()
		return sending
	}
	if err := n.local.BroadcastAck(ctx, p, o, acks); err != nil {
		c.cancel()
		return err
	}
	if sending != nil {
		c.end(sending)
	} else if n.counter != nil {
		count, err := n.ServerCount(ctx)
		switch {
		case err == nil:
			c.expect(count - 1)
		case errors.Is(ctx.Err(), context.Canceled):
			c.cancel()
		default:
			c.end(err)
		}
	}
	return nil
}

// register makes the collection known before it looks who is alive, so that it is
// told when one of them dies. As long as it is not known how many nodes there
// are, acks waits for one that stands for them all.
func (c *collection) register(ctx context.Context, timeout time.Duration, limited bool) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id, err = c.node.register(c); err != nil {
		return err
	}
	if c.node.counter != nil {
		c.roll.expected = -1
		c.acks.Servers(1)
	} else {
		c.roll = calledBy(c.node.live.uids())
		c.node.servers.Store(int64(c.roll.expected))
		c.acks.Servers(c.roll.expected)
	}
	c.detach = context.AfterFunc(ctx, c.expire)
	if !limited {
		c.deadline = time.AfterFunc(timeout, c.timeOut)
	}
	c.check()
	return nil
}

// expect is told how many nodes are to answer.
func (c *collection) expect(nodes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.roll.expected = max(nodes, c.roll.received())
	c.acks.Servers(c.roll.left())
	c.check()
	c.acks.Clients(0) // the one that stood for all
	if c.late && !c.over {
		c.giveUp(c.node.away(ErrTimeout))
	}
}

// answer implements pending.
func (c *collection) answer(m *Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	switch m.Type {
	case BroadcastClientCount:
		return c.clients(m)
	case BroadcastAck:
		return c.client(m)
	}
	return false
}

// clients takes a node's number of clients.
func (c *collection) clients(m *Message) bool {
	if m.ClientCount < 0 || m.ClientCount > maxClients || !c.roll.wants(m.UID) {
		return false
	}
	if !c.hold(sizeOf(m)) {
		return true
	}
	if !c.roll.add(m.UID) {
		c.acks.Servers(1)
	}
	s := c.shares[m.UID]
	if s == nil {
		s = new(share)
		c.shares[m.UID] = s
	}
	s.awaited += m.ClientCount
	c.awaited += m.ClientCount
	c.check()
	c.acks.Clients(m.ClientCount)
	return true
}

// client takes a client's answer.
func (c *collection) client(m *Message) bool {
	s := c.shares[m.UID]
	if s == nil || s.awaited == 0 {
		return false
	}
	if c.hold(sizeOf(m)) {
		c.take(s, m.Answer)
	}
	return true
}

// take hands on a client's answer, for which there is room.
func (c *collection) take(s *share, a adapter.Answer) {
	s.awaited--
	c.awaited--
	c.check()
	c.acks.Answer(a)
}

// hold makes room for an answer; when there is none the collection ends.
func (c *collection) hold(size int64) bool {
	if !c.node.hold(size) {
		c.giveUp(ErrAnswersTooLarge)
		return false
	}
	c.size += size
	return true
}

// part implements pending. A node says with its last part that the other clients are
// gone.
func (c *collection) part(m *Message) (v verdict, reply Part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stop := Part{Stop: true}
	s := c.shares[m.UID]
	if c.over || s == nil || s.flow == nil && s.awaited == 0 {
		return partUnknown, stop
	}
	v = s.flow.judge(m.Part)
	switch {
	case v == partUnknown:
		return v, stop
	case v == partKnown:
		return v, c.node.nextPart(s.flow)
	case s.flow != nil && s.flow.whole:
		return partUnknown, stop
	case !c.hold(answerCost + int64(len(m.Part.Bytes))):
		return partTaken, stop
	case s.flow == nil:
		f := c.node.inflow(m.Part.Stream)
		s.flow = &f
	}
	f := s.flow
	ok := f.add(m.Part, func(record []byte) bool {
		if c.over || s.awaited == 0 || !c.hold(answerCost+fieldsCost(record)) {
			return false
		}
		a, ok := parseAnswer(record)
		if ok {
			c.take(s, a)
		}
		return ok
	})
	reply = c.node.nextPart(f)
	switch {
	case !ok:
		v, reply, f.whole = partBroken, stop, true
		c.node.endInflow(f)
	case f.whole:
		c.node.endInflow(f)
		if !c.over {
			c.gone(s)
		}
	}
	return v, reply
}

// gone takes leave of a node's clients that have not answered.
func (c *collection) gone(s *share) {
	gone := s.awaited
	s.awaited, c.awaited = 0, c.awaited-gone
	c.check()
	c.acks.Gone(gone, nil)
}

// lose implements pending.
func (c *collection) lose(uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if c.roll.remove(uid) {
		c.check()
		c.acks.Clients(0)
	} else if s := c.shares[uid]; s != nil {
		if s.flow != nil {
			s.flow.whole = true
			c.node.endInflow(s.flow)
		}
		c.gone(s)
	}
}

// end implements pending.
func (c *collection) end(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.giveUp(why)
	}
}

// giveUp ends the collection before everything has come.
func (c *collection) giveUp(why error) {
	missing := c.roll.left()
	if c.roll.expected < 0 {
		missing = 1
	}
	c.finish()
	for range missing {
		c.acks.Clients(1)
	}
	c.acks.Gone(missing+c.awaited, why)
}

// expire ends the collection with its context. As long as the nodes are counted,
// BroadcastAck does, and says what was wrong with that.
func (c *collection) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over && c.roll.expected >= 0 {
		c.finish()
	}
}

// timeOut ends the collection without a deadline of its context's; see expire.
func (c *collection) timeOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late = true; !c.over && c.roll.expected >= 0 {
		c.giveUp(c.node.away(ErrTimeout))
	}
}

// cancel ends the collection when nobody waits for it.
func (c *collection) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.finish()
	}
}

// check ends the collection when everything has come. acks is told afterwards: who
// waits for it then finds the collection over.
func (c *collection) check() {
	if c.roll.complete() && c.awaited == 0 {
		c.finish()
	}
}

func (c *collection) finish() {
	for _, s := range c.shares {
		if s.flow != nil {
			c.node.endInflow(s.flow)
		}
	}
	c.over, c.shares = true, nil
	c.detach()
	if c.deadline != nil {
		c.deadline.Stop()
	}
	c.node.requests.forget(c.id)
	c.node.requests.held.Add(-c.size)
}
