package cluster

import (
	"context"
	"sync"

	"github.com/sioserver/sioserver/sio/adapter"
)

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
	a := &asked{node: n, message: &Message{UID: m.UID, RequestID: m.RequestID, Parts: m.Parts}, cancel: cancel}
	context.AfterFunc(ctx, a.end)
	if err := n.local.BroadcastAck(ctx, m.Packet, m.Options, a); err != nil {
		cancel()
		n.refuse(m, err)
	}
}

// asked is a broadcast of another node whose acknowledgements by this server's
// clients are awaited. It implements [adapter.Acks]. Safe for concurrent use.
//
// If the other node takes parts, answers are batched by the way in which these travel:
// what comes while one is under way is the next one.
type asked struct {
	node    *Node
	message *Message // says whom to answer
	cancel  func()   // ends the waiting

	mu      sync.Mutex
	told    bool             // the other node knows how many clients were asked
	alone   bool             // it is one
	early   []adapter.Answer // that came before
	held    int              // bytes of these
	flow    *outflow         // nil before the first answer that goes in parts
	lost    bool             // there was no room for an answer: the other node must not take all for told
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
	a.node.releaseOut(a.held)
	a.told, a.alone, a.early, a.held = true, clients == 1, nil, 0
	a.awaited += clients
	var out passed
	if out.done = clients == 0; clients > 0 {
		out = a.passLocked(early)
	}
	a.mu.Unlock()
	a.send(out)
}

// Answer implements adapter.Acks.
func (a *asked) Answer(answer adapter.Answer) {
	a.mu.Lock()
	a.awaited--
	var out passed
	switch size := answerCost + int(answerSize(answer)); {
	case a.told:
		out = a.passLocked([]adapter.Answer{answer})
	case a.over:
	case a.node.holdOut(size):
		a.early, a.held = append(a.early, answer), a.held+size
	default:
		a.lost = true
	}
	a.mu.Unlock()
	a.send(out)
}

// Gone implements adapter.Acks. Only what goes in parts can say so.
func (a *asked) Gone(clients int, _ error) {
	a.mu.Lock()
	a.awaited -= clients
	var out passed
	if a.told {
		out = a.passLocked(nil)
	}
	a.mu.Unlock()
	a.send(out)
}

// passed is what is to be sent.
type passed struct {
	whole []adapter.Answer
	part  *Message // of flow
	flow  *outflow
	done  bool // nothing is awaited any more
}

// passLocked passes on answers, once their number was told. What goes in parts says with
// the last one that no more will come.
func (a *asked) passLocked(answers []adapter.Answer) (out passed) {
	whole := a.message.Parts == 0 || a.alone && len(answers) == 1 && answerSize(answers[0]) <= int64(a.node.wholeLimit(a.message))
	switch {
	case a.over:
	case whole:
		out.whole, out.done = answers, a.awaited == 0
	case len(answers) > 0 || a.awaited == 0:
		if a.flow == nil {
			a.flow = a.node.outflow(a.message)
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

// records are those of answers; of as many as there is room for.
func (n *Node) records(answers []adapter.Answer) (b []byte, all bool) {
	all = true
	for _, answer := range answers {
		start := len(b)
		b = appendAnswer(b, answer)
		if !n.holdOut(len(b) - start) {
			b, all = b[:start], false
		}
	}
	return b, all
}

func (a *asked) send(out passed) {
	if out.done {
		a.cancel()
	}
	out.flow.send(out.part)
	for _, answer := range out.whole {
		a.node.respondAnswer(a.message, BroadcastAck, answer)
	}
}

// end is called when the waiting ends.
func (a *asked) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flow != nil && (a.awaited != 0 || a.lost) {
		a.flow.finish()
	}
	a.node.releaseOut(a.held)
	a.over, a.early, a.held = true, nil, 0
	a.node.asked.Add(-1)
}
