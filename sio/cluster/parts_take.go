package cluster

// What a node that has asked does about answers in parts. It says how large the next
// part may be, so it bounds what is on its way to it: at a bus that closes the
// connections of slow readers, as Redis does, that is what counts.
const (
	// window is about how many bytes of parts are on their way to a node, all together.
	window = 2 << 20
	// maxPart and minPart bound what one part may have, the first one apart.
	maxPart, minPart = 256 << 10, 4 << 10
	// maxFirst and minFirst bound a first part. All nodes send theirs at once.
	maxFirst, minFirst = 16 << 10, 512
)

// firstLimit is how many bytes each of the servers may send at once.
func (n *Node) firstLimit(servers int) int {
	return min(max(window/(max(servers, 1)*(n.requests.len()+1)), minFirst), maxFirst)
}

// nextPart asks for the part of an answer that follows those that have come.
func (n *Node) nextPart(f *inflow) Part {
	return Part{Number: f.next, Limit: n.partLimit()}
}

// partLimit is how many bytes the next part of one of the answers under way may have.
func (n *Node) partLimit() int {
	return min(max(window/max(int(n.inflows.Load()), 1), minPart), maxPart)
}

// partCost is at most what a part's message has besides its bytes and the namespace's name.
const partCost = 1 << 10

// fits is how many bytes a part may have that the bus carries, limit at most.
func (n *Node) fits(limit int) int {
	limit = min(limit, maxPart)
	if s, ok := n.bus.(Sizer); ok {
		limit = min(limit, max(s.MaxMessage()-partCost-len(n.namespace), 1))
	}
	return limit
}

// inflow is one node's answer that comes in parts. Guarded by the lock of its request.
type inflow struct {
	stream string
	next   int    // number of the part that is wanted
	rest   []byte // the head of a record whose end has not come
	whole  bool   // the last part has come
	over   bool   // it is not among Node.inflows any more
}

// inflow begins to take an answer.
func (n *Node) inflow(stream string) inflow {
	n.inflows.Add(1)
	return inflow{stream: stream}
}

// endInflow notes that no more of f is wanted.
func (n *Node) endInflow(f *inflow) {
	if !f.over {
		f.over = true
		n.inflows.Add(-1)
	}
}

// verdict is what becomes of a part.
type verdict int

const (
	partTaken   verdict = iota
	partKnown           // again: the answering node may not have heard that it has come
	partUnknown         // it is not waited for
	partBroken          // nothing more of it can be taken
)

// judge says what to do about a part, which is then the next one if it is taken. f is
// nil before the first one.
func (f *inflow) judge(p *Part) verdict {
	switch {
	case f == nil && p.Number == 0, f != nil && f.stream == p.Stream && p.Number == f.next:
		return partTaken
	case f != nil && f.stream == p.Stream && p.Number < f.next:
		return partKnown
	}
	return partUnknown
}

// add takes the bytes of the next part and calls take with each record that is complete.
// It reports false, and the flow is over, when they are none, or take does.
func (f *inflow) add(p *Part, take func(record []byte) bool) bool {
	f.next++
	f.whole = p.Last
	b := p.Bytes
	if len(f.rest) > 0 {
		b = append(f.rest, b...) // behind what records refer to
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

// takePart takes a piece of an answer, and asks for the next one.
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
	_ = n.publish(&Message{Type: NextPart, To: m.UID, RequestID: reply.Stream, Part: &reply}) // repeated when the part is
}
