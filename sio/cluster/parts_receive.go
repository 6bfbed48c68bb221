package cluster

// The receiving side of answers in parts. The node that asks requests each part
// and bounds its size, so that little is on its way to the node at a time: a
// bus may close the connections of slow readers, as Redis does.
const (
	// window bounds, approximately, the bytes of all parts on their way to a
	// node.
	window = 2 << 20
	// maxPart and minPart bound the bytes of one part, except for the first
	// one.
	maxPart, minPart = 256 << 10, 4 << 10
	// maxFirst and minFirst bound a first part, which all nodes send at once.
	maxFirst, minFirst = 16 << 10, 512
)

// firstLimit returns how many bytes the first part of each of the servers may
// have.
func (n *Node) firstLimit(servers int) int {
	return min(max(window/(max(servers, 1)*(n.requests.len()+1)), minFirst), maxFirst)
}

// nextPart returns the request for the next part of an answer.
func (n *Node) nextPart(f *incomingAnswer) Part {
	return Part{Number: f.next, Limit: n.partLimit()}
}

// partLimit returns how many bytes the next part of an answer may have.
func (n *Node) partLimit() int {
	return min(max(window/max(int(n.incoming.Load()), 1), minPart), maxPart)
}

// partCost bounds the bytes of a part's message besides the part and the
// namespace.
const partCost = 1 << 10

// fits returns limit, or less if the bus does not carry such a part.
func (n *Node) fits(limit int) int {
	limit = min(limit, maxPart)
	if s, ok := n.bus.(Sizer); ok {
		limit = min(limit, max(s.MaxMessage()-partCost-len(n.namespace), 1))
	}
	return limit
}

// incomingAnswer is one node's answer that arrives in parts. Guarded by the
// lock of its request.
type incomingAnswer struct {
	stream string
	next   int    // number of the next part
	rest   []byte // the head of a record whose end has not arrived
	whole  bool   // the last part has arrived
	over   bool   // Node.incoming does not count it
}

// incomingAnswer begins an answer.
func (n *Node) incomingAnswer(stream string) incomingAnswer {
	n.incoming.Add(1)
	return incomingAnswer{stream: stream}
}

// endIncoming ends f.
func (n *Node) endIncoming(f *incomingAnswer) {
	if !f.over {
		f.over = true
		n.incoming.Add(-1)
	}
}

// verdict is what happens to a part.
type verdict int

const (
	partTaken   verdict = iota
	partKnown           // received before: the reply may not have arrived
	partUnknown         // no request waits for it
	partBroken          // the answer is malformed, or too large
)

// judge reports whether p is the next part of f, which is nil before the first
// one. Otherwise v and reply say what to do with p.
func (n *Node) judge(f *incomingAnswer, p *Part) (v verdict, reply Part, ok bool) {
	switch {
	case f == nil && p.Number == 0, f != nil && f.stream == p.Stream && p.Number == f.next:
		return partTaken, reply, true
	case f != nil && f.stream == p.Stream && p.Number < f.next:
		return partKnown, n.nextPart(f), false
	}
	return partUnknown, Part{Stop: true}, false
}

// add takes the bytes of the next part and calls take with each complete
// record. It reports false, and the answer ends, if the bytes are malformed or
// take reports false.
func (f *incomingAnswer) add(p *Part, take func(record []byte) bool) bool {
	f.next++
	f.whole = p.Last
	b := p.Bytes
	if len(f.rest) > 0 {
		b = append(f.rest, b...) // a copy: records refer to the bytes before
	}
	for {
		record, rest, ok := cutField(b)
		if !ok {
			break
		}
		b = rest
		if !take(record) {
			return false
		}
	}
	f.rest = b
	return !badLength(b) && !(f.whole && len(b) > 0)
}

// takePart takes a part of an answer and requests the next one.
func (n *Node) takePart(m *Message) {
	if m.Part == nil || m.UID == "" || m.Part.Stream == "" || len(m.Part.Stream) > maxID {
		n.counts.invalid.Add(1)
		return
	}
	reply := Part{Stream: m.Part.Stream, Stop: true}
	v := partUnknown
	if p := n.requests.find(m.RequestID); p != nil {
		v, reply = p.part(m)
	}
	switch v {
	case partUnknown, partKnown:
		n.counts.unknown.Add(1)
	case partBroken:
		n.counts.invalid.Add(1)
	}
	reply.Stream = m.Part.Stream
	_ = n.publish(&Message{Type: NextPart, To: m.UID, RequestID: reply.Stream, Part: &reply}) // if it is lost, the part comes again
}
