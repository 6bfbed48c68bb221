package cluster

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// collection is a broadcast of this node that waits for the acknowledgements of
// other nodes' clients. Each node first sends the number of its clients, and
// may then send as many answers. The locks of the requests, of the liveness and
// behind acks are taken inside that of a collection.
type collection struct {
	node *Node
	id   string
	acks adapter.Acks

	mu         sync.Mutex
	responders responders
	byNode     map[string]*nodeAcks // by UID; "" is for all nodes without a UID
	awaited    int                  // clients that have not answered
	size       int64                // of the answers
	over       bool
	late       bool        // the deadline has passed before the nodes were counted
	detach     func() bool // from the context
	deadline   *time.Timer // nil when the context has one
}

// maxClients is how many clients one node may announce, so that sums over up to
// 256 nodes don't overflow.
const maxClients = min(1<<40, math.MaxInt>>8)

// nodeAcks is the state of one node in a collection.
type nodeAcks struct {
	awaited int
	flow    *incomingAnswer // its answers in parts; nil before the first one
}

// BroadcastAck implements [adapter.Adapter]. A server that can't be asked, or
// does not send the number of its clients in time, counts as one client that
// does not answer.
func (n *Node) BroadcastAck(ctx context.Context, p adapter.Packet, o adapter.Options, acks adapter.Acks) error {
	timeout := n.cfg.AckTimeout
	end, limited := ctx.Deadline()
	if limited {
		timeout = max(time.Until(end), time.Millisecond)
	}
	c := &collection{node: n, acks: acks, byNode: make(map[string]*nodeAcks)}
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

// register adds the collection to the requests before it reads which nodes are
// alive, so that nodeGone is called for each node that dies later. While the
// number of nodes is not known, acks waits for one server that stands for all
// of them.
func (c *collection) register(ctx context.Context, timeout time.Duration, limited bool) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id, err = c.node.register(c); err != nil {
		return err
	}
	if c.node.counter != nil {
		c.responders.expected = -1
		c.acks.Servers(1)
	} else {
		c.responders = expectAnswers(c.node.live.uids())
		c.node.servers.Store(int64(c.responders.expected))
		c.acks.Servers(c.responders.expected)
	}
	c.detach = context.AfterFunc(ctx, c.expire)
	if !limited {
		c.deadline = time.AfterFunc(timeout, c.timeOut)
	}
	c.check()
	return nil
}

// expect sets how many nodes must answer.
func (c *collection) expect(nodes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.responders.expected = max(nodes, c.responders.received())
	c.acks.Servers(c.responders.left())
	c.check()
	c.acks.Clients(0) // of the server that stood for all
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
	if m.ClientCount < 0 || m.ClientCount > maxClients || !c.responders.wants(m.UID) {
		return false
	}
	if !c.hold(sizeOf(m)) {
		return true
	}
	if !c.responders.add(m.UID) {
		c.acks.Servers(1)
	}
	s := c.byNode[m.UID]
	if s == nil {
		s = new(nodeAcks)
		c.byNode[m.UID] = s
	}
	s.awaited += m.ClientCount
	c.awaited += m.ClientCount
	c.check()
	c.acks.Clients(m.ClientCount)
	return true
}

// client takes a client's answer.
func (c *collection) client(m *Message) bool {
	s := c.byNode[m.UID]
	if s == nil || s.awaited == 0 {
		return false
	}
	if c.hold(sizeOf(m)) {
		c.take(s, m.Answer)
	}
	return true
}

// take passes on a client's answer, for which hold has reserved memory.
func (c *collection) take(s *nodeAcks, a adapter.Answer) {
	s.awaited--
	c.awaited--
	c.check()
	c.acks.Answer(a)
}

// hold reserves memory for an answer. If none is left, the collection ends.
func (c *collection) hold(size int64) bool {
	if !c.node.hold(size) {
		c.giveUp(ErrAnswersTooLarge)
		return false
	}
	c.size += size
	return true
}

// part implements pending. The last part of a node means that its other clients
// are gone.
func (c *collection) part(m *Message) (v verdict, reply Part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stop := Part{Stop: true}
	s := c.byNode[m.UID]
	if c.over || s == nil || s.flow == nil && s.awaited == 0 {
		return partUnknown, stop
	}
	if v, reply, ok := c.node.judge(s.flow, m.Part); !ok {
		return v, reply
	}
	switch {
	case s.flow != nil && s.flow.whole:
		return partUnknown, stop
	case !c.hold(answerCost + int64(len(m.Part.Bytes))):
		return partTaken, stop
	case s.flow == nil:
		f := c.node.incomingAnswer(m.Part.Stream)
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
		c.node.endIncoming(f)
	case f.whole:
		c.node.endIncoming(f)
		if !c.over {
			c.gone(s)
		}
	}
	return v, reply
}

// gone drops a node's clients that have not answered.
func (c *collection) gone(s *nodeAcks) {
	gone := s.awaited
	s.awaited, c.awaited = 0, c.awaited-gone
	c.check()
	c.acks.Gone(gone, nil)
}

// nodeGone implements pending.
func (c *collection) nodeGone(uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if c.responders.remove(uid) {
		c.check()
		c.acks.Clients(0)
	} else if s := c.byNode[uid]; s != nil {
		if s.flow != nil {
			s.flow.whole = true
			c.node.endIncoming(s.flow)
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

// giveUp ends the collection before it is complete.
func (c *collection) giveUp(why error) {
	missing := c.responders.left()
	if c.responders.expected < 0 {
		missing = 1
	}
	c.finish()
	for range missing {
		c.acks.Clients(1)
	}
	c.acks.Gone(missing+c.awaited, why)
}

// expire ends the collection when its context ends. While the nodes are being
// counted, BroadcastAck ends it instead, with the error of that.
func (c *collection) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over && c.responders.expected >= 0 {
		c.finish()
	}
}

// timeOut ends a collection whose context has no deadline; see expire.
func (c *collection) timeOut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.late = true; !c.over && c.responders.expected >= 0 {
		c.giveUp(c.node.away(ErrTimeout))
	}
}

// cancel ends a collection that no caller waits for.
func (c *collection) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.finish()
	}
}

// check ends the collection when it is complete. acks is called after check, so
// that a caller that acks wakes finds the collection ended.
func (c *collection) check() {
	if c.responders.complete() && c.awaited == 0 {
		c.finish()
	}
}

func (c *collection) finish() {
	for _, s := range c.byNode {
		if s.flow != nil {
			c.node.endIncoming(s.flow)
		}
	}
	c.over, c.byNode = true, nil
	c.detach()
	if c.deadline != nil {
		c.deadline.Stop()
	}
	c.node.requests.forget(c.id)
	c.node.requests.held.Add(-c.size)
}
