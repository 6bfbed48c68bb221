package cluster

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// The sending side of answers in parts: see parts_receive.go. A part is sent
// when the one before was confirmed, and again if it is not confirmed itself.
const (
	// resendTime is the time until a part is sent again, doubled each time up
	// to maxResendTime. It is refusedTime if the bus has not taken the part.
	resendTime    = 2 * time.Second
	maxResendTime = 8 * time.Second
	refusedTime   = 100 * time.Millisecond
	// abandonTime is how long the receiver may be silent before the rest of an
	// answer is dropped. It is less if other requests wait: see dropSilent.
	abandonTime = time.Minute
	// maxDescriptions is how many descriptions of sockets are under way at
	// once.
	maxDescriptions = 32
)

// outgoingAnswer is an answer that is sent to one node in parts. The locks of
// outgoing and of the describers are taken inside its lock, which is taken
// inside that of an ackRelay.
type outgoingAnswer struct {
	node        *Node
	id          string // Part.Stream
	to, request string

	mu         sync.Mutex
	ofSockets  bool                               // it describes sockets
	nextPage   func() (records []byte, more bool) // describes the next sockets; nil at the end
	describing bool                               // a describer calls nextPage
	buf        []byte                             // not sent yet
	ended      bool                               // buf has the end of the answer
	limit      int                                // of the part that was requested; 0 if none was
	number     int                                // of that part, or of the one that was sent
	sent       *Part                              // not confirmed yet
	again      time.Duration                      // until it is sent again
	heard      time.Time                          // when the receiver last confirmed a part
	waiting    int                                // bytes that outgoing.held counts
	timer      *time.Timer                        // for tick; nil before the first part
	over       bool
}

// outgoingAnswers holds the answers that are sent in parts, by id.
type outgoingAnswers struct {
	mu           sync.Mutex
	flows        map[string]*outgoingAnswer
	descriptions int            // that describe sockets
	toNode       map[string]int // how many of these, by the UID of the receiver
	waiting      []*Message     // requests for such ones that wait for their counted
	held         int            // bytes of other answers
	closed       bool
}

// outgoingAnswer begins an answer to the sender of m. It returns nil if there
// are too many, or after close. The first put or run sends.
func (n *Node) outgoingAnswer(m *Message) *outgoingAnswer {
	f := &outgoingAnswer{node: n, to: m.UID, request: m.RequestID, limit: n.fits(max(m.Parts, minFirst)), heard: time.Now(), again: resendTime}
	o := &n.outgoing
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.flows) >= n.cfg.MaxRequests {
		return nil
	}
	f.id = n.cfg.UID()
	if _, taken := o.flows[f.id]; taken {
		return nil
	}
	o.flows[f.id] = f
	return f
}

// reserveOutgoing reserves memory for answers that wait for other nodes. It
// reports false, and counts, if none is left.
func (n *Node) reserveOutgoing(size int) bool {
	o := &n.outgoing
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.held+size > n.cfg.MaxAnswerBytes {
		n.counts.dropped.Add(1)
		return false
	}
	o.held += size
	return true
}

func (n *Node) releaseOutgoing(size int) {
	o := &n.outgoing
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held -= size
}

// describeInParts begins an answer of records and what pages describes. If too
// many descriptions are under way, m waits instead. *counted reports whether
// startDescription has counted m; it is cleared once the answer is responsible
// for descriptionEnded.
func (n *Node) describeInParts(m *Message, records []byte, pages func() (records []byte, more bool), counted *bool) {
	if !*counted && !n.startDescription(m) {
		n.dropSilent()
		return
	}
	*counted = false
	f := n.outgoingAnswer(m)
	if f == nil {
		n.counts.dropped.Add(1)
		n.descriptionEnded(m.UID)
		return
	}
	f.mu.Lock()
	f.buf, f.ofSockets, f.nextPage, f.describing = records, true, pages, true
	ended := f.over // by close: it was no description then
	f.mu.Unlock()
	if ended {
		n.descriptionEnded(m.UID)
		return
	}
	f.run()
}

// startDescription reports whether a description of sockets may begin, and
// counts it. Otherwise m waits.
func (n *Node) startDescription(m *Message) bool {
	o := &n.outgoing
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.descriptions < maxDescriptions:
		o.descriptions++
		o.toNode[m.UID]++
		return true
	case len(o.waiting) < n.cfg.MaxQueued && !o.closed:
		o.waiting = append(o.waiting, m)
	default:
		n.counts.dropped.Add(1)
	}
	return false
}

// dropSilent ends descriptions for nodes that have been silent for longer than
// a request of this node would wait: the nodes may be dead, and other requests
// wait.
func (n *Node) dropSilent() {
	o := &n.outgoing
	o.mu.Lock()
	list := slices.Collect(maps.Values(o.flows))
	o.mu.Unlock()
	for _, f := range list {
		f.mu.Lock()
		if f.ofSockets && !f.over && time.Since(f.heard) >= 2*n.cfg.RequestTimeout {
			n.counts.dropped.Add(1)
			f.finishLocked()
		}
		f.mu.Unlock()
	}
}

// descriptionEnded notes that a description of sockets for a node has ended,
// and begins the next one.
func (n *Node) descriptionEnded(uid string) {
	o := &n.outgoing
	o.mu.Lock()
	defer o.mu.Unlock()
	o.descriptions--
	if o.toNode[uid]--; o.toNode[uid] == 0 {
		delete(o.toNode, uid)
	}
	n.startWaitingLocked()
}

// startWaiting begins a waiting description, if one may begin: that of the node
// with the fewest under way. Each describer calls it at its end, because all
// describers may have been busy before.
func (n *Node) startWaiting() {
	n.outgoing.mu.Lock()
	defer n.outgoing.mu.Unlock()
	n.startWaitingLocked()
}

func (n *Node) startWaitingLocked() {
	o := &n.outgoing
	if len(o.waiting) == 0 || o.descriptions >= maxDescriptions || o.closed {
		return
	}
	next := 0
	for i, m := range o.waiting {
		if o.toNode[m.UID] < o.toNode[o.waiting[next].UID] {
			next = i
		}
	}
	m := o.waiting[next]
	if !n.describers.do(func() { n.describeOne(m, true) }) {
		return
	}
	o.descriptions++
	o.toNode[m.UID]++
	if o.waiting = slices.Delete(o.waiting, next, next+1); len(o.waiting) == 0 {
		o.waiting = nil // lets go of the array
	}
}

// put adds records for which reserveOutgoing has reserved memory. It returns
// the part to send, or nil. If last is set, no records follow.
func (f *outgoingAnswer) put(records []byte, last bool) *Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		f.node.releaseOutgoing(len(records))
		return nil
	}
	f.waiting += len(records)
	f.buf, f.ended = append(f.buf, records...), f.ended || last
	return f.cutLocked()
}

// run describes as many sockets as the next part needs and sends it. It is
// called on a describer.
func (f *outgoingAnswer) run() {
	done := false
	defer func() {
		if !done { // a panic, or the end of the goroutine
			f.finish()
		}
	}()
	for f.wantsMore() {
		records, more := f.nextPage()
		f.mu.Lock()
		f.buf = append(f.buf, records...)
		if !more {
			f.nextPage, f.ended = nil, true
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	f.describing = false
	m := f.cutLocked()
	f.mu.Unlock()
	done = true
	f.send(m)
}

// wantsMore reports whether the next part needs more sockets.
func (f *outgoingAnswer) wantsMore() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.over && f.nextPage != nil && len(f.buf) <= f.limit
}

// describeMoreLocked has a describer call run, now or, if all are busy, soon.
func (f *outgoingAnswer) describeMoreLocked() {
	if f.describing || f.nextPage == nil {
		return
	}
	f.describing = f.node.describers.do(f.run)
	if !f.describing {
		f.tickLocked(refusedTime)
	}
}

// cutLocked returns the next part, or nil if none was requested or there is
// none.
func (f *outgoingAnswer) cutLocked() *Message {
	if f.over || f.limit == 0 || len(f.buf) == 0 && !f.ended {
		return nil
	}
	n := min(len(f.buf), f.limit)
	f.sent = &Part{Stream: f.id, Number: f.number, Bytes: f.buf[:n:n], Last: f.ended && n == len(f.buf)}
	f.buf, f.limit = f.buf[n:], 0
	f.again = resendTime
	f.tickLocked(f.again)
	return f.messageLocked()
}

func (f *outgoingAnswer) messageLocked() *Message {
	return &Message{Type: AnswerPart, To: f.to, RequestID: f.request, Part: f.sent}
}

// tickLocked has tick called after d.
func (f *outgoingAnswer) tickLocked(d time.Duration) {
	if f.timer == nil {
		f.timer = time.AfterFunc(d, f.tick)
	} else {
		f.timer.Reset(d)
	}
}

// send publishes m unless it is nil. A part that the bus does not take is soon
// sent again.
func (f *outgoingAnswer) send(m *Message) {
	if m == nil {
		return
	}
	err := f.node.publish(m)
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.over || f.sent != m.Part:
	case errors.Is(err, ErrUnencodable), errors.Is(err, ErrClosed):
		f.finishLocked()
	default:
		f.tickLocked(refusedTime)
	}
}

// tick sends a part again, has one described, or ends the answer.
func (f *outgoingAnswer) tick() {
	defer f.node.recovered()
	f.mu.Lock()
	var m *Message
	switch {
	case f.over:
	case time.Since(f.heard) >= abandonTime:
		f.node.counts.dropped.Add(1)
		f.finishLocked()
	case f.sent != nil:
		f.again = min(2*f.again, maxResendTime)
		f.tickLocked(f.again)
		m = f.messageLocked()
		f.node.counts.resent.Add(1)
	default:
		f.describeMoreLocked()
	}
	f.mu.Unlock()
	f.send(m)
}

// next takes a NextPart.
func (o *outgoingAnswers) next(n *Node, m *Message) {
	o.mu.Lock()
	f := o.flows[m.RequestID]
	o.mu.Unlock()
	if m.Part == nil {
		n.counts.invalid.Add(1)
		return
	}
	if f == nil || f.to != m.UID || !f.confirmed(m.Part) {
		n.counts.unknown.Add(1)
	}
}

// confirmed notes that a part has arrived and sends the next one. It reports
// false if p confirms nothing.
func (f *outgoingAnswer) confirmed(p *Part) bool {
	f.mu.Lock()
	switch {
	case p.Stop:
		f.finishLocked()
		f.mu.Unlock()
		return true
	case f.over, f.sent == nil, p.Number != f.number+1:
		f.mu.Unlock()
		return false
	}
	f.heard = time.Now()
	f.releaseLocked(len(f.sent.Bytes))
	last := f.sent.Last
	f.sent, f.number, f.limit = nil, f.number+1, f.node.fits(max(p.Limit, minFirst))
	if last {
		f.finishLocked()
	}
	f.describeMoreLocked()
	var next *Message
	if !f.describing {
		next = f.cutLocked()
	}
	f.mu.Unlock()
	f.send(next)
	return true
}

func (f *outgoingAnswer) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.finishLocked()
}

// finishLocked ends the answer.
func (f *outgoingAnswer) finishLocked() {
	if f.over {
		return
	}
	f.over, f.buf, f.sent = true, nil, nil
	if f.timer != nil {
		f.timer.Stop()
	}
	f.releaseLocked(f.waiting)
	f.node.outgoing.forget(f.id)
	if f.ofSockets {
		f.node.descriptionEnded(f.to)
	}
}

// releaseLocked releases memory.
func (f *outgoingAnswer) releaseLocked(size int) {
	size = min(size, f.waiting)
	f.waiting -= size
	f.node.releaseOutgoing(size)
}

func (o *outgoingAnswers) forget(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.flows, id)
}

func (o *outgoingAnswers) len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.flows)
}

// queued returns how many requests for sockets wait.
func (o *outgoingAnswers) queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
}

// close ends all answers and drops the requests that wait. It returns their
// number.
func (o *outgoingAnswers) close() (dropped int) {
	o.mu.Lock()
	o.closed = true
	dropped, o.waiting = len(o.waiting), nil
	list := slices.Collect(maps.Values(o.flows))
	o.mu.Unlock()
	for _, f := range list {
		f.finish()
	}
	return dropped
}
