package cluster

import "github.com/sioserver/sioserver/sio/adapter"

// MaxWhole is about how many bytes an answer has at most that must come whole, because
// the node that has asked is one of the reference; or half of what the bus carries, if
// that is less. A larger one is not sent, and
// counted as TooLarge: the request of that node ends at its own timeout. Answers to
// nodes of this package come in parts, whatever their size.
const MaxWhole = 8 << 20

// describe answers with the sockets that are asked for, or their number.
func (n *Node) describe(m *Message) {
	if m.RequestID == "" {
		n.counts.invalid.Add(1)
		return
	}
	n.start(&n.describers, func() { n.describeOne(m, false) })
}

// describeOne is what a describer does. turn is that of page.
func (n *Node) describeOne(m *Message, turn bool) {
	defer func() {
		if turn { // it was not needed
			n.paged(m.UID)
		} else {
			n.beginWaiting()
		}
	}()
	if m.CountOnly {
		n.respond(m, Message{Type: FetchSocketsResponse, CountOnly: true, ClientCount: n.local.CountSockets(m.Options)})
	} else {
		n.describeSockets(m, &turn)
	}
}

// wholeLimit is how large an answer to m may be that comes whole.
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

// describeSockets describes sockets page by page, so that not all are in memory at once
// if they come in parts.
func (n *Node) describeSockets(m *Message, turn *bool) {
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
	n.page(m, appendSockets(nil, list), func() (records []byte, more bool) {
		page := pages()
		return appendSockets(nil, page), len(page) > 0
	}, turn)
}

func appendSockets(b []byte, list []adapter.Details) []byte {
	for i := range list {
		b = appendSocket(b, &list[i])
	}
	return b
}

// wholeSize is about what a description takes in an answer that comes whole.
func wholeSize(d *adapter.Details) int {
	const around = len(`{"id":"","handshake":,"rooms":[],"data":},`)
	size := around + len(d.ID) + len(d.Handshake) + len(d.Data)
	for _, room := range d.Rooms {
		size += len(`"",`) + len(room)
	}
	return size
}

// tooLarge counts an answer that is not sent.
func (n *Node) tooLarge(m *Message, size, limit int) {
	n.counts.tooLarge.Add(1)
	n.cfg.Logger.Warn("cluster: an answer is too large for a node that takes it only whole: it is not sent",
		"namespace", n.namespace, "node", m.UID, "bytes", size, "limit", limit)
}
