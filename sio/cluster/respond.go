package cluster

import (
	"errors"
	"sync/atomic"

	"github.com/sioserver/sioserver/sio/adapter"
)

// respond sends an answer to the node that has sent m.
func (n *Node) respond(m *Message, answer Message) {
	answer.To, answer.RequestID, answer.Parts = m.UID, m.RequestID, m.Parts
	if err := n.publish(&answer); errors.Is(err, ErrUnencodable) {
		n.counts.lost.Add(1)
	}
}

// respondAnswer sends an answer whose size is not known: in parts if it is large and the
// node takes them.
func (n *Node) respondAnswer(m *Message, kind MessageType, a adapter.Answer) {
	size, limit := int(answerSize(a)), n.wholeLimit(m)
	switch {
	case m.Parts == 0 && size > limit:
		n.tooLarge(m, size, limit)
	case size <= limit:
		n.respond(m, Message{Type: kind, Answer: a})
	default:
		records, ok := n.records([]adapter.Answer{a})
		if !ok {
			return
		}
		if f := n.outflow(m); f != nil {
			f.send(f.put(records, true))
		} else {
			n.releaseOut(len(records))
			n.counts.dropped.Add(1)
		}
	}
}

// serverSide calls the namespace's handlers.
func (n *Node) serverSide(m *Message) {
	var reply func(adapter.Answer)
	if m.RequestID != "" {
		var replied atomic.Bool
		reply = func(a adapter.Answer) {
			if !replied.Swap(true) {
				n.respondAnswer(m, ServerSideEmitResponse, a)
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
