package cluster

import (
	"context"
	"sync"

	"github.com/sioserver/sioserver/sio/adapter"
)

// collectFor broadcasts a packet of another node and sends it this server's
// acknowledgements.
func (n *Node) collectFor(m *Message) {
	if n.relays.Add(1) > int64(n.cfg.MaxRequests) {
		n.relays.Add(-1)
		n.counts.dropped.Add(1)
		return
	}
	timeout := n.cfg.AckTimeout
	if m.Timeout > 0 {
		timeout = min(timeout, m.Timeout)
	}
	ctx, cancel := context.WithTimeout(n.ctx, timeout)
	a := &ackRelay{node: n, message: &Message{UID: m.UID, RequestID: m.RequestID, Parts: m.Parts}, cancel: cancel}
	context.AfterFunc(ctx, a.end)
	if err := n.local.BroadcastAck(ctx, m.Packet, m.Options, a); err != nil {
		cancel()
		n.refuse(m, err)
	}
}

// ackRelay collects the acknowledgements of this server's clients for a
// broadcast of another node. It implements [adapter.Acks]. Safe for concurrent
// use.
//
// If the other node takes parts, the answers that arrive while a part is under
// way make up the next one.
type ackRelay struct {
	node    *Node
	message *Message // its UID, RequestID and Parts say where the answers go
	cancel  func()   // ends the waiting

	mu        sync.Mutex
	announced bool             // the other node has the number of clients
	alone     bool             // there is one client
	early     []adapter.Answer // that arrived before
	held      int              // bytes of these
	flow      *outgoingAnswer  // nil before the first answer that goes in parts
	lost      bool             // an answer was dropped, so the last part must not be sent
	awaited   int              // clients that have not answered; negative if answers arrive before Clients
	over      bool
}

// Servers implements adapter.Acks: this is the only one.
func (a *ackRelay) Servers(int) {}

// Clients implements adapter.Acks. The other node drops answers that arrive
// before the number of clients.
func (a *ackRelay) Clients(clients int) {
	a.node.respond(a.message, Message{Type: BroadcastClientCount, ClientCount: clients})
	a.mu.Lock()
	early := a.early
	a.node.releaseOutgoing(a.held)
	a.announced, a.alone, a.early, a.held = true, clients == 1, nil, 0
	a.awaited += clients
	var out passed
	if out.done = clients == 0; clients > 0 {
		out = a.passLocked(early)
	}
	a.mu.Unlock()
	a.send(out)
}

// Answer implements adapter.Acks.
func (a *ackRelay) Answer(answer adapter.Answer) {
	a.mu.Lock()
	a.awaited--
	var out passed
	switch size := answerCost + int(answerSize(answer)); {
	case a.announced:
		out = a.passLocked([]adapter.Answer{answer})
	case a.over:
	case a.node.reserveOutgoing(size):
		a.early, a.held = append(a.early, answer), a.held+size
	default:
		a.lost = true
	}
	a.mu.Unlock()
	a.send(out)
}

// Gone implements adapter.Acks. It matters only for answers in parts.
func (a *ackRelay) Gone(clients int, _ error) {
	a.mu.Lock()
	a.awaited -= clients
	var out passed
	if a.announced {
		out = a.passLocked(nil)
	}
	a.mu.Unlock()
	a.send(out)
}

// passed is what send sends.
type passed struct {
	whole []adapter.Answer
	part  *Message // of flow
	flow  *outgoingAnswer
	done  bool // all clients have answered
}

// passLocked returns what to send for answers, once the number of clients was
// sent. The last part means that no answers follow.
func (a *ackRelay) passLocked(answers []adapter.Answer) (out passed) {
	whole := a.message.Parts == 0 || a.alone && len(answers) == 1 && answerSize(answers[0]) <= int64(a.node.wholeLimit(a.message))
	switch {
	case a.over:
	case whole:
		out.whole, out.done = answers, a.awaited == 0
	case len(answers) > 0 || a.awaited == 0:
		if a.flow == nil {
			a.flow = a.node.outgoingAnswer(a.message)
		}
		if out.flow = a.flow; out.flow == nil {
			a.node.counts.dropped.Add(uint64(len(answers)))
			a.lost = true
			break
		}
		records, all := a.node.records(answers)
		a.lost = a.lost || !all
		out.done = a.awaited == 0 && !a.lost
		out.part = out.flow.put(records, out.done)
	}
	return out
}

// records encodes answers, as many as memory can be reserved for.
func (n *Node) records(answers []adapter.Answer) (b []byte, all bool) {
	all = true
	for _, answer := range answers {
		start := len(b)
		b = appendAnswer(b, answer)
		if !n.reserveOutgoing(len(b) - start) {
			b, all = b[:start], false
		}
	}
	return b, all
}

func (a *ackRelay) send(out passed) {
	if out.done {
		a.cancel()
	}
	out.flow.send(out.part)
	for _, answer := range out.whole {
		a.node.respondAnswer(a.message, BroadcastAck, answer)
	}
}

// end is called when the context ends.
func (a *ackRelay) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flow != nil && (a.awaited != 0 || a.lost) {
		a.flow.finish()
	}
	a.node.releaseOutgoing(a.held)
	a.over, a.early, a.held = true, nil, 0
	a.node.relays.Add(-1)
}
