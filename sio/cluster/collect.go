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
	detach   func() bool // from the context
	deadline *time.Timer // nil when the context has one
}

// maxClients is how many clients one node may announce: so many that sums don't
// overflow.
const maxClients = 1 << 40

// share is what one node has to do with a collection.
type share struct{ awaited int }

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
	sending := n.publish(&Message{Type: Broadcast, RequestID: c.id, Packet: p, Options: o, Timeout: timeout})
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
		case ctx.Err() != nil:
			c.cancel() // acks is told nothing: it must not take this for an end before that of ctx
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
		c.acks.Servers(c.roll.expected)
	}
	c.detach = context.AfterFunc(ctx, c.cancel)
	if !limited {
		c.deadline = time.AfterFunc(timeout, func() { c.end(ErrTimeout) })
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
	size, ok := c.node.hold(m)
	if !ok {
		return true
	}
	c.size += size
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
	size, ok := c.node.hold(m)
	if !ok {
		return true
	}
	c.size += size
	s.awaited--
	c.awaited--
	c.check()
	c.acks.Answer(m.Answer)
	return true
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
		gone := s.awaited
		s.awaited, c.awaited = 0, c.awaited-gone
		c.check()
		c.acks.Gone(gone, nil)
	}
}

// end implements pending.
func (c *collection) end(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
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
	c.over, c.shares = true, nil
	c.detach()
	if c.deadline != nil {
		c.deadline.Stop()
	}
	c.node.requests.forget(c.id)
	c.node.requests.held.Add(-c.size)
}
