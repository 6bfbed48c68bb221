package cluster

import (
	"errors"

	"github.com/sioserver/sioserver/sio/adapter"
)

// MaxWhole bounds, approximately, the bytes of an answer to a node of the
// reference, which takes no parts; the bound is half of what the bus carries if
// that is less. A larger answer is not sent and counts in Stats.TooLarge, so
// the request of that node ends at its own timeout. Answers to nodes of this
// package travel in parts and have any size.
const MaxWhole = 8 << 20

// describe has a worker answer with the selected sockets, or their number.
func (n *Node) describe(m *Message) {
	if m.RequestID == "" {
		n.counts.invalid.Add(1)
		return
	}
	n.start(&n.describers, func() { n.describeOne(m, false) })
}

// describeOne answers one request on a describer. counted is as in
// describeInParts.
func (n *Node) describeOne(m *Message, counted bool) {
	defer func() {
		if counted { // but describeInParts was not needed
			n.descriptionEnded(m.UID)
		} else {
			n.startWaiting()
		}
	}()
	if m.CountOnly {
		n.respond(m, Message{Type: FetchSocketsResponse, CountOnly: true, ClientCount: n.local.CountSockets(m.Options)})
	} else {
		n.describeSockets(m, &counted)
	}
}

// wholeLimit returns how many bytes an answer to m may have that travels whole.
func (n *Node) wholeLimit(m *Message) int {
	limit := MaxWhole
	if m.Parts != 0 {
		limit = min(max(m.Parts, 0), maxPart)
	}
	if s, ok := n.bus.(Sizer); ok {
		limit = min(limit, s.MaxMessage()/2)
	}
	return limit
}

// describeSockets describes sockets page by page, so that an answer in parts is
// never in memory as a whole.
func (n *Node) describeSockets(m *Message, counted *bool) {
	limit := n.wholeLimit(m)
	pages := n.local.Describe(m.Options)
	var list []adapter.Details
	size := 0
	for {
		page := pages()
		if len(page) == 0 {
			n.respond(m, Message{Type: FetchSocketsResponse, Sockets: list})
			return
		}
		for i := range page {
			size += wholeSize(&page[i])
		}
		list = append(list, page...)
		if size > limit {
			break
		}
	}
	if m.Parts == 0 {
		n.tooLarge(m, size, limit)
		return
	}
	n.describeInParts(m, appendSockets(nil, list), func() (records []byte, more bool) {
		page := pages()
		return appendSockets(nil, page), len(page) > 0
	}, counted)
}

func appendSockets(b []byte, list []adapter.Details) []byte {
	for i := range list {
		b = appendSocket(b, &list[i])
	}
	return b
}

// wholeSize returns about how many bytes a description has in an answer that
// travels whole.
func wholeSize(d *adapter.Details) int {
	const around = len(`{"id":"","handshake":,"rooms":[],"data":},`)
	size := around + len(d.ID) + len(d.Handshake) + len(d.Data)
	for _, room := range d.Rooms {
		size += len(`"",`) + len(room)
	}
	return size
}

// tooLarge counts and logs an answer that is not sent.
func (n *Node) tooLarge(m *Message, size, limit int) {
	n.counts.tooLarge.Add(1)
	n.cfg.Logger.Warn("cluster: an answer is not sent, because it is too large for a node that takes no parts",
		"namespace", n.namespace, "node", m.UID, "bytes", size, "limit", limit)
}

// respond sends an answer to the node that has sent m.
func (n *Node) respond(m *Message, answer Message) {
	answer.To, answer.RequestID, answer.Parts = m.UID, m.RequestID, m.Parts
	if err := n.publish(&answer); errors.Is(err, ErrUnencodable) {
		n.counts.lost.Add(1)
	}
}

// respondAnswer sends an answer of any size: in parts if it is large and the
// node takes parts.
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
		if f := n.outgoingAnswer(m); f != nil {
			f.send(f.put(records, true))
		} else {
			n.releaseOutgoing(len(records))
			n.counts.dropped.Add(1)
		}
	}
}
