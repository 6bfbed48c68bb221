package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/sioserver/sioserver/sio/adapter"
)

// respond sends an answer to the node that has sent m.
func (n *Node) respond(m *Message, answer Message) {
	answer.To, answer.RequestID = m.UID, m.RequestID
	if err := n.publish(&answer); errors.Is(err, ErrUnencodable) {
		n.counts.lost.Add(1)
	}
}

// describe answers with the sockets that are asked for, or their number.
func (n *Node) describe(m *Message) {
	if m.RequestID == "" {
		n.counts.invalid.Add(1)
		return
	}
	n.start(&n.describers, func() {
		answer := Message{Type: FetchSocketsResponse, CountOnly: m.CountOnly}
		if m.CountOnly {
			answer.ClientCount = n.local.CountSockets(m.Options)
		} else {
			answer.Sockets = n.local.Sockets(m.Options)
		}
		n.respond(m, answer)
	})
}

// serverSide calls the namespace's handlers.
func (n *Node) serverSide(m *Message) {
	var reply func(adapter.Answer)
	if m.RequestID != "" {
		var replied atomic.Bool
		reply = func(a adapter.Answer) {
			if !replied.Swap(true) {
				n.respond(m, Message{Type: ServerSideEmitResponse, Answer: a})
			}
		}
	}
	n.start(&n.handlers, func() { n.local.ServerSideEvent(m.Packet, reply) })
}

func (n *Node) start(w *workers, task func()) {
	if !w.do(task) {
		n.counts.dropped.Add(1)
	}
}

// collectFor broadcasts for a node that wants its clients' acknowledgements.
func (n *Node) collectFor(m *Message) {
	if n.asked.Add(1) > int64(n.cfg.MaxRequests) {
		n.asked.Add(-1)
		n.counts.dropped.Add(1)
		return
	}
	timeout := n.cfg.AckTimeout
	if m.Timeout > 0 {
		timeout = min(timeout, m.Timeout)
	}
	ctx, cancel := context.WithTimeout(n.ctx, timeout)
	a := &asked{node: n, message: &Message{UID: m.UID, RequestID: m.RequestID}, cancel: cancel}
	context.AfterFunc(ctx, a.end)
	if err := n.local.BroadcastAck(ctx, m.Packet, m.Options, a); err != nil {
		cancel()
		n.refuse(m, err)
	}
}

// asked is a broadcast of another node whose acknowledgements by this server's
// clients are awaited. It implements [adapter.Acks]. Safe for concurrent use.
type asked struct {
	node    *Node
	message *Message // says whom to answer
	cancel  func()   // ends the waiting

	mu      sync.Mutex
	told    bool             // the other node knows how many clients were asked
	early   []adapter.Answer // that came before
	awaited int              // clients; less than 0 when answers are earlier than their number
	over    bool
}

// Servers implements adapter.Acks: this is the only one.
func (a *asked) Servers(int) {}

// Clients implements adapter.Acks. The other node believes no answers that it was
// not told to wait for.
func (a *asked) Clients(clients int) {
	a.node.respond(a.message, Message{Type: BroadcastClientCount, ClientCount: clients})
	a.mu.Lock()
	early := a.early
	a.told, a.early = true, nil
	a.mu.Unlock()
	for _, answer := range early {
		a.send(answer)
	}
	a.settle(clients)
}

// Answer implements adapter.Acks.
func (a *asked) Answer(answer adapter.Answer) {
	a.mu.Lock()
	early := !a.told
	if early && !a.over {
		a.early = append(a.early, answer)
	}
	over := a.over
	a.mu.Unlock()
	if !early && !over {
		a.send(answer)
	}
	a.settle(-1)
}

// Gone implements adapter.Acks. There is no message that says so.
func (a *asked) Gone(clients int, _ error) { a.settle(-clients) }

func (a *asked) send(answer adapter.Answer) {
	a.node.respond(a.message, Message{Type: BroadcastAck, Answer: answer})
}

// settle changes the number of clients that are awaited, and ends the waiting when
// there are none.
func (a *asked) settle(change int) {
	a.mu.Lock()
	a.awaited += change
	done := a.told && a.awaited == 0
	a.mu.Unlock()
	if done {
		a.cancel()
	}
}

// end is called when the waiting ends.
func (a *asked) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over, a.early = true, nil
	a.node.asked.Add(-1)
}
